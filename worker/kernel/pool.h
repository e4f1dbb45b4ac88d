/* Pooling: the largest or the mean of each window of a plane. */
#ifndef CONVOY_WORKER_KERNEL_POOL_H
#define CONVOY_WORKER_KERNEL_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kernel/band.h"
#include "worker/kernel/window.h"

/* How a window is walked over; a value, borrowing nothing. */
typedef struct pool {
    band_t band;
    bool banded; /* false: the window is too large for a band */
} pool_t;

void pool_init(pool_t *self, const window_t *window);

/* Of a thread; scratch is 64-byte aligned. */
size_t pool_scratch_floats(const pool_t *self);

/* y[planes][out_height][out_width] = largest of x[planes][height][width] in
 * each window; padding never wins, a NaN does. */
void pool_max(const pool_t *self, float *y, const float *x, size_t planes,
              float *scratch);

/* The mean of each window: over the window cut at the padded border where
 * padding counts, over what lies inside the plane where it does not. */
void pool_average(const pool_t *self, bool count_padding, float *y,
                  const float *x, size_t planes, float *scratch);

/* y[plane] = the mean of count elements of each plane. */
void pool_mean(float *y, const float *x, size_t planes, size_t count);

/* y[plane] = the largest of count elements of each plane. */
void pool_largest(float *y, const float *x, size_t planes, size_t count);

#endif
