/* Transposed convolution: each input is spread over the outputs it reaches. */
#ifndef CONVOY_WORKER_KERNEL_CONV_TRANSPOSE_H
#define CONVOY_WORKER_KERNEL_CONV_TRANSPOSE_H

#include <stddef.h>

#include "worker/kernel/window.h"

/* y[out_height][out_width] = bias, plus x[channels][height][width] spread by
 * filters[channel * filter_stride + tap], taps [kernel_y][kernel_x]. Input
 * (i, j) reaches output (i * stride_y - pad_top + tap * dilation_y, likewise).
 * y may not be x. */
void conv_transpose_plane(const window_t *window, float *y, const float *x,
                          size_t channels, const float *filters,
                          size_t filter_stride, float bias);

#endif
