/* How many multiply-adds a CPU of this level can do at most. */
#ifndef CONVOY_WORKER_KERNEL_PEAK_H
#define CONVOY_WORKER_KERNEL_PEAK_H

#include <stddef.h>

/* Do independent vector multiply-adds in registers for some rounds; the number
 * of floating-point operations done. The sums begin with *value and end in it,
 * so that no compiler can leave them out. */
double peak_run(size_t rounds, float *value);

#endif
