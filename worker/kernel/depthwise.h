/* Depthwise convolution: each plane has its own small filter. */
#ifndef CONVOY_WORKER_KERNEL_DEPTHWISE_H
#define CONVOY_WORKER_KERNEL_DEPTHWISE_H

#include "worker/kernel/window.h"

/* One output plane y[out_height][out_width] = x[height][width] correlated with
 * filter[kernel_y][kernel_x]. y may not be x. */
void depthwise_plane(const window_t *window, float *y, const float *x,
                     const float *filter);

#endif
