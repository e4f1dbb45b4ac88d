/* What each step of a plan is, and how long its last run took. */
#ifndef CONVOY_WORKER_ENGINE_STOPWATCH_H
#define CONVOY_WORKER_ENGINE_STOPWATCH_H

#include "worker/engine/plan.h"
#include "worker/engine/session.h"

/* One that is all zero is off and costs a branch a step. */
typedef struct stopwatch {
    lap_t *laps; /* one a step, or NULL */
    size_t count;
    int64_t began_ns;
} stopwatch_t;

/* Switch it on for a plan that was loaded from this graph. */
int stopwatch_init(stopwatch_t *self, const plan_t *plan, const graph_t *graph,
                   fault_t *fault);
void stopwatch_release(stopwatch_t *self);

/* The first step begins; step `index` has ended. */
void stopwatch_begin(stopwatch_t *self);
void stopwatch_lap(stopwatch_t *self, size_t index);

#endif
