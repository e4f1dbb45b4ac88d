/* Requests for bytes of a part, waiting behind the jobs. */
#include "broker/fetches.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

typedef struct ring {
    fetch_t *items;
    size_t first;
    size_t count;
} ring_t;

/* Each ring has room for all, so moving from one to the other cannot fail. */
struct fetches {
    size_t capacity;
    ring_t ready;
    ring_t deferred;
};

static void
s_push(fetches_t *self, ring_t *ring, const fetch_t *fetch)
{
    assert(ring->count < self->capacity);
    ring->items[(ring->first + ring->count++) % self->capacity] = *fetch;
}

static fetch_t
s_pop(fetches_t *self, ring_t *ring)
{
    assert(ring->count > 0);
    fetch_t fetch = ring->items[ring->first];
    ring->first = (ring->first + 1) % self->capacity;
    ring->count--;
    return fetch;
}

fetches_t *
fetches_new(size_t capacity, fault_t *fault)
{
    assert(capacity > 0);
    fetches_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->capacity = capacity;
    self->ready.items = mem_new(capacity, sizeof(fetch_t), fault);
    self->deferred.items = mem_new(capacity, sizeof(fetch_t), fault);
    if (!self->ready.items || !self->deferred.items)
        fetches_destroy(&self);
    return self;
}

void
fetches_destroy(fetches_t **self)
{
    if (!*self)
        return;
    free((*self)->ready.items);
    free((*self)->deferred.items);
    free(*self);
    *self = NULL;
}

bool
fetches_add(fetches_t *self, const fetch_t *fetch)
{
    if (self->ready.count + self->deferred.count == self->capacity)
        return false;
    s_push(self, &self->ready, fetch);
    return true;
}

bool
fetches_take(fetches_t *self, int64_t now_us, fetch_t *fetch)
{
    ring_t *deferred = &self->deferred;
    while (deferred->count &&
           deferred->items[deferred->first].due_us <= now_us) {
        fetch_t due = s_pop(self, deferred);
        s_push(self, &self->ready, &due);
    }
    if (self->ready.count == 0)
        return false;
    *fetch = s_pop(self, &self->ready);
    return true;
}

bool
fetches_defer(fetches_t *self, fetch_t *fetch, int64_t now_us)
{
    if (++fetch->tries > FETCHES_TRIES_MAX)
        return false;
    fetch->due_us = now_us + FETCHES_DEFER_US;
    s_push(self, &self->deferred, fetch);
    return true;
}

int64_t
fetches_due_us(const fetches_t *self)
{
    const ring_t *deferred = &self->deferred;
    if (self->ready.count)
        return 0;
    return deferred->count ? deferred->items[deferred->first].due_us
                           : INT64_MAX;
}
