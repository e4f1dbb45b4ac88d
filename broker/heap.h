/* A binary heap of nodes that know their place, so any of them leaves or moves
 * in O(log n). The smallest key is first. Nodes are members of what they
 * order; the heap owns only its array.
 */
#ifndef CONVOY_BROKER_HEAP_H
#define CONVOY_BROKER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

typedef struct heap_node {
    int64_t key;
    uint32_t place; /* 1 + index in the array, 0 when in no heap */
} heap_node_t;

typedef struct heap {
    heap_node_t **nodes;
    uint32_t count;
    uint32_t capacity;
} heap_t;

/* Room for `capacity` nodes, or -1 with FAULT_MEMORY. */
int heap_init(heap_t *self, uint32_t capacity, fault_t *fault);
void heap_release(heap_t *self);

/* The node must be in no heap, and there must be room. */
void heap_add(heap_t *self, heap_node_t *node, int64_t key);
/* The node must be in this heap. */
void heap_remove(heap_t *self, heap_node_t *node);
void heap_move(heap_t *self, heap_node_t *node, int64_t key);

/* The node with the smallest key and the one that would be first without it;
 * NULL where there is none. */
heap_node_t *heap_first(const heap_t *self);
heap_node_t *heap_second(const heap_t *self);

static inline bool
heap_holds(const heap_node_t *node)
{
    return node->place != 0;
}

/* Assert order and places of the whole heap. */
void heap_verify(const heap_t *self);

#endif
