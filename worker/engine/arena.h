/* Where each operand of a plan lies in the arena. */
#ifndef CONVOY_WORKER_ENGINE_ARENA_H
#define CONVOY_WORKER_ENGINE_ARENA_H

#include "worker/engine/plan.h"

/* Fill in the plan's offsets and arena_bytes. Inputs stay as written during a
 * run, outputs until the next. -1 with FAULT_MEMORY. */
int arena_lay_out(plan_t *plan, fault_t *fault);

#endif
