/* Convolution straight from the image: no patch is ever copied.
 *
 * An output block is a rectangle of pixels. The input that it sees is copied
 * once, with its padding, into scratch. A stride s makes s x s phases of it:
 * phase (py, px) holds the rows and columns that are py and px modulo s, so
 * that what one tap sees of an output row lies side by side again:
 *
 *   output (y, x), channel c, tap (ky, kx) with ky * dilation = qy * s + py:
 *   scratch[c][py][px][y + qy][x + qx]
 *
 * Rows of all phases are `pitch` apart, so the block is one run of pixels
 * y * pitch + x, of which a few at the end of each row are not wanted, and each
 * tap sees a run that begins at a fixed offset. That is what kernel/tile
 * multiplies. A 1x1 convolution of stride 1 reads the tensor itself: nothing is
 * copied, and the rows of B are the channels. Where a dilation is so large that
 * most of the copy would lie between the taps, each tap has a phase of its own,
 * which holds what it sees alone.
 *
 * Channels may be multiplied by a factor each first (squeeze-and-excite) where
 * the tensor itself is read: then a tile's rows are copied after all, into the
 * first-level cache, and what is computed has the bits of the two steps.
 *
 * Vectors are pixels, or output channels where a plane is so small that its
 * pixels would leave lanes empty.
 *
 * An element's sum is over chunks of `step` channels, in each over channels and
 * taps in order. That, and so its bits, follows from the shape alone.
 */
#ifndef CONVOY_WORKER_KERNEL_CONV_DIRECT_H
#define CONVOY_WORKER_KERNEL_CONV_DIRECT_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kernel/conv.h"

/* One group's convolution, laid out. */
typedef struct conv_direct {
    conv_shape_t shape; /* an image of one row where it is read in place */
    bool in_place;
    bool scaled;   /* by a factor a channel of x */
    size_t turned; /* pixels of a tile whose vectors are channels; or 0 */
    size_t taps;
    size_t step; /* channels of a chunk; the last has fewer */

    /* The copy of a block's input. */
    int phases_y, phases_x; /* that taps touch */
    int apart_y, apart_x;   /* pixels of the image from a phase to the next */
    int reach_y, reach_x;   /* how far taps reach within a phase */
    bool by_taps;           /* each tap has a phase of its own */
    size_t pitch, phase_floats, channel_floats;
    const ptrdiff_t *offsets; /* of a chunk's taps, step * taps; the caller's */

    int block_rows, block_columns; /* of the output, the most */
    size_t channels_multiple;      /* where output channels may be parted */
    size_t columns_multiple;       /* where columns had best be */
    size_t weights_floats;         /* packed */
    size_t scratch_floats;         /* of one call, on a 64-byte border */
} conv_direct_t;

/* What one call makes of the output. */
typedef struct conv_block {
    size_t channel, channels; /* channel: a multiple of channels_multiple */
    int y, rows;              /* rows <= block_rows */
    int x, columns;           /* columns <= block_columns */
    const float *scale;       /* channels_in factors of x if scaled */
} conv_block_t;

/* All but the offsets. scaled: x is to be, which can be done if self->scaled
 * then says so. */
void conv_direct_init(conv_direct_t *self, const conv_shape_t *shape,
                      bool scaled);

/* The offsets, step * taps of them. */
void conv_direct_lay_out(const conv_direct_t *self, ptrdiff_t *offsets);

/* Pack weights[channels][channels_in][kernel_y][kernel_x] of some of the
 * output channels, from one that is a multiple of channels_multiple. */
void conv_direct_pack(const conv_direct_t *self, const float *weights,
                      size_t channel, size_t channels, float *packed);

/* Compute a block of y[channels_out][out_height][out_width] from
 * x[channels_in][height][width], both of one group. */
void conv_direct(const conv_direct_t *self, const conv_block_t *block,
                 const conv_end_t *end, float *y, const float *x,
                 const float *packed, float *scratch);

#endif
