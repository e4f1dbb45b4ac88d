/* A scale and a shift a channel: batch normalisation once it is learnt. */
#ifndef CONVOY_WORKER_KERNEL_AFFINE_H
#define CONVOY_WORKER_KERNEL_AFFINE_H

#include <stddef.h>

#include "worker/kernel/activate.h"

/* y[c][i] = f(x[c][i] * scale[c] + shift[c]) for x[channels][inner]; y may be
 * x. */
void affine(float *y, const float *x, const float *scale, const float *shift,
            const activation_t *f, size_t channels, size_t inner);

#endif
