/* The CPU level: which build of worker/kernel runs here.
 *
 * x86-64 has the levels baseline, avx2 and avx512, other machines baseline
 * alone. A process uses one of them. What is computed, to the last bit, depends
 * on the level and on nothing else of the machine.
 */
#ifndef CONVOY_WORKER_ENGINE_LEVEL_H
#define CONVOY_WORKER_ENGINE_LEVEL_H

#include "common/fault.h"
#include "worker/kernel/kernels.h"

/* Choose a level by its name, or the best that this CPU has for NULL; before
 * the first use of kernels() and while there is no other thread, as BLIS is
 * told through the environment. FAULT_USAGE where this machine has no such
 * level. */
int level_choose(const char *name, fault_t *fault);

/* The kernels of the chosen level. Where nobody chose, it is $CONVOY_CPU's or
 * the best; a wrong $CONVOY_CPU then ends the process with a sentence. */
const kernels_t *kernels(void);

#endif
