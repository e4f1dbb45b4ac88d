/* Requests for bytes of a part that wait for their turn behind the jobs.
 *
 *   ready     in order of arrival
 *   deferred  their worker took no more; all wait equally long, so this one is
 *             in order too
 *
 * Fixed size: the core lets each worker have CORE_FETCHES_MAX of them.
 */
#ifndef CONVOY_BROKER_FETCHES_H
#define CONVOY_BROKER_FETCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/core.h"
#include "common/fault.h"

enum { FETCHES_DEFER_US = 20000, FETCHES_TRIES_MAX = 250 };

typedef struct fetch {
    peer_t worker;
    uint64_t session;
    uint16_t part;
    uint16_t tries;
    uint64_t offset;
    int64_t due_us; /* when deferred */
} fetch_t;

typedef struct fetches fetches_t;

fetches_t *fetches_new(size_t capacity, fault_t *fault);
void fetches_destroy(fetches_t **self);

/* False where there is no room. */
bool fetches_add(fetches_t *self, const fetch_t *fetch);

/* The next one that may be answered now; false where there is none. */
bool fetches_take(fetches_t *self, int64_t now_us, fetch_t *fetch);

/* Put one back that was just taken, for FETCHES_DEFER_US. False after
 * FETCHES_TRIES_MAX times: it is given up. */
bool fetches_defer(fetches_t *self, fetch_t *fetch, int64_t now_us);

/* 0 if one is ready, INT64_MAX if there is none. */
int64_t fetches_due_us(const fetches_t *self);

#endif
