/* What must hold, checked where messages cross into the core and out of it.
 * The invariants' numbers are those of docs/decisions/051. */
#include <string.h>

#include "broker/core_state.h"
#include "tests/sim/world.h"

sim_job_t *
shadow_job(world_t *self, const job_id_t *id)
{
    uint64_t number = 0;
    for (int i = 8; i < 16; i++)
        number = number << 8 | id->bytes[i];
    if (number >= (uint64_t)self->jobs_count ||
        !job_id_equal(&self->jobs[number].id, id))
        return NULL;
    return &self->jobs[number];
}

static uint64_t
s_life_bit(const sim_peer_t *worker)
{
    return (uint64_t)1 << ((worker->number * 7 + worker->life) % 64);
}

/* --- into the core --- */

static void
s_submit_received(world_t *self, const message_t *message)
{
    sim_job_t *job = shadow_job(self, &message->job);
    if (job)
        job->submit_session = message->session;
    if (!job || jobs_find(&self->core->jobs, &message->job))
        return; /* live already: the first deadline stands */
    self->open_jobs += !job->open;
    job->open = true;
    job->broker_deadline_us =
        self->now_us + (int64_t)message->remaining_ms * 1000;
    /* Remembered with its outcome, or computed (once more) from the start. */
    const done_entry_t *done = done_find(&self->core->done, &message->job);
    if (!done || (done->code == FAULT_NONE && !done->kept))
        job->sends = 0;
}

void
shadow_received(world_t *self, conn_t *conn, const peer_t *peer,
                const message_t *message)
{
    const session_t *session =
        registry_find(&self->core->registry, conn->side, peer);
    bool known = session && message->session == session->id;
    if (message->type == MESSAGE_SUBMIT && known &&
        self->peers[conn->peer].kind == PEER_CLIENT &&
        conn->side == SIDE_CLIENTS)
        s_submit_received(self, message);
    if (message->type != MESSAGE_CREDIT || !known)
        return;
    if (message_has(message, key_bit(KEY_PART_DIGEST)) &&
        digest_equal(&message->part_digest, &self->parts[conn->part].digest))
        conn->ready = true;
    if (conn->ready && message->credit_total > conn->credit)
        conn->credit = message->credit_total;
}

/* --- out of the core --- */

static void
s_welcome_sent(const world_t *self, conn_t *conn, const message_t *message)
{
    conn->welcomed_us = self->now_us;
    conn->welcomed = true;
    conn->ready = false;
    conn->session = message->session;
    conn->part = message->part_index;
    conn->credit = conn->jobs = 0;
}

static void
s_job_sent(world_t *self, conn_t *conn, const message_t *message,
           const payload_t *payload)
{
    sim_peer_t *worker = &self->peers[conn->peer];
    sim_job_t *job = shadow_job(self, &message->job);
    if (!job || !job->open) {
        world_fail(self, "a JOB for a job that is not live");
        return;
    }
    if (++conn->jobs > conn->credit)
        world_fail(self, "I3: JOB %llu of a credit of %llu",
                   (unsigned long long)conn->jobs,
                   (unsigned long long)conn->credit);
    if (!conn->ready || conn->part != message->part_index)
        world_fail(self, "I6: a JOB to a worker without its part");
    if (message->session != conn->session)
        world_fail(self, "a JOB with another session's key");
    if (job->broker_deadline_us <= self->now_us)
        world_fail(self, "an expired job was started");
    /* Given by chance just what it lied about: nobody can tell. */
    if (job->forger == worker->number &&
        job->forged_attempt == message->attempt)
        job->tainted = true;
    uint32_t value = job->value;
    for (uint16_t part = 0; part < message->part_index; part++)
        value = affine(value, part);
    if (!payload || (payload->value != value && !job->tainted))
        world_fail(self, "I2: a JOB with the wrong input, job %d",
                   (int)(job - self->jobs));
    if (job->sends > 0 && job->sent_part == message->part_index &&
        message->attempt < job->sent_attempt)
        world_fail(self, "I5: attempt %u after attempt %u", message->attempt,
                   job->sent_attempt);
    job->sends = job->sent_part == message->part_index ? job->sends + 1 : 1;
    job->sent_part = message->part_index;
    job->sent_attempt = message->attempt;
    job->seen |= s_life_bit(worker);
}

static void
s_check_error(world_t *self, const sim_job_t *job, const message_t *message)
{
    if (message->code == FAULT_POISON && job->deaths < 2)
        world_fail(self, "POISON after %u deaths, job %d", job->deaths,
                   (int)(job - self->jobs));
    if (message->code == FAULT_ATTEMPTS &&
        message_has(message, key_bit(KEY_PART)) &&
        job->sent_part == message->part_index &&
        job->sends < self->config.attempts)
        world_fail(self, "I5: ATTEMPTS after %u JOBs", job->sends);
    if (message->code == FAULT_DEADLINE &&
        self->now_us + 1000 < job->broker_deadline_us)
        world_fail(self, "DEADLINE before the deadline");
}

