/* What the files of direct convolution share. */
#ifndef CONVOY_WORKER_KERNEL_CONV_DIRECT_PARTS_H
#define CONVOY_WORKER_KERNEL_CONV_DIRECT_PARTS_H

#include "worker/kernel/conv_direct.h"
#include "worker/kernel/tile.h"

enum {
    L1_FLOATS = 6 << 10,
    DEPTH_MAX = 320, /* of a chunk: a tile's rows fit the L1 */
    SHORT_DEPTH_MAX = L1_FLOATS / TILE_COLUMNS, /* where rows share little */
    TURNED_DEPTH_MIN =
        64, /* turning the sums back costs as much as some depth */
    TURNED_PERCENT = 102,
    IMAGE_FLOATS = 144 << 10, /* of the copy: part of the L2 */
    SUMS_FLOATS = 96 << 10,   /* of sums that wait for their next chunk */
    COLUMNS_MAX = 10 * TILE_COLUMNS, /* of a block read in place */
    PLANE_MAX = 1 << 30,             /* of a plane read in place */
    LINE_FLOATS = 16,
    SLOT_FLOATS = TILE_ROWS * TILE_COLUMNS,
    ROW_BYTES = TILE_ROWS * sizeof(float), /* of a panel */
};

/* One call. */
typedef struct job {
    const conv_direct_t *direct;
    const conv_block_t *block;
    const conv_end_t *end;
    const float *bounds; /* of an activation that only bounds, or NULL */
    size_t plane;        /* floats of an output channel */
    float *y;            /* the block's first pixel in channel 0 */
    const float *residual;
    const float *image; /* what offsets count from */
    const float *packed;
    float *slots;  /* a tile's sums each, [tile][panel] */
    float *copy;   /* of a tile's rows of B that it cannot read in place */
    size_t pixels; /* of the run */
} job_t;

static inline size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t
ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Panels of all output channels. */
static inline size_t
conv_panels(const conv_direct_t *self)
{
    return ceiling((size_t)self->shape.channels_out, self->channels_multiple);
}

/* Copy what a block sees of x, with its padding, into image. */
void conv_copy_image(const conv_direct_t *self, const conv_block_t *block,
                     float *image, const float *x);

/* Compute output channels [channel, channel + channels), all but activations
 * that do more than bound: tiles of channels x pixels, and turned. */
void conv_tiles(const job_t *job, size_t channel, size_t channels);
void conv_turned(const job_t *job, size_t channel, size_t channels);

#endif
