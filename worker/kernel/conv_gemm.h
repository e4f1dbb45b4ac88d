/* Convolution as a matrix product whose second operand is never made whole.
 *
 *   C[channels_out x pixels] = W[channels_out x depth] P[depth x pixels]
 *   depth = channels_in x kernel_y x kernel_x, pixels = out_height x out_width
 *
 * all of one group of one sample. W is packed once; the patches P are packed
 * for one block of pixels and GEMM_DEPTH steps at a time, straight from the
 * image into the panels that the micro-kernel reads.
 */
#ifndef CONVOY_WORKER_KERNEL_CONV_GEMM_H
#define CONVOY_WORKER_KERNEL_CONV_GEMM_H

#include <stddef.h>

#include "worker/kernel/conv.h"

enum { CONV_PIXELS_MAX = 256 }; /* pixels of a block: patches fit the L2 */

/* Which part of the output one call makes. */
typedef struct conv_range {
    size_t channel, channels; /* channel: a multiple of gemm_rows()->width */
    size_t pixel, pixels;     /* pixels <= CONV_PIXELS_MAX */
} conv_range_t;

/* Floats of the packed weights of one group. */
size_t conv_gemm_weights_floats(const conv_shape_t *shape);

/* Floats of the weights of one output channel. */
size_t conv_gemm_channel_floats(const conv_shape_t *shape);

/* Pack weights[channels][channels_in][kernel_y][kernel_x] of some of the
 * output channels, from one that is a multiple of gemm_rows()->width. */
void conv_gemm_pack(const conv_shape_t *shape, const float *weights,
                    size_t channel, size_t channels, float *packed);

/* Floats of scratch that one call needs, on a 64-byte border. */
size_t conv_gemm_scratch_floats(void);

/* Compute a range of the output y[channels_out][pixels] of one group from
 * x[channels_in][height][width]. */
void conv_gemm(const conv_shape_t *shape, const conv_range_t *range,
               const conv_end_t *end, float *y, const float *x,
               const float *packed, float *scratch);

#endif
