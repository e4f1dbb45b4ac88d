/* Everything that waits for a moment. */
#include "broker/timers.h"

#include <string.h>

#include "broker/list.h"

int
timers_init(timers_t *self, uint32_t capacity, fault_t *fault)
{
    return heap_init(&self->heap, capacity, fault);
}

void
timers_release(timers_t *self)
{
    heap_release(&self->heap);
}

void
alarm_init(alarm_t *self, uint8_t kind, void *owner)
{
    memset(self, 0, sizeof *self);
    self->kind = kind;
    self->owner = owner;
}

void
timers_set(timers_t *self, alarm_t *timer, int64_t due_us)
{
    if (heap_holds(&timer->node))
        heap_move(&self->heap, &timer->node, due_us);
    else
        heap_add(&self->heap, &timer->node, due_us);
}

void
timers_clear(timers_t *self, alarm_t *timer)
{
    if (heap_holds(&timer->node))
        heap_remove(&self->heap, &timer->node);
}

alarm_t *
timers_take(timers_t *self, int64_t now_us)
{
    heap_node_t *node = heap_first(&self->heap);
    if (!node || node->key > now_us)
        return NULL;
    heap_remove(&self->heap, node);
    return list_owner(node, alarm_t, node);
}

int64_t
timers_next_us(const timers_t *self)
{
    const heap_node_t *node = heap_first(&self->heap);
    return node ? node->key : INT64_MAX;
}