static void
s_outcome_sent(world_t *self, const conn_t *conn, const message_t *message,
               const payload_t *payload)
{
    if (message->type == MESSAGE_ERROR &&
        (!message_has(message, key_bit(KEY_JOB)) ||
         message->code == FAULT_OWNER))
        return;
    sim_job_t *job = shadow_job(self, &message->job);
    if (!job)
        return; /* an id that a stranger made up */
    if (self->peers[conn->peer].kind != PEER_CLIENT)
        world_fail(self, "an outcome for a stranger");
    if (!job->open) {
        world_fail(self, "I1: a second outcome for a submission of job %d",
                   (int)(job - self->jobs));
        return;
    }
    job->open = false;
    self->open_jobs--;
    if (message->type == MESSAGE_RESULT) {
        uint32_t value = job->value;
        for (uint16_t part = 0; part < self->config.parts_count; part++)
            value = affine(value, part);
        if (!payload || (payload->value != value && !job->tainted))
            world_fail(self, "I2: a RESULT with the wrong bytes for job %d",
                       (int)(job - self->jobs));
    }
    if (message->type == MESSAGE_ERROR)
        s_check_error(self, job, message);
    if (message->type != MESSAGE_BUSY &&
        self->now_us > job->broker_deadline_us + 1000000 &&
        self->now_us - self->paused_us > 1000000 &&
        conn->welcomed_us < job->broker_deadline_us && conn->full_us == 0)
        world_fail(self,
                   "I8: job %d had its outcome %lld ms after the deadline",
                   (int)(job - self->jobs),
                   (long long)(self->now_us - job->broker_deadline_us) / 1000);
}

void
shadow_sent(world_t *self, int number, const message_t *message,
            const payload_t *payload)
{
    conn_t *conn = &self->conns[number];
    world_say(self, "core -> %d (peer %d): %s job %u attempt %u code %u",
              number, conn->peer, message_name(message->type),
              message->job.bytes[14] << 8 | message->job.bytes[15],
              message->attempt, message->code);
    if (message->type == MESSAGE_WELCOME)
        s_welcome_sent(self, conn, message);
    else if (message->type == MESSAGE_JOB)
        s_job_sent(self, conn, message, payload);
    else if (conn->side == SIDE_CLIENTS &&
             (message->type == MESSAGE_RESULT ||
              message->type == MESSAGE_ERROR || message->type == MESSAGE_BUSY))
        s_outcome_sent(self, conn, message, payload);
}

/* --- after each step --- */

void
shadow_checked(world_t *self)
{
    core_status_t status;
    core_status(self->core, self->now_us, &status);
    if (status.bytes_held != (uint64_t)status.live * CHARGE_BYTES)
        world_fail(self, "I4: %llu bytes held for %u jobs",
                   (unsigned long long)status.bytes_held, status.live);
    if (status.bytes_held > self->config.memory_bytes)
        world_fail(self, "I4: more bytes held than allowed");
    if (status.live > self->open_jobs)
        world_fail(self, "I1: %u jobs live, %u open", status.live,
                   self->open_jobs);
}

/* Jobs that the core gave up silently (their client is gone) are closed here;
 * any other open job must be live. */
void
shadow_walk(world_t *self)
{
    if (self->failed)
        return;
    core_verify(self->core);
    for (int i = 0; i < self->jobs_count; i++) {
        sim_job_t *job = &self->jobs[i];
        if (!job->open)
            continue;
        const job_t *inside = jobs_find(&self->core->jobs, &job->id);
        if (inside && inside->state != JOB_DELIVERING &&
            self->now_us > self->paused_us + 1000000 &&
            self->now_us > job->broker_deadline_us + 1000000)
            world_fail(self, "I8: a job lives 1 s after its deadline");
        if (inside)
            continue;
        const sim_peer_t *client = &self->peers[job->client];
        const session_t *session = registry_find_identity(
            &self->core->registry, SIDE_CLIENTS, job->id.bytes);
        if (session && session->client.refusals_count > 0)
            continue;
        if (session && session->id == job->submit_session &&
            client->life == job->life &&
            !done_find(&self->core->done, &job->id))
            world_fail(self, "I1: accepted job %d vanished", i);
        job->open = false;
        self->open_jobs--;
    }
}

void
shadow_quiet(world_t *self)
{
    core_status_t status;
    shadow_walk(self);
    core_status(self->core, self->now_us, &status);
    if (status.live || status.leased || status.queued || status.bytes_held)
        world_fail(self, "I10: %u jobs, %u leases, %llu bytes at rest",
                   status.live, status.leased,
                   (unsigned long long)status.bytes_held);
    for (int i = 0; i < self->jobs_count; i++)
        if (self->jobs[i].wanted)
            world_fail(self, "I11: a client still waits for job %d", i);
}
