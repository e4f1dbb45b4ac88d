/* The way of a job: queue, lease, retry, next part. */
#include "broker/core_state.h"

#include <assert.h>
#include <string.h>

/* --- queue and lease --- */

void
flow_enqueue(core_t *self, job_t *job)
{
    job->state = JOB_QUEUED;
    job->queued_us = self->now_us;
    sched_push(&self->sched, job);
}

static uint64_t
s_part_bytes(const core_t *self, const job_t *job)
{
    return self->parts[job->part].in_bytes + self->parts[job->part].out_bytes;
}

static uint64_t
s_worker_hash(const core_t *self, const session_t *session)
{
    return registry_identity_hash(&self->registry, SIDE_WORKERS,
                                  session->peer_id);
}

/* Every byte that this worker may still have to move delays its answers. */
static int64_t
s_lease_end_us(const core_t *self, const job_t *job)
{
    const worker_t *worker = &job->worker->worker;
    int64_t from_us = worker->progress_us > job->leased_us ? worker->progress_us
                                                           : job->leased_us;
    int64_t lease_us = self->parts[job->part].lease_us;
    if (lease_us == 0)
        lease_us = us_from_ms(LEASE_UNKNOWN_MS);
    return from_us + lease_us +
           us_from_ms((int64_t)(worker->owed_bytes / LINK_BYTES_PER_MS));
}

void
flow_lease(core_t *self, job_t *job, session_t *session, uint16_t attempt)
{
    worker_t *worker = &session->worker;
    job->state = JOB_LEASED;
    job->worker = session;
    job->lease_attempt = attempt;
    job->leased_us = self->now_us;
    job->poison_us = 0;
    job_add_holder(job, s_worker_hash(self, session), attempt);
    list_append(&worker->leases, &job->lease_link);
    worker->leased++;
    worker->owed_bytes += s_part_bytes(self, job);
    self->leased++;
    sched_place(&self->sched, session);
    timers_set(&self->timers, &job->step, s_lease_end_us(self, job));
}

void
flow_send_cancel(core_t *self, session_t *session, const job_id_t *id,
                 uint16_t attempt)
{
    message_t *message = core_message(self, MESSAGE_CANCEL);
    message->job = *id;
    message->attempt = attempt;
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT);
    core_send(self, session, NULL);
}

static void
s_unlease(core_t *self, job_t *job)
{
    session_t *session = job->worker;
    worker_t *worker = &session->worker;
    worker->leased--;
    worker->owed_bytes -= s_part_bytes(self, job);
    self->leased--;
    list_remove(&job->lease_link);
    job->worker = NULL;
    sched_place(&self->sched, session);
}

void
flow_withdraw(core_t *self, job_t *job, bool tell)
{
    session_t *session = job->worker;
    timers_clear(&self->timers, &job->step);
    if (job->state == JOB_QUEUED)
        sched_pull(&self->sched, job);
    if (job->state == JOB_LEASED)
        s_unlease(self, job);
    job->state = JOB_WAITING;
    if (session && tell)
        flow_send_cancel(self, session, &job->id, job->lease_attempt);
}

/* --- again --- */

/* The first time at once, then 100 ms, 200 ms, ... each +- 50 %. */
static int64_t
s_delay_us(core_t *self, const job_t *job)
{
    if (job->attempt <= 2)
        return 0;
    int doublings = job->attempt - 3;
    if (doublings > RETRY_DOUBLINGS_MAX)
        doublings = RETRY_DOUBLINGS_MAX;
    int64_t middle_us = us_from_ms(RETRY_BASE_MS) << doublings;
    uint64_t spread = core_random(self) % ((uint64_t)middle_us + 1);
    return middle_us / 2 + (int64_t)spread;
}

static void
s_wait(core_t *self, job_t *job, int64_t due_us)
{
    if (due_us <= self->now_us) {
        flow_enqueue(self, job);
        return;
    }
    job->state = JOB_WAITING;
    job->queued_us = self->now_us;
    timers_set(&self->timers, &job->step, due_us);
}

static void
s_give_up(core_t *self, job_t *job)
{
    fault_t fault;
    fault_set(&fault, FAULT_ATTEMPTS,
              "%u attempts at part %u failed, the last: %s", job->failures,
              job->part, job->outcome.text);
    strcpy(job->outcome.text, fault.text);
    flow_fail(self, job, FAULT_ATTEMPTS);
}

void
flow_retry(core_t *self, job_t *job, retry_t how)
{
    if (job->worker)
        job->avoid = s_worker_hash(self, job->worker);
    if (how == RETRY_FAILED)
        job->failed_attempt = job->lease_attempt;
    flow_withdraw(self, job, false);
    if (how == RETRY_HANDED_BACK) {
        self->counters.handed_back++;
        flow_enqueue(self, job);
        return;
    }
    self->counters.requeues++;
    if (job->attempt < UINT16_MAX)
        job->attempt++;
    if (how == RETRY_FAILED && ++job->failures >= self->config.attempts) {
        s_give_up(self, job);
        return;
    }
    int64_t due_us = self->now_us + s_delay_us(self, job);
    if (job->deaths_count >= DEATHS_MAX) {
        due_us = self->now_us + us_from_ms(POISON_WAIT_MS);
        job->poison_us = due_us;
    }
    s_wait(self, job, due_us);
}

