/* What workers send: CREDIT, RESULT, ERROR, HEARTBEAT, DRAIN, FETCH. */
#include "broker/core_state.h"

#include <string.h>

/* From so many measurements on a median is worth more than the plan. */
enum { SAMPLES_MIN = 8 };

static uint64_t
s_hash(const core_t *self, const session_t *session)
{
    return registry_identity_hash(&self->registry, SIDE_WORKERS,
                                  session->peer_id);
}

static void
s_strike(core_t *self, session_t *session, const char *reason)
{
    peers_strike(self, session->side, &session->peer, session, reason);
}

/* --- coming and going --- */

/* A broker that shuts down loses them all, which is no news. */
void
workers_move(core_t *self, session_t *session, session_state_t state)
{
    uint16_t part = session->worker.part;
    const sched_part_t *workers = &self->sched.parts[part];
    bool had = workers->ready > 0;
    sched_move(&self->sched, session, state, self->now_us);
    if (had && workers->ready == 0 && self->phase == CORE_SERVING) {
        self->parts[part].deserted = true;
        core_log(self, CORE_WARNING, "part %u has no worker left", part);
    } else if (workers->ready > 0 && self->parts[part].deserted) {
        self->parts[part].deserted = false;
        core_log(self, CORE_INFO, "part %u has a worker again", part);
    }
}

/* What a job of a part costs: the time it was measured to compute, as soon as
 * every part was measured, before that what the model expects. The two have
 * different units, so they are never mixed. */
static double
s_cost(const core_t *self, uint16_t part, bool measured)
{
    if (!measured)
        return self->parts[part].config.cost;
    return 1.0 + histogram_us(&self->parts[part].compute, 500);
}

static bool
s_all_measured(const core_t *self)
{
    for (uint16_t i = 0; i < self->config.parts_count; i++)
        if (self->parts[i].compute.total < SAMPLES_MIN)
            return false;
    return true;
}

/* The fewest workers for its cost; between equals the longest queue, then the
 * costliest. Workers still loading count, so that two that start together do
 * not choose alike. */
uint16_t
workers_choose_part(const core_t *self)
{
    bool measured = s_all_measured(self);
    uint16_t best = 0;
    for (uint16_t i = 1; i < self->config.parts_count; i++) {
        const sched_part_t *a = &self->sched.parts[best];
        const sched_part_t *b = &self->sched.parts[i];
        double cost_a = s_cost(self, best, measured);
        double cost_b = s_cost(self, i, measured);
        double need_a = (a->loading + a->ready) * cost_b;
        double need_b = (b->loading + b->ready) * cost_a;
        uint32_t queued_a = sched_queued(&self->sched, best);
        uint32_t queued_b = sched_queued(&self->sched, i);
        bool equal = need_a == need_b;
        if (need_b < need_a || (equal && queued_b > queued_a) ||
            (equal && queued_b == queued_a && cost_b > cost_a))
            best = i;
    }
    return best;
}

static void
s_adopt(core_t *self, session_t *session, const held_job_t *held)
{
    job_t *job = jobs_find(&self->jobs, &held->job);
    if (!job) {
        if (done_find(&self->done, &held->job))
            flow_send_cancel(self, session, &held->job, held->attempt);
        return; /* unknown: perhaps from another broker's life, let it run */
    }
    /* It lives, so it was only its link that died over this job. */
    job_remove_death(job, s_hash(self, session));
    bool wanted =
        job->part == session->worker.part && held->part == job->part &&
        held->attempt > job->failed_attempt && held->attempt <= job->attempt &&
        (job->state == JOB_QUEUED || job->state == JOB_WAITING);
    if (!wanted)
        return;
    self->counters.adopted++;
    flow_withdraw(self, job, false);
    flow_lease(self, job, session, held->attempt);
}

void
workers_adopt(core_t *self, session_t *session, const message_t *hello)
{
    const station_t *part = &self->parts[session->worker.part];
    if (!message_has(hello, key_bit(KEY_HELD) | key_bit(KEY_PART_DIGEST)) ||
        !digest_equal(&hello->part_digest, &part->config.digest))
        return;
    for (uint16_t i = 0; i < hello->held_count; i++)
        s_adopt(self, session, &hello->held[i]);
}

