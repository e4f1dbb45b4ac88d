/* Where each operand of a plan lies in the arena. */
#ifndef CONVOY_WORKER_ENGINE_ARENA_H
#define CONVOY_WORKER_ENGINE_ARENA_H

#include "worker/engine/plan.h"

/* Fill in the plan's offsets and arena_bytes and its operands' strides, and
 * drop the steps that have nothing left to do. Inputs stay as written during a
 * run, outputs until the next. -1 with FAULT_MEMORY. */
int arena_lay_out(plan_t *plan, const graph_t *graph, fault_t *fault);

#endif
