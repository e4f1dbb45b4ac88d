/* A few threads that share the tasks of one loop after another.
 *
 * Whoever waits is awake for a moment at most (gate.h), so several workers on
 * one machine do not spin against each other. Which thread takes which task is
 * left to chance: tasks write to places of their own, so results do not depend
 * on it.
 */
#ifndef CONVOY_WORKER_ENGINE_THREADS_H
#define CONVOY_WORKER_ENGINE_THREADS_H

#include <stddef.h>

#include "common/fault.h"

enum { THREADS_MAX = 1024 };

typedef struct threads threads_t;

/* One task of a loop; `thread` is 0..count-1, for scratch memory. */
typedef void task_fn(void *context, size_t task, int thread);

/* A pool of `count` threads, the caller's included. NULL with FAULT_SYSTEM. */
threads_t *threads_new(int count, fault_t *fault);
void threads_destroy(threads_t **self);

/* The CPUs this process may use, 1..THREADS_MAX. */
int threads_online(void);

int threads_count(const threads_t *self);

/* Run tasks 0..tasks-1 and return when all are done. Called by one thread at a
 * time, never from a task. Allocates nothing. */
void threads_run(threads_t *self, task_fn *function, void *context,
                 size_t tasks);

#endif
