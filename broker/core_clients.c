/* What clients send: SUBMIT, CANCEL, DRAIN, STATUS. */
#include "broker/core_state.h"

#include <string.h>

enum { TEXT_MAX = 96 };

/* --- answers --- */

static sent_t
s_send_error(core_t *self, session_t *session, const job_id_t *id,
             fault_code_t code, const char *text)
{
    message_t *message = core_message(self, MESSAGE_ERROR);
    if (id) {
        message->job = *id;
        message->present |= key_bit(KEY_JOB);
    }
    message->code = (uint16_t)code;
    message->present |= key_bit(KEY_CODE);
    core_put_text(message, text);
    return core_send(self, session, NULL);
}

/* Why a job is not accepted, and which part has no worker. */
typedef struct busy {
    fault_code_t code;
    uint16_t part;
} busy_t;

static const struct {
    size_t counter;
    uint16_t retry_after_ms;
    const char *text;
} s_busy_reasons[] = {
#define REASON(name) [FAULT_BUSY_##name - FAULT_BUSY_MEMORY]
#define COUNTER(name) offsetof(metrics_counters_t, name)
    REASON(MEMORY) = {COUNTER(busy_memory), 100, "its memory is full"},
    REASON(QUEUE) = {COUNTER(busy_queue), 100, "its queue is full"},
    REASON(WINDOW) = {COUNTER(busy_window), 20, "this client's window is full"},
    REASON(NO_WORKER) = {COUNTER(busy_no_worker), 1000, NULL},
    REASON(DRAINING) = {COUNTER(busy_draining), 1000, "it is shutting down"},
#undef COUNTER
#undef REASON
};

static bool
s_is_busy(fault_code_t code)
{
    return code >= FAULT_BUSY_MEMORY && code <= FAULT_BUSY_DRAINING;
}

static sent_t
s_send_busy(core_t *self, session_t *session, const job_id_t *id, busy_t busy)
{
    message_t *message = core_message(self, MESSAGE_BUSY);
    size_t reason = busy.code - FAULT_BUSY_MEMORY;
    message->job = *id;
    message->code = (uint16_t)busy.code;
    message->retry_after_ms = s_busy_reasons[reason].retry_after_ms;
    message->present |=
        key_bit(KEY_JOB) | key_bit(KEY_CODE) | key_bit(KEY_RETRY_AFTER_MS);
    if (busy.code == FAULT_BUSY_NO_WORKER) {
        fault_t fault;
        fault_set(&fault, busy.code, "part %u has no worker", busy.part);
        core_put_text(message, fault.text);
        message->part_index = busy.part;
        message->part_count = self->config.parts_count;
        message->present |= key_bit(KEY_PART);
    } else {
        core_put_text(message, s_busy_reasons[reason].text);
    }
    return core_send(self, session, NULL);
}

/* A refusal that does not fit into the client's queue is kept: a client must
 * not wait for an answer that was dropped. One that never reads loses its
 * session, and asks again in the next. */
static void
s_keep_refusal(core_t *self, session_t *session, const job_id_t *id, busy_t why)
{
    client_t *client = &session->client;
    if (client->refusals_count == REFUSALS_MAX) {
        peers_doom(self, session, "it does not read its answers");
        return;
    }
    client->refusals[client->refusals_count++] =
        (refusal_t){*id, (uint16_t)why.code, why.part};
    timers_set(&self->timers, &session->retry,
               self->now_us + us_from_ms(FULL_RETRY_MS));
}

/* Asked again before the refusal went out: only the new answer counts. */
static void
s_drop_refusal(client_t *client, const job_id_t *id)
{
    for (uint32_t i = 0; i < client->refusals_count; i++)
        if (job_id_equal(&client->refusals[i].job, id)) {
            client->refusals[i] = client->refusals[--client->refusals_count];
            return;
        }
}

bool
clients_flush(core_t *self, session_t *session)
{
    client_t *client = &session->client;
    while (client->refusals_count > 0) {
        const refusal_t *last = &client->refusals[client->refusals_count - 1];
        fault_code_t code = (fault_code_t)last->code;
        sent_t sent = s_is_busy(code) ? s_send_busy(self, session, &last->job,
                                                    (busy_t){code, last->part})
                                      : s_send_error(self, session, &last->job,
                                                     code, fault_name(code));
        if (sent != SENT_OK)
            return false;
        client->refusals_count--;
    }
    return true;
}

/* ERROR about a job that is none of ours. */
static void
s_refuse(core_t *self, session_t *session, const job_id_t *id,
         fault_code_t code, const char *text)
{
    if (s_send_error(self, session, id, code, text) == SENT_FULL && id)
        s_keep_refusal(self, session, id, (busy_t){.code = code});
}

