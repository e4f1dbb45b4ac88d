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

typedef struct helper {
    threads_t *owner;
    pthread_t thread;
    int index;
} helper_t;

struct threads {
    int count;
    int started; /* helpers that run */
    helper_t *helpers;

    pthread_mutex_t lock;
    pthread_cond_t begin; /* a loop is there, or the end */
    pthread_cond_t done;  /* the last helper has left the loop */
    uint64_t loop;        /* number of the loop in progress */
    int busy;             /* helpers not yet through with it */
    bool ending;

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

static void *
s_help(void *argument)
{
    helper_t *helper = argument;
    threads_t *self = helper->owner;
    uint64_t seen = 0;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        while (self->loop == seen && !self->ending)
            pthread_cond_wait(&self->begin, &self->lock);
        if (self->ending)
            break;
        seen = self->loop;
        pthread_mutex_unlock(&self->lock);
        s_work(self, helper->index);
        pthread_mutex_lock(&self->lock);
        if (--self->busy == 0)
            pthread_cond_signal(&self->done);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
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
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->begin, NULL);
    pthread_cond_init(&self->done, NULL);
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
    pthread_mutex_lock(&threads->lock);
    threads->ending = true;
    pthread_cond_broadcast(&threads->begin);
    pthread_mutex_unlock(&threads->lock);
    for (int i = 0; i < threads->started; i++)
        pthread_join(threads->helpers[i].thread, NULL);
    pthread_cond_destroy(&threads->done);
    pthread_cond_destroy(&threads->begin);
    pthread_mutex_destroy(&threads->lock);
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

    pthread_mutex_lock(&self->lock);
    self->function = function;
    self->context = context;
    self->tasks = tasks;
    atomic_store_explicit(&self->next, 0, memory_order_relaxed);
    self->busy = self->count - 1;
    self->loop++;
    pthread_cond_broadcast(&self->begin);
    pthread_mutex_unlock(&self->lock);

    s_work(self, 0);

    pthread_mutex_lock(&self->lock);
    while (self->busy > 0)
        pthread_cond_wait(&self->done, &self->lock);
    pthread_mutex_unlock(&self->lock);
}
