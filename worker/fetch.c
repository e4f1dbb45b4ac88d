/* The window of FETCH requests over the bytes of one part.
 *
 *   0 ......... received ......... asked ......... total
 *     on disk            in flight        to come
 *
 * A session delivers in order, so the bytes that arrived are always a prefix.
 */
#include "worker/fetch.h"

#include <assert.h>

/* The size of the chunk that begins at offset. */
static uint64_t
s_chunk_bytes(const fetch_t *self, uint64_t offset)
{
    uint64_t left = self->total - offset;
    return left < PROTO_CHUNK_MAX ? left : PROTO_CHUNK_MAX;
}

void
fetch_init(fetch_t *self, const digest_t *digest, uint64_t total, int64_t now)
{
    assert(total > 0);
    *self = (fetch_t){.digest = *digest, .total = total, .moved_ms = now};
}

void
fetch_resume(fetch_t *self, int64_t now)
{
    self->asked = self->received;
    self->moved_ms = now;
}

bool
fetch_wants(const fetch_t *self, uint64_t *offset)
{
    *offset = self->asked;
    return self->asked < self->total &&
           self->asked - self->received <
               (uint64_t)FETCH_WINDOW * PROTO_CHUNK_MAX;
}

void
fetch_asked(fetch_t *self)
{
    assert(self->asked < self->total);
    self->asked += s_chunk_bytes(self, self->asked);
}

int
fetch_chunk(fetch_t *self, const message_t *message, size_t bytes, int64_t now,
            fault_t *fault)
{
    if (message->total != self->total)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "CHUNK of a part of %llu bytes, this one has %llu",
                         (unsigned long long)message->total,
                         (unsigned long long)self->total);
    if (message->offset < self->received)
        return 0;
    if (message->offset != self->received || self->received == self->asked)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "CHUNK at offset %llu, %llu was asked for",
                         (unsigned long long)message->offset,
                         (unsigned long long)self->received);
    uint64_t expected = s_chunk_bytes(self, self->received);
    if (bytes != expected)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "CHUNK of %zu bytes at offset %llu instead of %llu",
                         bytes, (unsigned long long)message->offset,
                         (unsigned long long)expected);
    self->received += bytes;
    self->moved_ms = now;
    return 1;
}

bool
fetch_done(const fetch_t *self)
{
    return self->received == self->total;
}

bool
fetch_stalled(const fetch_t *self, int64_t now)
{
    return self->asked > self->received &&
           now - self->moved_ms >= FETCH_STALL_MS;
}
