/* Which bytes of a part to ask for next: a small window of FETCH requests, one
 * chunk each, in order. Pure: it neither sends nor stores.
 */
#ifndef CONVOY_WORKER_FETCH_H
#define CONVOY_WORKER_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/proto.h"

enum {
    FETCH_WINDOW = 4, /* requests in flight */
    FETCH_STALL_MS = 10000,
};

typedef struct fetch {
    digest_t digest;
    uint64_t total;
    uint64_t asked;    /* every byte before it was requested */
    uint64_t received; /* every byte before it has arrived, <= asked */
    int64_t moved_ms;  /* the last chunk, or the start */
} fetch_t;

void fetch_init(fetch_t *self, const digest_t *digest, uint64_t total,
                int64_t now);

/* Begin again behind the last byte received: the requests in flight died with
 * their session. */
void fetch_resume(fetch_t *self, int64_t now);

/* True if another request may go out now, from *offset on; fetch_asked says
 * that it did. */
bool fetch_wants(const fetch_t *self, uint64_t *offset);
void fetch_asked(fetch_t *self);

/* A CHUNK and the size of its frame. 1: the next bytes, to be stored at its
 * offset; 0: a late double, to be dropped; -1 with FAULT_BAD_FRAME: not what
 * was asked for. */
int fetch_chunk(fetch_t *self, const message_t *message, size_t bytes,
                int64_t now, fault_t *fault);

bool fetch_done(const fetch_t *self);

/* True where requests are out and nothing came for FETCH_STALL_MS. */
bool fetch_stalled(const fetch_t *self, int64_t now);

#endif
