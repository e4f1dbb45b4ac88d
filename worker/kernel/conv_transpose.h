/* Transposed convolution: each input is spread over the outputs it reaches.
 *
 * For one group of one image it is a product whose rows are then added up:
 *
 *   P[channels_out taps x pixels] = W[channels_out taps x channels_in] X
 *
 * Row (channel, tap) of P is added to the channel's plane, its input (i, j) at
 * (i * stride_y - pad_top + tap_y * dilation_y, likewise). The product runs on
 * BLIS's micro-kernel (gemm.h) in blocks of pixels and rows that fit the
 * caches; an output is summed over blocks of pixels and in them over taps, so
 * its bits do not depend on which channels are computed together.
 */
#ifndef CONVOY_WORKER_KERNEL_CONV_TRANSPOSE_H
#define CONVOY_WORKER_KERNEL_CONV_TRANSPOSE_H

#include <stddef.h>

#include "worker/kernel/window.h"

enum {
    CONV_TRANSPOSE_PIXELS = 256, /* most of a block */
    CONV_TRANSPOSE_ROWS = 288    /* most of P that are multiplied at a time */
};

typedef struct conv_transpose {
    window_t window;
    size_t channels_in, channels_out; /* of a group */
    size_t taps;
    size_t rows;           /* channels_out * taps */
    size_t rows_multiple;  /* rows are packed by so many */
    size_t weights_floats; /* of a group; GEMM_SLACK more behind the last */
    size_t scratch_floats;
} conv_transpose_t;

void conv_transpose_init(conv_transpose_t *self, const window_t *window,
                         size_t channels_in, size_t channels_out);

/* Pack rows [first, first + some) of a group into their places; weights are
 * [channels_in][some], first is a multiple of rows_multiple, and so is some
 * unless they are the last. */
void conv_transpose_pack(const conv_transpose_t *self, const float *weights,
                         size_t first, size_t some, float *packed);

/* y[channels][out_height][out_width] = bias[channels] + x[channels_in][height]
 * [width] spread, for output channels [first, first + channels); y and bias
 * begin at the first of them. packed and scratch are 64-byte aligned, y may not
 * be x. */
void conv_transpose(const conv_transpose_t *self, size_t first, size_t channels,
                    const float *bias, float *y, const float *x,
                    const float *packed, float *scratch);

#endif
