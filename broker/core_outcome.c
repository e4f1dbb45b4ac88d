/* How jobs end, and the client that waits for it. */
#include "broker/core_state.h"

#include <assert.h>
#include <string.h>

/* --- the client's side --- */

static void
s_set_end(core_t *self, job_t *job)
{
    int64_t due_us = job->deadline_us;
    if (job->state == JOB_DELIVERING || job->orphan_us < due_us)
        due_us = job->orphan_us;
    if (due_us == INT64_MAX)
        timers_clear(&self->timers, &job->end);
    else
        timers_set(&self->timers, &job->end, due_us);
}

static void
s_detach(job_t *job)
{
    if (!job->client)
        return;
    job->client->client.jobs_count--;
    job->client->client.charged_bytes -= job->charged_bytes;
    list_remove(&job->client_link);
    list_remove(&job->outbox_link);
    job->client = NULL;
}

void
flow_attach(core_t *self, job_t *job, session_t *session)
{
    s_detach(job);
    job->client = session;
    job->orphan_us = INT64_MAX;
    session->client.jobs_count++;
    session->client.charged_bytes += job->charged_bytes;
    list_append(&session->client.jobs, &job->client_link);
    s_set_end(self, job);
}

/* The outcome is with the client, or with nobody: only the memory of the id
 * remains, and the result if the cache has room. */
static void
s_finish(core_t *self, job_t *job)
{
    const station_t *last = &self->parts[self->config.parts_count - 1];
    assert(job->state == JOB_DELIVERING && !job->worker);
    s_detach(job);
    timers_clear(&self->timers, &job->end);
    self->held_bytes -= job->charged_bytes;
    done_add(&self->done, job, last->out_bytes, self->now_us);
    jobs_remove(&self->jobs, job);
}

void
flow_orphan(core_t *self, job_t *job)
{
    s_detach(job);
    if (job->state == JOB_DELIVERING) {
        s_finish(self, job);
        return;
    }
    job->orphan_us = self->now_us + us_from_ms(ORPHAN_MS);
    s_set_end(self, job);
}

void
flow_abandon(core_t *self, job_t *job)
{
    s_detach(job);
    if (job->state == JOB_DELIVERING) {
        s_finish(self, job);
        return;
    }
    self->counters.orphaned++;
    flow_fail(self, job, FAULT_CANCELLED);
}

/* --- the outcome --- */

static void
s_count_error(core_t *self, fault_code_t code)
{
    metrics_counters_t *counters = &self->counters;
    counters->error++;
    uint64_t *by_code = code == FAULT_DEADLINE    ? &counters->deadline
                        : code == FAULT_CANCELLED ? &counters->cancelled
                        : code == FAULT_POISON    ? &counters->poison
                        : code == FAULT_ATTEMPTS  ? &counters->attempts
                        : code == FAULT_SHUTDOWN  ? &counters->shutdown
                                                  : &counters->worker_error;
    ++*by_code;
}

void
flow_fail(core_t *self, job_t *job, fault_code_t code)
{
    flow_withdraw(self, job, true);
    s_count_error(self, code);
    core_release(self, &job->payload);
    job->tensors_count = 0;
    job->outcome.code = (uint16_t)code;
    job->outcome.part = job->part;
    job->state = JOB_DELIVERING;
    flow_deliver(self, job);
}

static void
s_put_error(core_t *self, const job_t *job)
{
    message_t *message = core_message(self, MESSAGE_ERROR);
    message->job = job->id;
    message->attempt = job->attempt;
    message->code = job->outcome.code;
    message->part_index = job->outcome.part;
    message->part_count = self->config.parts_count;
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_CODE) | key_bit(KEY_PART);
    core_put_text(message, job->outcome.text[0]
                               ? job->outcome.text
                               : fault_name((fault_code_t)job->outcome.code));
}

static void
s_put_result(core_t *self, const job_t *job)
{
    message_t *message = core_message(self, MESSAGE_RESULT);
    message->job = job->id;
    message->attempt = job->attempt;
    message->part_index = (uint16_t)(self->config.parts_count - 1);
    message->part_count = self->config.parts_count;
    message->tensors_count = job->tensors_count;
    memcpy(message->tensors, job->tensors,
           job->tensors_count * sizeof job->tensors[0]);
    message->path_count = job->path_count;
    memcpy(message->path, job->path, job->path_count * sizeof job->path[0]);
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_PART) | key_bit(KEY_TENSORS) |
                        key_bit(KEY_PATH);
}

static sent_t
s_send_outcome(core_t *self, job_t *job)
{
    if (job->outcome.code == FAULT_NONE)
        s_put_result(self, job);
    else
        s_put_error(self, job);
    return core_send(self, job->client, job->payload);
}

void
flow_deliver(core_t *self, job_t *job)
{
    s_set_end(self, job);
    if (!job->client) {
        s_finish(self, job);
        return;
    }
    client_t *client = &job->client->client;
    if (list_is_empty(&client->outbox)) {
        sent_t sent = s_send_outcome(self, job);
        if (sent == SENT_OK) {
            s_finish(self, job);
            return;
        }
        if (sent == SENT_FULL)
            timers_set(&self->timers, &job->client->retry,
                       self->now_us + us_from_ms(FULL_RETRY_MS));
    }
    list_append(&client->outbox, &job->outbox_link);
}

bool
flow_flush(core_t *self, session_t *session)
{
    if (!clients_flush(self, session))
        return session->doomed;
    for (list_t *link; (link = list_first(&session->client.outbox));) {
        job_t *job = list_owner(link, job_t, outbox_link);
        sent_t sent = s_send_outcome(self, job);
        if (sent != SENT_OK)
            return sent == SENT_GONE; /* then the session's end sees to it */
        s_finish(self, job);
    }
    return true;
}