static void
s_grant(core_t *self, session_t *session, uint64_t credit_total)
{
    worker_t *worker = &session->worker;
    if (credit_total <= worker->credit_total)
        return;
    worker->credit_total = credit_total;
    sched_place(&self->sched, session);
}

void
workers_credit(core_t *self, session_t *session, const core_input_t *input)
{
    const message_t *message = input->message;
    const worker_t *worker = &session->worker;
    bool named = message_has(message, key_bit(KEY_PART_DIGEST));
    if (session->state == SESSION_LOADING && !named) {
        s_strike(self, session, "CREDIT before the part's digest was named");
        return;
    }
    if (named && !digest_equal(&message->part_digest,
                               &self->parts[worker->part].config.digest)) {
        fault_t fault;
        fault_set(&fault, FAULT_REJECT_DIGEST,
                  "worker %s loaded bytes that are not part %u", worker->name,
                  worker->part);
        peers_reject(self, session->side, &session->peer, fault.code,
                     fault.text);
        peers_end(self, session, SESSION_LOST, "it loaded a wrong part");
        return;
    }
    if (session->state == SESSION_LOADING) {
        core_log(self, CORE_INFO, "worker %s serves part %u", worker->name,
                 worker->part);
        workers_move(self, session, SESSION_READY);
    }
    s_grant(self, session, message->credit_total);
}

void
workers_fetch(core_t *self, session_t *session, const core_input_t *input)
{
    const message_t *message = input->message;
    worker_t *worker = &session->worker;
    const core_part_t *part = &self->parts[worker->part].config;
    if (!digest_equal(&message->part_digest, &part->digest) ||
        message->offset >= part->bytes ||
        message->offset % PROTO_CHUNK_MAX != 0) {
        message_t *error = core_message(self, MESSAGE_ERROR);
        error->code = FAULT_DIGEST;
        error->present |= key_bit(KEY_CODE);
        core_put_text(error, "there are no such bytes of this part");
        core_send(self, session, NULL);
        s_strike(self, session, "FETCH of bytes that do not exist");
        return;
    }
    if (worker->fetches >= CORE_FETCHES_MAX) {
        s_strike(self, session, "too many FETCHes at a time");
        return;
    }
    worker->fetches++;
    self->host.fetch(self->host.self, &session->peer, session->id, worker->part,
                     message->offset);
}

void
workers_heartbeat(core_t *self, session_t *session, const message_t *message)
{
    worker_t *worker = &session->worker;
    uint64_t current = key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT);
    worker->has_current = message_has(message, current);
    if (worker->has_current) {
        worker->current = message->job;
        worker->current_attempt = message->attempt;
    }
    if (message_has(message, key_bit(KEY_PROGRESS)) &&
        message->progress != worker->progress) {
        worker->progress = message->progress;
        worker->progress_us = self->now_us;
    }
    if (message_has(message, key_bit(KEY_LOAD))) {
        worker->cpu_permille = message->load_permille;
        worker->rss_mib = message->rss_mib;
    }
    if (message_has(message, key_bit(KEY_CREDIT_TOTAL)) &&
        session->state == SESSION_READY)
        s_grant(self, session, message->credit_total);
}

void
workers_drain(core_t *self, session_t *session, const core_input_t *input)
{
    (void)input;
    workers_move(self, session, SESSION_DRAINING);
}

/* --- answers --- */

static void
s_forget_current(worker_t *worker, const job_id_t *id)
{
    if (worker->has_current && job_id_equal(&worker->current, id))
        worker->has_current = false;
}

static void
s_measure(core_t *self, const job_t *job, const message_t *result, bool leased)
{
    station_t *part = &self->parts[job->part];
    if (message_has(result, key_bit(KEY_TIMINGS)))
        histogram_add(&part->compute, result->exec_us);
    rate_add(&part->rate, self->now_us);
    if (!leased)
        return;
    histogram_add(&part->queue, (uint64_t)(job->leased_us - job->queued_us));
    histogram_add(&part->service, (uint64_t)(self->now_us - job->leased_us));
    int64_t lease_us = 8 * (int64_t)histogram_us(&part->service, 950);
    int64_t least_us = us_from_ms(self->config.lease_min_ms);
    int64_t most_us = us_from_ms(self->config.lease_max_ms);
    part->lease_us = lease_us < least_us  ? least_us
                     : lease_us > most_us ? most_us
                                          : lease_us;
}

