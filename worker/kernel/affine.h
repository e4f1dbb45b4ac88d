/* A scale and a shift a channel: batch normalisation once it is learnt. */
#ifndef CONVOY_WORKER_KERNEL_AFFINE_H
#define CONVOY_WORKER_KERNEL_AFFINE_H

#include <stddef.h>

/* y[c][i] = x[c][i] * scale[c] + shift[c] for x[channels][inner]; y may be x.
 */
void affine(float *y, const float *x, const float *scale, const float *shift,
            size_t channels, size_t inner);

#endif
