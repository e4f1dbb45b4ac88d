/* The jobs that are live, and the memory of those that ended.
 *
 *   QUEUED -> LEASED -> QUEUED (next part, or again) ... -> DELIVERING -> gone
 *
 * WAITING is QUEUED with a retry delay still running. A job that is gone is
 * remembered for a while by its id, so that a client that lost its link may
 * ask again: how it ended, and the result itself while the cache has room.
 */
#ifndef CONVOY_BROKER_JOBS_H
#define CONVOY_BROKER_JOBS_H

#include "broker/core.h"
#include "broker/index.h"
#include "broker/list.h"
#include "broker/timers.h"

enum {
    HOLDERS_MAX = 8, /* leases of one part that late results are taken from */
    DEATHS_MAX = 2,  /* workers that died over a job before it is poison */
};

typedef struct session session_t;

typedef enum job_state {
    JOB_FREE,
    JOB_WAITING,
    JOB_QUEUED,
    JOB_LEASED,
    JOB_DELIVERING,
} job_state_t;

/* A lease that was given: to whom (hash of its peer_id), as which attempt. */
typedef struct holder {
    uint64_t worker;
    uint16_t attempt;
} holder_t;

/* How a job ended. code is FAULT_NONE for a result. */
typedef struct outcome {
    uint16_t code;
    uint16_t part; /* where it failed */
    char text[PROTO_TEXT_MAX + 1];
} outcome_t;

typedef struct job {
    job_id_t id;
    job_state_t state;
    uint16_t part;
    uint16_t attempt;        /* of the lease, or of the next one */
    uint16_t failures;       /* attempts of this part that count */
    uint16_t failed_attempt; /* the last of them */
    uint8_t priority;
    int64_t age; /* counts up with each admission; the queue's order */
    int64_t deadline_us;
    int64_t orphan_us; /* give up then; INT64_MAX while a client waits */
    int64_t queued_us; /* when it came to this part's queue */
    int64_t leased_us;
    int64_t poison_us; /* two deaths: the verdict falls then; 0 for none */
    alarm_t end;       /* deadline or orphan_us */
    alarm_t step;      /* WAITING: the delay; LEASED: the lease */
    heap_node_t queue; /* QUEUED */

    session_t *client; /* NULL while orphaned */
    list_t client_link;
    list_t outbox_link;
    session_t *worker; /* LEASED */
    list_t lease_link;
    uint16_t lease_attempt;
    uint64_t avoid; /* hash of the worker it failed on last; 0 for none */
    holder_t holders[HOLDERS_MAX];
    uint16_t holders_count;
    uint64_t deaths[DEATHS_MAX];
    uint16_t deaths_count;

    /* The current part's input, or the result while DELIVERING. */
    payload_t *payload;
    uint16_t tensors_count;
    tensor_header_t tensors[TENSORS_MAX];
    uint64_t charged_bytes;
    path_step_t *path; /* room for every part */
    uint16_t path_count;
    outcome_t outcome; /* DELIVERING; before that the last failure */
} job_t;

typedef struct jobs {
    job_t *rows;
    path_step_t *paths;
    uint32_t capacity;
    uint32_t count;
    list_t free; /* by client_link */
    index_t by_id;
    uint8_t key[16];
    int64_t age;
} jobs_t;

int jobs_init(jobs_t *self, uint32_t capacity, uint16_t parts,
              const uint8_t key[16], fault_t *fault);
void jobs_release(jobs_t *self);

uint64_t jobs_hash(const uint8_t key[16], const job_id_t *id);

/* The job, or NULL. */
job_t *jobs_find(const jobs_t *self, const job_id_t *id);

/* A new job, zero but for id, age and path; NULL when the table is full. */
job_t *jobs_add(jobs_t *self, const job_id_t *id);
/* It must hold no payload, timer, queue place or link any more. */
void jobs_remove(jobs_t *self, job_t *job);

/* Remember that this worker has a lease of this attempt. */
void job_add_holder(job_t *self, uint64_t worker, uint16_t attempt);
bool job_was_held(const job_t *self, uint64_t worker, uint16_t attempt);

/* A worker vanished with this job as its current one; or came back. Deaths of
 * one worker count once. */
void job_add_death(job_t *self, uint64_t worker);
void job_remove_death(job_t *self, uint64_t worker);

#endif
