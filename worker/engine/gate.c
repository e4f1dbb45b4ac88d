/* Waiting for another thread: awake for a moment, then asleep. */
#include "worker/engine/gate.h"

#include <sched.h>

#include "common/clock.h"

enum { ALONE_NS = 3000 }; /* looking before others are let onto the CPU */

void
gate_init(gate_t *self)
{
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    atomic_init(&self->sleepers, 0);
    self->woken_ns = 0;
}

void
gate_release(gate_t *self)
{
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
}

/* Tell the CPU that this thread only looks. */
static void
s_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A thread counts itself before it looks for the last time, and who opens the
 * gate looks for sleepers after that: one of the two sees the other. Returns
 * when it was woken. */
static int64_t
s_sleep(gate_t *self, bool (*is_open)(void *context), void *context)
{
    int64_t begin_ns = clock_ns();
    pthread_mutex_lock(&self->lock);
    atomic_fetch_add(&self->sleepers, 1);
    while (!is_open(context))
        pthread_cond_wait(&self->changed, &self->lock);
    atomic_fetch_sub(&self->sleepers, 1);
    int64_t woken_ns = self->woken_ns;
    pthread_mutex_unlock(&self->lock);
    return woken_ns > begin_ns ? woken_ns : begin_ns;
}

void
gate_wait(gate_t *self, bool (*is_open)(void *context), void *context,
          int64_t *awake_ns)
{
    if (is_open(context))
        return;
    int64_t begin_ns = clock_ns();
    int64_t waited_ns;
    while ((waited_ns = clock_ns() - begin_ns) <= *awake_ns) {
        if (waited_ns < ALONE_NS)
            s_pause();
        else
            sched_yield();
        if (is_open(context)) {
            *awake_ns = GATE_AWAKE_NS;
            return;
        }
    }

    /* The way from sleep does not count: what matters is whether looking for
     * longer would have been enough. */
    int64_t woken_ns = s_sleep(self, is_open, context);
    if (*awake_ns != GATE_NEVER_AWAKE)
        *awake_ns = woken_ns - begin_ns <= GATE_AWAKE_NS ? GATE_AWAKE_NS
                                                         : *awake_ns / 2;
}

void
gate_wake(gate_t *self)
{
    if (atomic_load(&self->sleepers) == 0)
        return;
    pthread_mutex_lock(&self->lock);
    self->woken_ns = clock_ns();
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}
