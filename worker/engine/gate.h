/* Waiting for another thread: awake for a moment, then asleep.
 *
 * A thread that sleeps takes some microseconds to wake, which small steps of a
 * network feel; one that stays awake takes a CPU from others. So it looks for
 * at most GATE_AWAKE_NS, gives its CPU to whoever else can run meanwhile, and
 * looks for less time the more often it was in vain: where the other thread has
 * no CPU, or nothing comes, waiting soon costs nothing.
 */
#ifndef CONVOY_WORKER_ENGINE_GATE_H
#define CONVOY_WORKER_ENGINE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { GATE_AWAKE_NS = 50000 };

/* Where threads wait for one kind of event. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int sleepers;
    int64_t woken_ns; /* when they were last woken */
} gate_t;

void gate_init(gate_t *self);
void gate_release(gate_t *self);

/* Return when is_open(context), which reads atomics alone. *awake_ns is the
 * thread's own: how long it looks before it sleeps, 0..GATE_AWAKE_NS; begin
 * with GATE_AWAKE_NS. GATE_NEVER_AWAKE stays as it is. */
enum { GATE_NEVER_AWAKE = -1 };
void gate_wait(gate_t *self, bool (*is_open)(void *context), void *context,
               int64_t *awake_ns);

/* Wake those who sleep; called after what they wait for has become true. */
void gate_wake(gate_t *self);

#endif
