/* The runner that computes: a part's graph in an engine session, tasks stacked
 * as rows.
 */
#ifndef CONVOY_WORKER_COMPUTE_H
#define CONVOY_WORKER_COMPUTE_H

#include "worker/executor.h"

enum { COMPUTE_BATCH = 8 };

/* Fill in a runner that owns its context. batch_max 0: COMPUTE_BATCH, or
 * fewer where samples are so large that a batch gains nothing and only costs
 * memory. -1 with FAULT_MEMORY. */
int compute_init(runner_t *runner, int threads, int batch_max, fault_t *fault);

#endif
