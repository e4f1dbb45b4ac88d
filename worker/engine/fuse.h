/* Steps that finish another step's output become part of it: an activation,
 * a residual sum, a bias; and a factor a channel of what it reads. */
#ifndef CONVOY_WORKER_ENGINE_FUSE_H
#define CONVOY_WORKER_ENGINE_FUSE_H

#include "worker/engine/plan.h"

/* Shorten the plan's steps; what they compute stays the same. */
int fuse(plan_t *plan, const graph_t *graph, fault_t *fault);

#endif
