/* What can be seen of the core from outside. */
#include "broker/core_state.h"

#include <assert.h>
#include <string.h>

void
core_status(const core_t *self, int64_t now_us, core_status_t *status)
{
    *status = (core_status_t){
        .boot_id = self->config.boot_id,
        .uptime_us = now_us - self->started_us,
        .clients = self->registry.sides[SIDE_CLIENTS].count,
        .workers = self->registry.sides[SIDE_WORKERS].count,
        .leased = self->leased,
        .live = self->jobs.count,
        .bytes_held = self->held_bytes,
        .counters = self->counters,
    };
    for (uint16_t i = 0; i < self->config.parts_count; i++)
        status->queued += sched_queued(&self->sched, i);
}

void
core_part_status(const core_t *self, uint16_t part, int64_t now_us,
                 core_part_status_t *status)
{
    const station_t *measured = &self->parts[part];
    const sched_part_t *queues = &self->sched.parts[part];
    *status = (core_part_status_t){
        .digest = measured->config.digest,
        .queued = sched_queued(&self->sched, part),
        .workers = queues->ready,
        .requests_per_s = rate_per_s(&measured->rate, now_us),
        .queue_us_p50 = histogram_us(&measured->queue, 500),
        .queue_us_p95 = histogram_us(&measured->queue, 950),
        .compute_us_p50 = histogram_us(&measured->compute, 500),
        .compute_us_p95 = histogram_us(&measured->compute, 950),
    };
    for (int i = 0; i < PRIORITIES; i++) {
        const heap_node_t *node = heap_first(&queues->queues[i]);
        if (!node)
            continue;
        const job_t *job = list_owner(node, job_t, queue);
        if (now_us - job->queued_us > status->oldest_us)
            status->oldest_us = now_us - job->queued_us;
    }
}

static const char *
s_state_name(const session_t *session)
{
    if (session->state == SESSION_LOADING)
        return "loading";
    if (session->state == SESSION_DRAINING)
        return "draining";
    return session->worker.leased > 0 ? "busy" : "ready";
}

bool
core_worker_status(const core_t *self, uint32_t *cursor,
                   core_worker_status_t *status)
{
    session_t *session;
    while ((session = registry_row(&self->registry, SIDE_WORKERS, *cursor))) {
        ++*cursor;
        if (session->state == SESSION_FREE)
            continue;
        const worker_t *worker = &session->worker;
        memset(status, 0, sizeof *status);
        strcpy(status->name, worker->name);
        strcpy(status->build, worker->build);
        status->part = worker->part;
        status->state = s_state_name(session);
        status->credit = worker->credit_total - worker->sent_total;
        status->leased = worker->leased;
        status->done = worker->done;
        status->failed = worker->failed;
        status->rss_mib = worker->rss_mib;
        status->cpu_permille = worker->cpu_permille;
        return true;
    }
    return false;
}

/* --- invariants --- */

static void
s_verify_worker(const core_t *self, const session_t *session)
{
    const worker_t *worker = &session->worker;
    uint32_t leased = 0;
    uint64_t owed = 0;
    for (list_t *link = worker->leases.next; link != &worker->leases;
         link = link->next) {
        const job_t *job = list_owner(link, job_t, lease_link);
        assert(job->state == JOB_LEASED && job->worker == session);
        assert(job->part == worker->part);
        const station_t *part = &self->parts[job->part];
        owed += part->in_bytes + part->out_bytes;
        leased++;
    }
    assert(leased == worker->leased);
    assert(owed == worker->owed_bytes);
    assert(worker->sent_total <= worker->credit_total);
    bool takes = session->state == SESSION_READY && !worker->full &&
                 worker->sent_total < worker->credit_total;
    assert(takes == heap_holds(&worker->idle));
    assert(!takes || sched_queued(&self->sched, worker->part) == 0);
}

static void
s_verify_client(const session_t *session)
{
    const client_t *client = &session->client;
    uint32_t count = 0;
    uint64_t bytes = 0;
    for (list_t *link = client->jobs.next; link != &client->jobs;
         link = link->next) {
        const job_t *job = list_owner(link, job_t, client_link);
        assert(job->client == session);
        assert(memcmp(job->id.bytes, session->peer_id, CLIENT_ID_BYTES) == 0);
        bytes += job->charged_bytes;
        count++;
    }
    assert(count == client->jobs_count && bytes == client->charged_bytes);
}

static void
s_verify_job(const core_t *self, const job_t *job)
{
    assert(job->part < self->config.parts_count);
    assert(job->attempt >= 1);
    assert(job->failures < self->config.attempts ||
           job->state == JOB_DELIVERING);
    assert((job->state == JOB_QUEUED) == heap_holds(&job->queue));
    assert((job->state == JOB_LEASED) == (job->worker != NULL));
    assert(heap_holds(&job->step.node) ==
           (job->state == JOB_LEASED || job->state == JOB_WAITING));
    assert(job->payload || job->outcome.code != FAULT_NONE);
    assert(job->state == JOB_DELIVERING || heap_holds(&job->end.node));
    assert(job->state != JOB_DELIVERING || job->client);
    assert(jobs_find(&self->jobs, &job->id) == job);
    assert(!done_find(&self->done, &job->id));
}

void
core_verify(const core_t *self)
{
    uint32_t jobs = 0, leased = 0;
    uint64_t held = 0;
    for (uint32_t i = 0; i < self->jobs.capacity; i++) {
        const job_t *job = &self->jobs.rows[i];
        if (job->state == JOB_FREE)
            continue;
        s_verify_job(self, job);
        jobs++;
        leased += job->state == JOB_LEASED;
        held += job->charged_bytes;
    }
    assert(jobs == self->jobs.count && leased == self->leased);
    assert(held == self->held_bytes && held <= self->config.memory_bytes);

    for (int side = 0; side < SIDES; side++) {
        uint32_t sessions = 0;
        session_t *session;
        for (uint32_t i = 0;
             (session = registry_row(&self->registry, (side_t)side, i)); i++) {
            if (session->state == SESSION_FREE)
                continue;
            sessions++;
            assert(registry_find(&self->registry, (side_t)side,
                                 &session->peer) == session);
            if (side == SIDE_WORKERS)
                s_verify_worker(self, session);
            else
                s_verify_client(session);
        }
        assert(sessions == self->registry.sides[side].count);
    }
    heap_verify(&self->timers.heap);
    for (uint16_t i = 0; i < self->config.parts_count; i++) {
        heap_verify(&self->sched.parts[i].idle);
        heap_verify(&self->sched.parts[i].queues[0]);
        heap_verify(&self->sched.parts[i].queues[1]);
    }
}
