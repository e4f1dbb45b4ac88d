/* A convolution, in the terms that all ways to compute it share. */
#ifndef CONVOY_WORKER_KERNEL_CONV_H
#define CONVOY_WORKER_KERNEL_CONV_H

#include "worker/kernel/activate.h"
#include "worker/kernel/window.h"

/* One group. */
typedef struct conv_shape {
    int channels_in;
    int channels_out;
    window_t window;
} conv_shape_t;

/* What happens to a finished output element, in this order. */
typedef struct conv_end {
    const float *bias;     /* a value a channel */
    const float *residual; /* like the output, perhaps the output; or NULL */
    activation_t activation;
} conv_end_t;

#endif
