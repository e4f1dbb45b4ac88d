/* A binary heap of nodes that know their place. */
#include "broker/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

int
heap_init(heap_t *self, uint32_t capacity, fault_t *fault)
{
    self->count = 0;
    self->capacity = capacity;
    self->nodes = mem_new(capacity, sizeof *self->nodes, fault);
    return self->nodes ? 0 : -1;
}

void
heap_release(heap_t *self)
{
    free(self->nodes);
    self->nodes = NULL;
    self->count = self->capacity = 0;
}

static void
s_put(heap_t *self, uint32_t index, heap_node_t *node)
{
    self->nodes[index] = node;
    node->place = index + 1;
}

/* The hole at `index` moves up or down until node fits in. */
static void
s_settle(heap_t *self, uint32_t index, heap_node_t *node)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (self->nodes[parent]->key <= node->key)
            break;
        s_put(self, index, self->nodes[parent]);
        index = parent;
    }
    for (;;) {
        uint32_t child = 2 * index + 1;
        if (child >= self->count)
            break;
        if (child + 1 < self->count &&
            self->nodes[child + 1]->key < self->nodes[child]->key)
            child++;
        if (self->nodes[child]->key >= node->key)
            break;
        s_put(self, index, self->nodes[child]);
        index = child;
    }
    s_put(self, index, node);
}

void
heap_add(heap_t *self, heap_node_t *node, int64_t key)
{
    assert(node->place == 0);
    assert(self->count < self->capacity);
    node->key = key;
    self->count++;
    self->nodes[self->count - 1] = node;
    s_settle(self, self->count - 1, node);
}

void
heap_remove(heap_t *self, heap_node_t *node)
{
    uint32_t index = node->place - 1;
    assert(index < self->count && self->nodes[index] == node);
    node->place = 0;
    heap_node_t *last = self->nodes[--self->count];
    if (last != node)
        s_settle(self, index, last);
}

void
heap_move(heap_t *self, heap_node_t *node, int64_t key)
{
    assert(node->place > 0 && self->nodes[node->place - 1] == node);
    node->key = key;
    s_settle(self, node->place - 1, node);
}

heap_node_t *
heap_first(const heap_t *self)
{
    return self->count > 0 ? self->nodes[0] : NULL;
}

heap_node_t *
heap_second(const heap_t *self)
{
    if (self->count < 3)
        return self->count == 2 ? self->nodes[1] : NULL;
    return self->nodes[self->nodes[2]->key < self->nodes[1]->key ? 2 : 1];
}

void
heap_verify(const heap_t *self)
{
    assert(self->count <= self->capacity);
    for (uint32_t i = 0; i < self->count; i++) {
        assert(self->nodes[i]->place == i + 1);
        assert(i == 0 || self->nodes[(i - 1) / 2]->key <= self->nodes[i]->key);
    }
}
