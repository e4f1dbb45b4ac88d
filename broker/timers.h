/* Everything that waits for a moment: one heap over timers that lie inside
 * their owners. Firing takes a timer out; its owner sets it again if need be.
 */
#ifndef CONVOY_BROKER_TIMERS_H
#define CONVOY_BROKER_TIMERS_H

#include "broker/heap.h"

typedef struct timers {
    heap_t heap;
} timers_t;

typedef struct alarm {
    heap_node_t node;
    uint8_t kind; /* the user's */
    void *owner;  /* the user's */
} alarm_t;        /* POSIX has taken the name alarm_t */

int timers_init(timers_t *self, uint32_t capacity, fault_t *fault);
void timers_release(timers_t *self);

void alarm_init(alarm_t *self, uint8_t kind, void *owner);

/* Fire at due_us, whether it was set before or not. */
void timers_set(timers_t *self, alarm_t *timer, int64_t due_us);
/* Harmless where it is not set. */
void timers_clear(timers_t *self, alarm_t *timer);

/* The earliest timer due at now_us, no longer set; NULL when none is. */
alarm_t *timers_take(timers_t *self, int64_t now_us);

/* INT64_MAX when none is set. */
int64_t timers_next_us(const timers_t *self);

#endif
