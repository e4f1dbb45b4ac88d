/* How the worker comes by the part it serves: out of memory, out of the cache,
 * or chunk by chunk from the broker.
 *
 *   NOTHING -want-> LOOKING -missing-> FETCHING -whole-> LOOKING -> READY
 *
 * Looking, verifying and loading happen on the executor's thread.
 */
#ifndef CONVOY_WORKER_SUPPLY_H
#define CONVOY_WORKER_SUPPLY_H

#include "worker/executor.h"
#include "worker/fetch.h"

typedef enum supply_stage {
    SUPPLY_NOTHING,
    SUPPLY_LOOKING, /* the executor has been asked */
    SUPPLY_FETCHING,
    SUPPLY_READY,
} supply_stage_t;

typedef struct supply {
    executor_t *executor; /* borrowed */
    cache_t *cache;       /* borrowed */
    supply_stage_t stage;
    digest_t digest; /* wanted, from LOOKING on */
    uint64_t bytes;
    digest_t asked; /* LOOKING: what the executor was asked for */
    int damaged;    /* downloads of other bytes than promised */
    download_t *download;
    fetch_t fetch;
    loaded_t loaded; /* READY */
} supply_t;

void supply_init(supply_t *self, executor_t *executor, cache_t *cache);
void supply_release(supply_t *self);

/* Get a part of `bytes` bytes ready, if it is not. -1 with FAULT_INPUT where
 * it is larger than the free memory. */
int supply_want(supply_t *self, const digest_t *digest, uint64_t bytes,
                fault_t *fault);

/* Drop the part from memory and cache: the broker does not know its bytes. */
void supply_forget(supply_t *self);

/* True where the wanted part is loaded. */
bool supply_is_ready(const supply_t *self);

/* True where that is the part that is wanted or loaded. */
bool supply_has(const supply_t *self, const digest_t *digest);

/* The session ended, or the requests went unanswered: ask again. */
void supply_resume(supply_t *self, int64_t now);

/* True if a FETCH should go out now, from *offset on; supply_asked says that
 * it did. */
bool supply_wants(supply_t *self, uint64_t *offset, int64_t now);
void supply_asked(supply_t *self);

/* A CHUNK. -1 where it is not what was asked for or cannot be kept. */
int supply_chunk(supply_t *self, const message_t *message,
                 const payload_t *payload, int64_t now, fault_t *fault);

/* A report of the executor other than DONE. -1 where the part cannot be
 * served: the worker gives up with this fault. */
int supply_report(supply_t *self, const report_t *report, int64_t now,
                  fault_t *fault);

#endif
