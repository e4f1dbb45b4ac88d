/* Which job next, and to whom. */
#include "broker/sched.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

int
sched_init(sched_t *self, uint16_t parts, uint32_t jobs, uint32_t workers,
           int64_t now_us, fault_t *fault)
{
    memset(self, 0, sizeof *self);
    self->parts = mem_new(parts, sizeof *self->parts, fault);
    if (!self->parts)
        return -1;
    self->parts_count = parts;
    for (uint16_t i = 0; i < parts; i++) {
        sched_part_t *part = &self->parts[i];
        part->alone_us = now_us;
        if (heap_init(&part->queues[0], jobs, fault) != 0 ||
            heap_init(&part->queues[1], jobs, fault) != 0 ||
            heap_init(&part->idle, workers, fault) != 0)
            return -1;
    }
    return 0;
}

void
sched_release(sched_t *self)
{
    for (uint16_t i = 0; i < self->parts_count; i++) {
        heap_release(&self->parts[i].queues[0]);
        heap_release(&self->parts[i].queues[1]);
        heap_release(&self->parts[i].idle);
    }
    free(self->parts);
}

static void
s_mark(sched_t *self, uint16_t part)
{
    if (self->parts[part].dirty)
        return;
    self->parts[part].dirty = true;
    self->dirty[self->dirty_count++] = part;
}

void
sched_push(sched_t *self, job_t *job)
{
    heap_add(&self->parts[job->part].queues[job->priority], &job->queue,
             job->age);
    s_mark(self, job->part);
}

void
sched_pull(sched_t *self, job_t *job)
{
    heap_remove(&self->parts[job->part].queues[job->priority], &job->queue);
}

uint32_t
sched_queued(const sched_t *self, uint16_t part)
{
    return self->parts[part].queues[0].count +
           self->parts[part].queues[1].count;
}

job_t *
sched_next(const sched_t *self, uint16_t part)
{
    const sched_part_t *queues = &self->parts[part];
    const heap_node_t *normal = heap_first(&queues->queues[0]);
    const heap_node_t *urgent = heap_first(&queues->queues[1]);
    const heap_node_t *node = urgent;
    if (!urgent || (normal && queues->urgent_run >= URGENT_WEIGHT))
        node = normal;
    return node ? list_owner(node, job_t, queue) : NULL;
}

void
sched_count(sched_t *self, const job_t *job)
{
    sched_part_t *part = &self->parts[job->part];
    part->urgent_run = job->priority ? part->urgent_run + 1 : 0;
}

/* Load first, then whose turn it is. */
static int64_t
s_idle_key(sched_t *self, const worker_t *worker)
{
    enum { TURN_BITS = 44 };
    return ((int64_t)worker->leased << TURN_BITS) +
           (++self->turn & (((int64_t)1 << TURN_BITS) - 1));
}

void
sched_place(sched_t *self, session_t *session)
{
    worker_t *worker = &session->worker;
    heap_t *idle = &self->parts[worker->part].idle;
    bool takes = session->state == SESSION_READY && !session->doomed &&
                 !worker->full && worker->sent_total < worker->credit_total;
    if (takes && heap_holds(&worker->idle)) {
        heap_move(idle, &worker->idle, s_idle_key(self, worker));
    } else if (takes) {
        heap_add(idle, &worker->idle, s_idle_key(self, worker));
        s_mark(self, worker->part);
    } else if (heap_holds(&worker->idle)) {
        heap_remove(idle, &worker->idle);
    }
}

static session_t *
s_session(const heap_node_t *node)
{
    return list_owner(node, session_t, worker.idle);
}

session_t *
sched_pick(sched_t *self, uint16_t part, uint64_t avoid,
           const registry_t *registry)
{
    const heap_t *idle = &self->parts[part].idle;
    const heap_node_t *first = heap_first(idle);
    if (!first)
        return NULL;
    session_t *session = s_session(first);
    const heap_node_t *second = heap_second(idle);
    if (avoid && second &&
        registry_identity_hash(registry, SIDE_WORKERS, session->peer_id) ==
            avoid)
        session = s_session(second);
    return session;
}

bool
sched_take_dirty(sched_t *self, uint16_t *part)
{
    if (self->dirty_count == 0)
        return false;
    *part = self->dirty[--self->dirty_count];
    self->parts[*part].dirty = false;
    return true;
}

void
sched_move(sched_t *self, session_t *session, session_state_t state,
           int64_t now_us)
{
    sched_part_t *part = &self->parts[session->worker.part];
    part->loading -= session->state == SESSION_LOADING;
    part->ready -= session->state == SESSION_READY;
    part->loading += state == SESSION_LOADING;
    part->ready += state == SESSION_READY;
    session->state = state;
    if (part->ready > 0)
        part->alone_us = INT64_MAX;
    else if (part->alone_us == INT64_MAX)
        part->alone_us = now_us;
    sched_place(self, session);
}

int64_t
sched_alone_us(const sched_t *self, uint16_t part, int64_t now_us)
{
    int64_t since_us = self->parts[part].alone_us;
    return since_us == INT64_MAX ? 0 : now_us - since_us;
}