static void
s_end_lease(core_t *self, job_t *job)
{
    self->counters.lease_ended++;
    core_log(self, CORE_WARNING, "worker %s did not answer in time at part %u",
             job->worker->worker.name, job->part);
    strcpy(job->outcome.text, "the worker did not answer in time");
    flow_send_cancel(self, job->worker, &job->id, job->lease_attempt);
    flow_retry(self, job, RETRY_FAILED);
}

/* Two workers died over it, and neither came back to say it only lost its
 * link. */
static void
s_poison(core_t *self, job_t *job)
{
    fault_t fault;
    fault_set(&fault, FAULT_POISON,
              "%u workers died while computing part %u of this job",
              job->deaths_count, job->part);
    strcpy(job->outcome.text, fault.text);
    flow_fail(self, job, FAULT_POISON);
}

void
flow_on_step(core_t *self, void *owner)
{
    job_t *job = owner;
    if (job->state == JOB_LEASED) {
        int64_t due_us = s_lease_end_us(self, job);
        if (due_us > self->now_us)
            timers_set(&self->timers, &job->step, due_us);
        else
            s_end_lease(self, job);
    } else if (job->poison_us && job->deaths_count >= DEATHS_MAX) {
        s_poison(self, job);
    } else {
        job->poison_us = 0;
        int64_t queued_us = job->queued_us;
        flow_enqueue(self, job);
        job->queued_us = queued_us;
    }
}

/* --- forward --- */

static void
s_take_payload(core_t *self, job_t *job, payload_t *payload,
               const message_t *message)
{
    core_release(self, &job->payload);
    job->payload = payload;
    job->tensors_count = message->tensors_count;
    memcpy(job->tensors, message->tensors,
           message->tensors_count * sizeof message->tensors[0]);
}

void
flow_advance(core_t *self, job_t *job, payload_t *payload,
             const message_t *result, const path_step_t *step)
{
    s_take_payload(self, job, payload, result);
    assert(job->path_count < self->config.parts_count);
    job->path[job->path_count++] = *step;
    if (job->part + 1u < self->config.parts_count) {
        job->part++;
        job->attempt = 1;
        job->failures = job->failed_attempt = 0;
        job->holders_count = 0;
        job->avoid = 0;
        job->poison_us = 0;
        flow_enqueue(self, job);
        return;
    }
    self->counters.ok++;
    job->outcome.code = FAULT_NONE;
    job->state = JOB_DELIVERING;
    flow_deliver(self, job);
}

/* --- time --- */

static void
s_expire(core_t *self, job_t *job)
{
    fault_t fault;
    if (job->state == JOB_LEASED)
        fault_set(&fault, FAULT_DEADLINE,
                  "the deadline passed while worker %s had part %u",
                  job->worker->worker.name, job->part);
    else if (self->sched.parts[job->part].ready == 0)
        fault_set(&fault, FAULT_DEADLINE,
                  "the deadline passed: part %u has no worker", job->part);
    else
        fault_set(&fault, FAULT_DEADLINE,
                  "the deadline passed while waiting for part %u", job->part);
    strcpy(job->outcome.text, fault.text);
    flow_fail(self, job, FAULT_DEADLINE);
}

void
flow_on_end(core_t *self, void *owner)
{
    job_t *job = owner;
    if (job->orphan_us <= self->now_us)
        flow_abandon(self, job);
    else if (job->state != JOB_DELIVERING)
        s_expire(self, job);
}

/* --- handing out work --- */

static sent_t
s_send_job(core_t *self, job_t *job, session_t *session)
{
    message_t *message = core_message(self, MESSAGE_JOB);
    message->job = job->id;
    message->attempt = job->attempt;
    message->model_digest = self->config.model_digest;
    message->part_index = job->part;
    message->part_count = self->config.parts_count;
    message->remaining_ms =
        (uint32_t)((job->deadline_us - self->now_us) / 1000);
    message->priority = job->priority;
    message->tensors_count = job->tensors_count;
    memcpy(message->tensors, job->tensors,
           job->tensors_count * sizeof job->tensors[0]);
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_MODEL_DIGEST) | key_bit(KEY_PART) |
                        key_bit(KEY_REMAINING_MS) | key_bit(KEY_TENSORS) |
                        key_bit(KEY_PRIORITY);
    return core_send(self, session, job->payload);
}

/* False where the queue or the idle workers came to an end. */
static bool
s_dispatch_one(core_t *self, uint16_t part)
{
    job_t *job = sched_next(&self->sched, part);
    session_t *session =
        job ? sched_pick(&self->sched, part, job->avoid, &self->registry)
            : NULL;
    if (!session)
        return false;
    if (job->deadline_us - self->now_us < us_from_ms(1)) {
        s_expire(self, job);
        return true;
    }
    sent_t sent = s_send_job(self, job, session);
    if (sent == SENT_OK) {
        self->counters.dispatched++;
        session->worker.sent_total++;
        sched_pull(&self->sched, job);
        sched_count(&self->sched, job);
        flow_lease(self, job, session, job->attempt);
    } else if (sent == SENT_FULL) {
        session->worker.full = true;
        sched_place(&self->sched, session);
        timers_set(&self->timers, &session->retry,
                   self->now_us + us_from_ms(FULL_RETRY_MS));
    }
    return true;
}

void
flow_dispatch(core_t *self)
{
    uint16_t part;
    while (sched_take_dirty(&self->sched, &part))
        while (s_dispatch_one(self, part))
            continue;
}
