/* Depthwise convolution: each plane has its own small filter.
 *
 * A band of input rows is copied into scratch, with zeroes where the padding
 * is and, for a stride, columns dealt out into phases: column c lies in phase
 * c % stride_x at c / stride_x. There every tap of neighbouring outputs is a
 * row of neighbouring floats, and no tap needs to know of edges.
 *
 *   scratch[row][phase][column]
 *
 * The sums of several rows of one column of vectors stay in registers while a
 * column of the filter passes over the rows below them, so that each vector
 * that is loaded is used by all the taps of that column. Taps are added in one
 * order for every output: columns of the filter outside, rows inside, after
 * the bias.
 */
#ifndef CONVOY_WORKER_KERNEL_DEPTHWISE_H
#define CONVOY_WORKER_KERNEL_DEPTHWISE_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kernel/conv.h"

enum { DEPTHWISE_COLUMNS_MAX = 64 }; /* of a filter */

/* How a window is computed; a value, borrowing nothing. */
typedef struct depthwise {
    window_t window;
    int rows;         /* of outputs at a time */
    int band;         /* rows of outputs computed from one filling */
    int band_inputs;  /* rows of scratch */
    int phase_floats; /* from a phase to the next */
    int row_floats;   /* from a row of scratch to the next */
    int columns[DEPTHWISE_COLUMNS_MAX]; /* where the taps of one row lie */
} depthwise_t;

/* False where the filter is too wide, or the scratch would be too large. */
bool depthwise_init(depthwise_t *self, const window_t *window);

size_t depthwise_scratch_floats(const depthwise_t *self);

/* filter[kernel_y][kernel_x] in the order of its use. */
void depthwise_pack(const depthwise_t *self, float *packed,
                    const float *filter);

/* Some of the planes y[out_height][out_width], neighbours in memory. */
typedef struct depthwise_range {
    size_t first, planes;
    size_t multiplier; /* so many output planes from one input plane */
} depthwise_range_t;

/* Compute some planes; y, x, packed filters, bias and residual begin at plane
 * 0. Scratch is 64-byte aligned. */
void depthwise_planes(const depthwise_t *self, const depthwise_range_t *range,
                      const conv_end_t *end, float *y, const float *x,
                      const float *packed, float *scratch);

#endif
