/* Subnormal numbers count as zero while a run computes.
 *
 * They are smaller than 1.2e-38 and cost a CPU a hundred ordinary operations
 * each. A network whose activations fade out over several layers makes
 * millions of them; nobody can tell their sums from zero.
 */
#ifndef CONVOY_WORKER_ENGINE_FLUSH_H
#define CONVOY_WORKER_ENGINE_FLUSH_H

#include <stdint.h>

/* The calling thread's mode as it was, for flush_end. Nothing changes where
 * the machine has no such mode. */
uint64_t flush_begin(void);
void flush_end(uint64_t before);

#endif
