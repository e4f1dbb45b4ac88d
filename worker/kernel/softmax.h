/* Softmax and its logarithm along one axis. */
#ifndef CONVOY_WORKER_KERNEL_SOFTMAX_H
#define CONVOY_WORKER_KERNEL_SOFTMAX_H

#include <stddef.h>

/* y[o][c][i] = exp(x[o][c][i] - max) / sum over c, for x[outer][count][inner].
 * y may be x. */
void softmax(float *y, const float *x, size_t outer, size_t count,
             size_t inner);

/* y[o][c][i] = x[o][c][i] - max - log(sum), likewise. */
void log_softmax(float *y, const float *x, size_t outer, size_t count,
                 size_t inner);

#endif
