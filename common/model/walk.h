/* Walking over the elements of a tensor in C order while the places that they
 * come from lie elsewhere: transposed, sliced, repeated, broadcast.
 *
 * A walk goes row by row, a row being the last axis:
 *
 *   for (bool more = walk_start(&walk); more; more = walk_next(&walk))
 *       ... walk.dims[last] elements; source s begins at walk.at[s] and moves
 *       on by walk.strides[s][last] ...
 */
#ifndef CONVOY_COMMON_MODEL_WALK_H
#define CONVOY_COMMON_MODEL_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tensor.h"

enum {
    WALK_RANK_MAX = 2 * TENSOR_RANK_MAX, /* Tile splits every axis in two */
    WALK_SOURCES_MAX = 3,
};

/* All counts in elements. */
typedef struct walk {
    int rank; /* at least 1 */
    int last; /* rank - 1 */
    int sources;
    int64_t dims[WALK_RANK_MAX];
    int64_t strides[WALK_SOURCES_MAX][WALK_RANK_MAX];
    int64_t index[WALK_RANK_MAX]; /* of the row */
    int64_t at[WALK_SOURCES_MAX]; /* where it begins in each source */
} walk_t;

/* Over a shape, without sources. A scalar is a row of one. */
walk_t walk_over(const shape_t *shape);

/* Append an axis to a walk of one source that was empty so far. */
void walk_add_axis(walk_t *self, int64_t dim, int64_t stride);

/* Add a source that is broadcast to the walk's shape, as numpy does. */
void walk_add_broadcast(walk_t *self, const shape_t *shape);

/* Go to the first row, or the next one; false when there is none. The first
 * begins at at[] as it stands, 0 unless the caller set it. */
bool walk_start(walk_t *self);
bool walk_next(walk_t *self);

/* Take axes of one element away and neighbours that are one axis for the only
 * source together: the same elements in the same order. */
void walk_simplify(walk_t *self);

/* Fill `to`, dense, with elements of `size` bytes from the only source. */
void walk_copy(walk_t *self, void *to, const void *from, size_t size);

/* The distance in elements between neighbours along each axis. */
void shape_strides(const shape_t *shape, int64_t *strides);

#endif
