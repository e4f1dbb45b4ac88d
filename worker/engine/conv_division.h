/* How a convolution is divided among threads. */
#ifndef CONVOY_WORKER_ENGINE_CONV_DIVISION_H
#define CONVOY_WORKER_ENGINE_CONV_DIVISION_H

#include <stddef.h>

/* What there is to do, for one image and group: pixels x channels, each in
 * units that are not parted. Costs are in multiply-adds. */
typedef struct conv_work {
    size_t images;       /* times groups */
    size_t pixels;       /* units of output pixels */
    size_t pixels_most;  /* of a block */
    size_t channels;     /* units of output channels */
    double unit_cost;    /* of a unit of pixels and one of channels */
    double pixel_cost;   /* of a unit of pixels, for each block of channels */
    double channel_cost; /* of a unit of channels, for each block of pixels */
} conv_work_t;

/* Units of a block. */
typedef struct conv_cut {
    size_t pixels;
    size_t channels;
} conv_cut_t;

/* The cut for which the busiest thread has least to do. No result depends on
 * it. */
conv_cut_t conv_divide(const conv_work_t *work, size_t threads);

#endif
