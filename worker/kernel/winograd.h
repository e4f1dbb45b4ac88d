/* 3x3 convolution of stride 1 with fewer multiplications: Winograd's F(m x m,
 * 3 x 3). A tile of m x m outputs is made from (m + 2)^2 inputs by (m + 2)^2
 * multiplications a pair of channels instead of 9 m^2: 2.25 times fewer for
 * m = 2, four times for m = 4. Formulas: worker/kernel/winograd_points.h.
 *
 * Tiles are counted flat, row after row, `pitch` of them a row. A vector holds
 * one number of VECTOR_LANES tiles, of several rows where those are short.
 *
 *   input    V[point][channel in][tile]          transformed image
 *   weights  U[point][channel out][channel in]   transformed at load
 *   product  M[point][channel out][tile] = U V   a matrix product a point
 *   output   y from M, bias, residual, activation
 *
 * for a block of tiles at a time, so that V and M stay in the cache, while U
 * streams through it; points are the (m + 2)^2 numbers of a transformed tile.
 *
 * Every element of M is summed over the channels in order, and nothing else of
 * an element depends on its tile's place in a block, so bits follow from the
 * shape. A NaN or an infinity of the image reaches all outputs of the tiles
 * that see it.
 */
#ifndef CONVOY_WORKER_KERNEL_WINOGRAD_H
#define CONVOY_WORKER_KERNEL_WINOGRAD_H

#include <stddef.h>

#include "worker/kernel/conv.h"

enum { WINOGRAD_TILE_MAX = 4, WINOGRAD_REACH_MAX = WINOGRAD_TILE_MAX + 2 };

/* One group's convolution, laid out. */
typedef struct winograd {
    conv_shape_t shape;
    int tile;       /* m: outputs of a tile along each axis: 2 or 4 */
    int reach;      /* m + 2 inputs */
    size_t points;  /* reach^2 */
    size_t pitch;   /* tiles counted a row of tiles */
    size_t vectors; /* of tiles of an image */

    /* The tiles of a row whose column q of the input lies inside the image. */
    int inside_first[WINOGRAD_REACH_MAX], inside_end[WINOGRAD_REACH_MAX];

    size_t block;             /* vectors of tiles of a call, the most */
    size_t channels_multiple; /* where output channels may be parted */
    size_t weights_floats;    /* of U, packed */
    size_t scratch_floats;    /* of one call, on a 64-byte border */
} winograd_t;

/* What one call makes of the output. */
typedef struct winograd_range {
    size_t channel, channels; /* channel: a multiple of channels_multiple */
    size_t vector, vectors;   /* vectors <= block */
} winograd_range_t;

/* Lay out a convolution of 3x3 kernels, stride 1 and dilation 1. */
void winograd_init(winograd_t *self, const conv_shape_t *shape, int tile);

/* Transform weights[channels][channels_in][3][3] of some of the output
 * channels, from one that is a multiple of channels_multiple, in double
 * precision, and put them into their places in packed[weights_floats]. */
void winograd_pack(const winograd_t *self, const float *weights, size_t channel,
                   size_t channels, float *packed);

/* Compute a range of y[channels_out][out_height][out_width] of one group from
 * x[channels_in][height][width]. */
void winograd(const winograd_t *self, const winograd_range_t *range,
              const conv_end_t *end, float *y, const float *x,
              const float *packed, float *scratch);

#endif
