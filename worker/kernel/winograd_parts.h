/* What worker/kernel/winograd.c is made of. */
#ifndef CONVOY_WORKER_KERNEL_WINOGRAD_PARTS_H
#define CONVOY_WORKER_KERNEL_WINOGRAD_PARTS_H

#include "worker/kernel/vector.h"
#include "worker/kernel/winograd.h"

/* A product is made of tiles of PANEL_ROWS x up to PANEL_VECTORS vectors of
 * sums in registers. U's slice of a point is panels of PANEL_ROWS channels
 * out, in each the rows' factors side by side for one channel in after the
 * other; V's is panels of PANEL_VECTORS vectors (the last may be narrower),
 * in each the vectors side by side likewise. */
enum {
    PANEL_ROWS = VECTOR_REGISTERS / 4,
    PANEL_VECTORS = 3,
    PANEL_COLUMNS = PANEL_VECTORS * VECTOR_LANES
};

/* All channels of an image: vectors are loaded from within it only. */
typedef struct winograd_image {
    const float *x;
    ptrdiff_t floats, plane; /* of all, of a channel */
} winograd_image_t;

/* A block of tiles being computed. */
typedef struct winograd_block {
    const winograd_t *layout;
    size_t vector, vectors; /* of tiles */
    size_t v_stride;        /* floats from point to point of V */
    size_t m_stride;        /* and of M; its rows are the block's tiles long */
} winograd_block_t;

/* Where vector v of channel c of a slice of V lies. */
static inline size_t
winograd_panel_offset(const winograd_block_t *block, size_t c, size_t v)
{
    size_t first = v / PANEL_VECTORS * PANEL_VECTORS;
    size_t left = block->vectors - first;
    size_t wide = left < PANEL_VECTORS ? left : PANEL_VECTORS;
    size_t depth = (size_t)block->layout->shape.channels_in;
    return (first * depth + c * wide + v - first) * VECTOR_LANES;
}

/* Floats of scratch that the input transform needs for one channel of a block
 * of that many vectors, and the output transform. */
size_t winograd_input_floats(const winograd_t *layout, size_t vectors);
size_t winograd_output_floats(const winograd_t *layout, size_t vectors);

/* Transform a block's tiles of channel c. */
void winograd_input(const winograd_block_t *block,
                    const winograd_image_t *image, size_t c, float *v,
                    float *scratch);

/* m[rows][tiles] = u[rows][channels in] v[channels in][tiles] of one point;
 * rows is a multiple of PANEL_ROWS. */
void winograd_multiply(const winograd_block_t *block, size_t rows,
                       const float *u, const float *v, float *m);

/* From channel `row` of M to the plane y, with what comes at the end. */
void winograd_output(const winograd_block_t *block, const float *m, size_t row,
                     const activation_t *activation, float bias,
                     const float *residual, float *y, float *scratch);

#endif