static void
s_busy(core_t *self, session_t *session, const job_id_t *id, busy_t busy)
{
    size_t reason = busy.code - FAULT_BUSY_MEMORY;
    uint64_t *counter = (uint64_t *)(void *)((char *)&self->counters +
                                             s_busy_reasons[reason].counter);
    ++*counter;
    if (s_send_busy(self, session, id, busy) == SENT_FULL)
        s_keep_refusal(self, session, id, busy);
}

/* --- SUBMIT --- */

static bool
s_owns(const session_t *session, const job_id_t *id)
{
    return memcmp(session->peer_id, id->bytes, CLIENT_ID_BYTES) == 0;
}

int
core_check_tensors(const core_input_t *input, const tensor_spec_t *specs,
                   uint16_t count, fault_t *fault)
{
    const message_t *message = input->message;
    if (message->tensors_count != count || input->frames_count != count)
        return fault_set(fault, FAULT_BAD_SHAPE,
                         "%u tensors and %zu frames where %u are wanted",
                         message->tensors_count, input->frames_count, count);
    for (uint16_t i = 0; i < count; i++) {
        const tensor_spec_t *spec = &specs[i];
        const tensor_header_t *tensor = &message->tensors[i];
        char wanted[TEXT_MAX], given[TEXT_MAX];
        if (tensor->dtype != spec->dtype)
            return fault_set(
                fault, FAULT_BAD_DTYPE, "tensor %.60s is %s, %s is wanted",
                spec->name, dtype_name(tensor->dtype), dtype_name(spec->dtype));
        if (!shape_matches(&spec->shape, &tensor->shape) ||
            tensor_bytes(spec->dtype, &spec->shape, 1) != tensor->bytes)
            return fault_set(fault, FAULT_BAD_SHAPE,
                             "tensor %.60s is %s, %s (one sample) is wanted",
                             spec->name,
                             shape_text(&tensor->shape, given, sizeof given),
                             shape_text(&spec->shape, wanted, sizeof wanted));
        if (input->frame_bytes[i] != tensor->bytes)
            return fault_set(fault, FAULT_BAD_FRAME,
                             "tensor %.60s came with %zu bytes, not %llu",
                             spec->name, input->frame_bytes[i],
                             (unsigned long long)tensor->bytes);
    }
    return 0;
}

/* Why there is no room for another job; FAULT_NONE if there is. */
static fault_code_t
s_admission(const core_t *self, const session_t *session)
{
    const client_t *client = &session->client;
    if (self->jobs.count >= self->config.queue_jobs)
        return FAULT_BUSY_QUEUE;
    if (client->jobs_count >= self->config.window_jobs ||
        (client->jobs_count > 0 && client->charged_bytes + self->charge_bytes >
                                       self->config.window_bytes))
        return FAULT_BUSY_WINDOW;
    if (self->held_bytes + self->charge_bytes > self->config.memory_bytes)
        return FAULT_BUSY_MEMORY;
    return FAULT_NONE;
}

/* The same for work that is really new. */
static busy_t
s_service(const core_t *self)
{
    if (self->phase != CORE_SERVING)
        return (busy_t){.code = FAULT_BUSY_DRAINING};
    for (uint16_t i = 0; i < self->config.parts_count; i++)
        if (sched_alone_us(&self->sched, i, self->now_us) >=
            us_from_ms(NO_WORKER_MS))
            return (busy_t){FAULT_BUSY_NO_WORKER, i};
    return (busy_t){.code = FAULT_NONE};
}

static job_t *
s_add_job(core_t *self, session_t *session, const message_t *submit)
{
    job_t *job = jobs_add(&self->jobs, &submit->job);
    alarm_init(&job->end, TIMER_JOB_END, job);
    alarm_init(&job->step, TIMER_JOB_STEP, job);
    uint32_t remaining_ms = submit->remaining_ms;
    if (remaining_ms > DEADLINE_MAX_MS)
        remaining_ms = DEADLINE_MAX_MS;
    job->deadline_us = self->now_us + us_from_ms(remaining_ms);
    job->priority =
        message_has(submit, key_bit(KEY_PRIORITY)) && submit->priority > 0;
    job->attempt = 1;
    job->charged_bytes = self->charge_bytes;
    self->held_bytes += job->charged_bytes;
    flow_attach(self, job, session);
    return job;
}

/* An id that ended before: its outcome once more, if that is still here. */
static bool
s_revive(core_t *self, job_t *job)
{
    done_take(&self->done, job);
    fault_code_t code = (fault_code_t)job->outcome.code;
    if (code == FAULT_NONE && !job->payload)
        return false;
    if (code != FAULT_NONE) {
        fault_t fault;
        fault_set(&fault, code, "the job ended before: %s", fault_name(code));
        strcpy(job->outcome.text, fault.text);
    }
    job->state = JOB_DELIVERING;
    flow_deliver(self, job);
    return true;
}