static path_step_t
s_step(const job_t *job, const session_t *session, const message_t *result)
{
    path_step_t step = {.part = job->part, .attempt = result->attempt};
    int64_t waited_us = job->leased_us - job->queued_us;
    step.queue_us = waited_us > 0 ? (uint32_t)waited_us : 0;
    if (message_has(result, key_bit(KEY_TIMINGS))) {
        step.queue_us += result->queue_us;
        step.exec_us = result->exec_us;
    }
    strcpy(step.name, session->worker.name);
    return step;
}

/* The first valid result of a part wins, whichever attempt it is of. */
static void
s_accept(core_t *self, session_t *session, job_t *job,
         const core_input_t *input, bool leased)
{
    const message_t *result = input->message;
    s_measure(self, job, result, leased);
    path_step_t step = s_step(job, session, result);
    session->worker.done++;
    self->counters.late_used += !leased;
    s_forget_current(&session->worker, &job->id);
    flow_withdraw(self, job, !leased);
    flow_advance(self, job, core_take_incoming(self), result, &step);
}

/* Did this very session get this very attempt, and is it still out? */
static bool
s_has_lease(const session_t *session, const job_t *job, uint16_t attempt)
{
    return job->state == JOB_LEASED && job->worker == session &&
           job->lease_attempt == attempt;
}

void
workers_result(core_t *self, session_t *session, const core_input_t *input)
{
    const message_t *result = input->message;
    job_t *job = jobs_find(&self->jobs, &result->job);
    s_forget_current(&session->worker, &result->job);
    if (result->part_index != session->worker.part) {
        s_strike(self, session, "a RESULT of another part");
        return;
    }
    if (!job || job->state == JOB_DELIVERING ||
        job->part != session->worker.part) {
        self->counters.dup_dropped++;
        return;
    }
    bool leased = s_has_lease(session, job, result->attempt);
    if (!leased && !job_was_held(job, s_hash(self, session), result->attempt)) {
        s_strike(self, session, "a RESULT for a job it was never given");
        return;
    }
    fault_t fault;
    const core_part_t *part = &self->parts[job->part].config;
    if (core_check_tensors(input, part->outputs, part->outputs_count, &fault) !=
        0) {
        session->worker.failed++;
        core_log(self, CORE_WARNING, "worker %s sent a wrong result: %s",
                 session->worker.name, fault.text);
        if (leased) {
            strcpy(job->outcome.text, fault.text);
            flow_retry(self, job, RETRY_FAILED);
        }
        s_strike(self, session, "a RESULT of the wrong shape");
        return;
    }
    s_accept(self, session, job, input, leased);
}

void
workers_error(core_t *self, session_t *session, const core_input_t *input)
{
    const message_t *error = input->message;
    job_t *job = jobs_find(&self->jobs, &error->job);
    s_forget_current(&session->worker, &error->job);
    if (!job || !s_has_lease(session, job, error->attempt)) {
        self->counters.unknown++; /* the answer to a CANCEL, mostly */
        return;
    }
    if (error->code == FAULT_SHUTDOWN && session->state == SESSION_DRAINING) {
        flow_retry(self, job, RETRY_HANDED_BACK);
        return;
    }
    session->worker.failed++;
    strcpy(job->outcome.text, error->text);
    core_log(self, CORE_WARNING, "worker %s failed a job at part %u: %s",
             session->worker.name, job->part, error->text);
    if (error->code >= FAULT_BAD_SHAPE && error->code <= FAULT_BAD_VALUE) {
        /* It knows that it failed, so it needs no CANCEL. */
        flow_withdraw(self, job, false);
        flow_fail(self, job, (fault_code_t)error->code);
    } else {
        flow_retry(self, job, RETRY_FAILED);
    }
}
