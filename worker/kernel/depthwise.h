/* Depthwise convolution: each plane has its own small filter.
 *
 * Taps are added in one order for every output: the bias, then the columns of
 * the filter, in each its rows.
 */
#ifndef CONVOY_WORKER_KERNEL_DEPTHWISE_H
#define CONVOY_WORKER_KERNEL_DEPTHWISE_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kernel/band.h"
#include "worker/kernel/conv.h"

/* False where the window is not for these kernels. */
bool depthwise_init(band_t *band, const window_t *window);

/* Of a thread. */
size_t depthwise_scratch_floats(const band_t *band);

/* filter[kernel_y][kernel_x] in the order of its use. */
void depthwise_pack(const window_t *window, float *packed, const float *filter);

/* Some of the planes y[out_height][out_width], neighbours in memory. */
typedef struct depthwise_range {
    size_t first, planes;
    size_t multiplier; /* so many output planes from one input plane */
} depthwise_range_t;

/* Compute some planes; y, x, packed filters, bias and residual begin at plane
 * 0. Scratch is 64-byte aligned. */
void depthwise_planes(const band_t *band, const depthwise_range_t *range,
                      const conv_end_t *end, float *y, const float *x,
                      const float *packed, float *scratch);

#endif