static void
s_start(core_t *self, job_t *job, const message_t *submit)
{
    self->counters.accepted++;
    job->payload = core_take_incoming(self);
    job->tensors_count = submit->tensors_count;
    memcpy(job->tensors, submit->tensors,
           submit->tensors_count * sizeof submit->tensors[0]);
    flow_enqueue(self, job);
}

/* The same id again while it is live: only the way back may be new. */
static void
s_resubmit(core_t *self, session_t *session, job_t *job)
{
    self->counters.resubmitted++;
    if (job->client != session)
        flow_attach(self, job, session);
}

static int
s_check_submit(const core_t *self, const core_input_t *input, fault_t *fault)
{
    const message_t *submit = input->message;
    const core_part_t *first = &self->parts[0].config;
    if (message_has(submit, key_bit(KEY_MODEL_DIGEST)) &&
        !digest_equal(&submit->model_digest, &self->config.model_digest))
        return fault_set(fault, FAULT_DIGEST,
                         "the broker serves another model now");
    if (submit->remaining_ms == 0)
        return fault_set(fault, FAULT_DEADLINE,
                         "the deadline had passed at submission");
    return core_check_tensors(input, first->inputs, first->inputs_count, fault);
}

void
clients_submit(core_t *self, session_t *session, const core_input_t *input)
{
    const message_t *submit = input->message;
    const job_id_t *id = &submit->job;
    if (!s_owns(session, id)) {
        s_refuse(self, session, id, FAULT_OWNER,
                 "the job id begins with another client's id");
        peers_strike(self, session->side, &session->peer, session,
                     "a job id of another client");
        return;
    }
    s_drop_refusal(&session->client, id);
    job_t *job = jobs_find(&self->jobs, id);
    if (job) {
        s_resubmit(self, session, job);
        return;
    }
    fault_t fault;
    if (s_check_submit(self, input, &fault) != 0) {
        self->counters.refused++;
        s_refuse(self, session, id, fault.code, fault.text);
        return;
    }
    bool known = done_find(&self->done, id) != NULL;
    busy_t busy = {.code = s_admission(self, session)};
    if (busy.code == FAULT_NONE && !known)
        busy = s_service(self);
    if (busy.code != FAULT_NONE) {
        s_busy(self, session, id, busy);
        return;
    }
    job = s_add_job(self, session, submit);
    self->counters.resubmitted += known;
    if (!known || !s_revive(self, job))
        s_start(self, job, submit);
}

/* --- the rest --- */

void
clients_cancel(core_t *self, session_t *session, const core_input_t *input)
{
    const job_id_t *id = &input->message->job;
    if (!s_owns(session, id)) {
        s_refuse(self, session, id, FAULT_OWNER,
                 "the job id begins with another client's id");
        peers_strike(self, session->side, &session->peer, session,
                     "a job id of another client");
        return;
    }
    job_t *job = jobs_find(&self->jobs, id);
    if (!job || job->state == JOB_DELIVERING) {
        self->counters.unknown++; /* its outcome is on the way or was there */
        return;
    }
    if (job->client != session)
        flow_attach(self, job, session);
    strcpy(job->outcome.text, "cancelled by the client");
    flow_fail(self, job, FAULT_CANCELLED);
}

/* The answer to the client is DRAIN with the worker's name. */
void
clients_drain(core_t *self, session_t *session, const core_input_t *input)
{
    const char *name = input->message->name;
    if (!self->config.clients_may_drain) {
        s_refuse(self, session, NULL, FAULT_AUTH,
                 "this client may not drain workers");
        return;
    }
    session_t *worker = registry_find_worker(&self->registry, name);
    if (!worker) {
        fault_t fault;
        fault_set(&fault, FAULT_NO_WORKER, "there is no worker named %s", name);
        s_refuse(self, session, NULL, fault.code, fault.text);
        return;
    }
    core_log(self, CORE_INFO, "worker %s drains at a client's request",
             worker->worker.name);
    workers_move(self, worker, SESSION_DRAINING);
    core_message(self, MESSAGE_DRAIN);
    worker->worker.told_to_drain = core_send(self, worker, NULL) == SENT_OK;
    worker->worker.must_drain = true;
    message_t *message = core_message(self, MESSAGE_DRAIN);
    strcpy(message->name, worker->worker.name);
    message->present |= key_bit(KEY_NAME);
    core_send(self, session, NULL);
}

void
clients_status(core_t *self, session_t *session, const core_input_t *input)
{
    (void)input;
    self->host.status(self->host.self, &session->peer, session->id);
}
