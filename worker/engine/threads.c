/* A small thread pool: one loop at a time, tasks claimed by a counter. */
#include "worker/engine/threads.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/engine/flush.h"
#include "worker/engine/gate.h"

typedef struct helper {
    threads_t *owner;
    pthread_t thread;
    int index;
    unsigned seen; /* the last loop it took part in */
    int64_t awake_ns;
} helper_t;

/* A loop is open while its number is odd. A helper counts itself in and then
 * looks whether its loop is still open; the caller closes the loop and then
 * waits until nobody is in: so the four fields of a loop change only while
 * nobody reads them, and a helper that wakes too late holds nobody up. */
struct threads {
    int count;
    int started; /* helpers that run */
    helper_t *helpers;
    int64_t awake_ns; /* of the caller */

    gate_t begin; /* a loop is open, or the end */
    gate_t done;  /* no helper is in */
    atomic_uint loop;
    atomic_int inside;
    atomic_bool ending;

    task_fn *function;
    void *context;
    size_t tasks;
    atomic_size_t next;
};

static void
s_work(threads_t *self, int thread)
{
    for (;;) {
        size_t task =
            atomic_fetch_add_explicit(&self->next, 1, memory_order_relaxed);
        if (task >= self->tasks)
            return;
        self->function(self->context, task, thread);
    }
}

static bool
s_has_begun(void *context)
{
    const helper_t *helper = context;
    unsigned loop = atomic_load(&helper->owner->loop);
    return (loop % 2 == 1 && loop != helper->seen) ||
           atomic_load(&helper->owner->ending);
}

static bool
s_is_done(void *context)
{
    threads_t *self = context;
    return atomic_load(&self->inside) == 0;
}

static void *
s_help(void *argument)
{
    helper_t *helper = argument;
    threads_t *self = helper->owner;
    flush_begin();
    for (;;) {
        gate_wait(&self->begin, s_has_begun, helper, &helper->awake_ns);
        if (atomic_load(&self->ending))
            return NULL;
        atomic_fetch_add(&self->inside, 1);
        unsigned loop = atomic_load(&self->loop);
        if (loop % 2 == 1) {
            helper->seen = loop;
            s_work(self, helper->index);
        }
        if (atomic_fetch_sub(&self->inside, 1) == 1)
            gate_wake(&self->done);
    }
}

/* Signals are the business of the program's own threads. */
static int
s_start(threads_t *self, fault_t *fault)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = 0;
    for (int i = 0; i < self->count - 1 && !error; i++) {
        helper_t *helper = &self->helpers[i];
        helper->owner = self;
        helper->index = i + 1;
        helper->awake_ns = self->awake_ns;
        error = pthread_create(&helper->thread, NULL, s_help, helper);
        self->started += !error;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error)
        return fault_set(fault, FAULT_SYSTEM, "cannot start %d threads: %s",
                         self->count, strerror(error));
    return 0;
}

threads_t *
threads_new(int count, fault_t *fault)
{
    assert(count >= 1 && count <= THREADS_MAX);
    threads_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->count = count;
    self->awake_ns =
        count > threads_online() ? GATE_NEVER_AWAKE : GATE_AWAKE_NS;
    gate_init(&self->begin);
    gate_init(&self->done);
    self->helpers = mem_new((size_t)count, sizeof *self->helpers, fault);
    if (!self->helpers || s_start(self, fault))
        threads_destroy(&self);
    return self;
}

void
threads_destroy(threads_t **self)
{
    threads_t *threads = *self;
    if (!threads)
        return;
    atomic_store(&threads->ending, true);
    gate_wake(&threads->begin);
    for (int i = 0; i < threads->started; i++)
        pthread_join(threads->helpers[i].thread, NULL);
    gate_release(&threads->done);
    gate_release(&threads->begin);
    free(threads->helpers);
    free(threads);
    *self = NULL;
}

int
threads_online(void)
{
    cpu_set_t set;
    int count =
        sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count;
}

int
threads_count(const threads_t *self)
{
    return self->count;
}

void
threads_run(threads_t *self, task_fn *function, void *context, size_t tasks)
{
    if (self->count == 1 || tasks <= 1) {
        for (size_t task = 0; task < tasks; task++)
            function(context, task, 0);
        return;
    }

    self->function = function;
    self->context = context;
    self->tasks = tasks;
    atomic_store(&self->next, 0);
    atomic_fetch_add(&self->loop, 1);
    gate_wake(&self->begin);

    s_work(self, 0);

    atomic_fetch_add(&self->loop, 1);
    gate_wait(&self->done, s_is_done, self, &self->awake_ns);
}
