/* The compute thread: loads parts and runs batches, so that the agent never
 * waits. The two talk in small messages over an inproc pair.
 *
 *   agent --LOAD, RUN, STOP--> executor --LOADED, MISSING, FAILED, DONE-->
 * agent
 *
 * What computes is behind runner_t, so that a scripted worker can be built
 * from the same parts.
 */
#ifndef CONVOY_WORKER_EXECUTOR_H
#define CONVOY_WORKER_EXECUTOR_H

#include <stdatomic.h>

#include "worker/backlog.h"
#include "worker/cache.h"
#include "worker/task.h"

/* A part made ready. */
typedef struct loaded {
    boundary_t boundary;
    int batch_max;         /* rows of one run */
    atomic_uint *progress; /* counts up while it computes; valid until the
                              next load begins */
} loaded_t;

/* Something that computes; used by the compute thread alone. */
typedef struct runner {
    void *context;
    /* Replace what is loaded by a part (borrowed). */
    int (*load)(void *context, blob_t *part, loaded_t *loaded, fault_t *fault);
    /* Compute tasks 0..count-1, count <= batch_max, in one run: fill in each
     * task's output. -1 with the fault: none of them has one. */
    int (*run)(void *context, task_t **tasks, size_t count, fault_t *fault);
    void (*destroy)(void *context);
} runner_t;

typedef enum report_kind {
    REPORT_LOADED,  /* loaded is valid */
    REPORT_MISSING, /* the cache has no such part */
    REPORT_FAILED,  /* see fault; FAULT_DIGEST: the download was damaged */
    REPORT_DONE,    /* tasks are answered, each with a result or a fault */
} report_kind_t;

typedef struct report {
    report_kind_t kind;
    digest_t digest; /* of the part */
    loaded_t loaded;
    fault_t fault;
    size_t count;
    task_t *tasks[BATCH_MAX];
} report_t;

typedef struct executor executor_t;

/* Start the thread. runner is taken over; the cache is borrowed, and used by
 * the thread for cache_find and cache_keep. NULL with FAULT_SYSTEM. */
executor_t *executor_new(const runner_t *runner, cache_t *cache,
                         fault_t *fault);

/* Stop after the run in progress and join. */
void executor_destroy(executor_t **self);

/* Get a part ready: out of the cache, or out of a complete download, which is
 * taken over. Answered by LOADED, MISSING or FAILED. */
void executor_load(executor_t *self, const digest_t *digest,
                   download_t **download);

/* Lend 1..BATCH_MAX tasks for one run; answered by DONE. */
void executor_run(executor_t *self, task_t **tasks, size_t count);

/* The socket to poll for reports. */
zsock_t *executor_socket(executor_t *self);

/* The next report, to be freed; NULL if there is none. */
report_t *executor_report(executor_t *self);

#endif
