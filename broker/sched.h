/* Which job next, and to whom: per part two queues in the order of age, and
 * the workers that would take a job now, the least loaded first. Nothing here
 * scans.
 */
#ifndef CONVOY_BROKER_SCHED_H
#define CONVOY_BROKER_SCHED_H

#include "broker/jobs.h"
#include "broker/registry.h"

enum { PRIORITIES = 2, URGENT_WEIGHT = 4 };

typedef struct sched_part {
    heap_t queues[PRIORITIES];
    heap_t idle;         /* of worker_t.idle */
    uint32_t urgent_run; /* urgent jobs taken since the last normal one */
    uint32_t loading;    /* workers by state */
    uint32_t ready;
    int64_t alone_us; /* since when no worker was ready; INT64_MAX if one is */
    bool dirty;       /* on the list of parts to look at */
} sched_part_t;

typedef struct sched {
    sched_part_t *parts;
    uint16_t parts_count;
    uint16_t dirty[PROTO_PARTS_MAX];
    uint16_t dirty_count;
    int64_t turn; /* among equally loaded workers the one unused for longest */
} sched_t;

int sched_init(sched_t *self, uint16_t parts, uint32_t jobs, uint32_t workers,
               int64_t now_us, fault_t *fault);
void sched_release(sched_t *self);

/* Queue a job at its part, or take it off. */
void sched_push(sched_t *self, job_t *job);
void sched_pull(sched_t *self, job_t *job);
uint32_t sched_queued(const sched_t *self, uint16_t part);

/* The job whose turn it is; it stays queued. NULL if there is none. */
job_t *sched_next(const sched_t *self, uint16_t part);
/* It was sent: URGENT_WEIGHT urgent ones, then a normal one. */
void sched_count(sched_t *self, const job_t *job);

/* Put the worker where its state, credit and load say it belongs; call after
 * any of them changed. */
void sched_place(sched_t *self, session_t *session);

/* A worker that takes a job of this part, another one than `avoid` (the hash
 * of its peer_id) if there is one; NULL if there is none. */
session_t *sched_pick(sched_t *self, uint16_t part, uint64_t avoid,
                      const registry_t *registry);

/* A part to dispatch at, taken off the list; false when there is none. */
bool sched_take_dirty(sched_t *self, uint16_t *part);

/* A worker's session moves from one state to another (SESSION_FREE outside). */
void sched_move(sched_t *self, session_t *session, session_state_t state,
                int64_t now_us);

/* How long a part has had nobody ready, 0 if it has. */
int64_t sched_alone_us(const sched_t *self, uint16_t part, int64_t now_us);

#endif
