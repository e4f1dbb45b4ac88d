/* The memory of jobs that ended: by id, for DONE_SECONDS, as many as
 * it has room for, first in first out; results are kept while their bytes fit
 * the cache.
 */
#ifndef CONVOY_BROKER_DONE_H
#define CONVOY_BROKER_DONE_H

#include "broker/jobs.h"

enum { DONE_SECONDS = 120, RESULTS_MAX = 1024 };

/* A result that can be sent again. */
typedef struct kept {
    payload_t *payload; /* NULL for a free row */
    uint64_t bytes;
    list_t link; /* among the kept, oldest first, or the free */
    uint32_t entry;
    uint16_t tensors_count;
    tensor_header_t tensors[TENSORS_MAX];
    path_step_t *path;
    uint16_t path_count;
} kept_t;

typedef struct done_entry {
    job_id_t id;
    int64_t ended_us;
    uint16_t code; /* FAULT_NONE for a result */
    uint16_t part;
    bool live; /* not taken out again */
    kept_t *kept;
} done_entry_t;

/* Who lets go of payloads. */
typedef void done_release_t(void *context, payload_t *payload);

typedef struct done {
    done_entry_t *ring;
    uint32_t capacity;
    uint32_t results_max;
    uint32_t first, count; /* of the ring, taken out ones included */
    index_t by_id;
    kept_t *results;
    path_step_t *paths;
    list_t kept, free;
    uint64_t kept_bytes, kept_bytes_max;
    uint8_t key[16];
    done_release_t *release;
    void *context;
} done_t;

/* Room for `capacity` jobs and `bytes` of results. */
int done_init(done_t *self, uint16_t parts, uint32_t capacity, uint64_t bytes,
              const uint8_t key[16], done_release_t *release, void *context,
              fault_t *fault);
void done_release(done_t *self);

/* Remember a job, taking its payload (it may be NULL) and bytes of it. */
void done_add(done_t *self, job_t *job, uint64_t bytes, int64_t now_us);

/* What is known of an id, or NULL; valid until the next call. */
const done_entry_t *done_find(const done_t *self, const job_id_t *id);

/* Take it out, outcome and payload into job, whose id it is; it must be
 * there. The outcome's text is the caller's to write. */
void done_take(done_t *self, job_t *job);

/* Forget what is too old. */
void done_expire(done_t *self, int64_t now_us);
/* When the next one will be; INT64_MAX for never. */
int64_t done_next_us(const done_t *self);

#endif
