/* Rows times a packed matrix: fully connected layers, attention.
 *
 *   y[rows x outs] = f(x[rows x depth] W[depth x outs] + bias + residual)
 *
 * Packed weights: panels of LINEAR_WIDTH outputs one after the other, each
 * depth x LINEAR_WIDTH, zero past the last output. They are read once for up
 * to LINEAR_ROWS_MAX rows, and ahead of their use; a single row is bound by
 * nothing but reading them.
 *
 * Sums go over depth in blocks that follow from the depth alone, so the bits
 * depend neither on the number of rows nor on where they lie.
 */
#ifndef CONVOY_WORKER_KERNEL_LINEAR_H
#define CONVOY_WORKER_KERNEL_LINEAR_H

#include <stddef.h>

#include "worker/kernel/activate.h"

enum {
    LINEAR_WIDTH = 32,
    LINEAR_ROWS_MAX = 240, /* of one call */
    LINEAR_ROWS_STEP = 12, /* calls of a multiple of this waste nothing */
};

typedef struct linear_shape {
    size_t depth;
    size_t outs;
} linear_shape_t;

/* Element (row r, depth k) of x at r * row_stride + k * step_stride. */
typedef struct linear_rows {
    const float *data;
    size_t row_stride, step_stride;
} linear_rows_t;

/* Which outputs one call makes. */
typedef struct linear_range {
    size_t rows; /* 1..LINEAR_ROWS_MAX */
    size_t out;  /* a multiple of LINEAR_WIDTH */
    size_t outs;
} linear_range_t;

/* What happens to a finished output element, in this order. */
typedef struct linear_end {
    const float *bias;     /* a value an output, or NULL */
    const float *residual; /* like y, or NULL */
    activation_t activation;
} linear_end_t;

/* Floats of the packed weights, which lie on a 64-byte border. */
size_t linear_weights_floats(const linear_shape_t *shape);

/* Pack some outputs' weights[outs][depth], from an output that is a multiple
 * of LINEAR_WIDTH. */
void linear_pack_outs(const linear_shape_t *shape, const float *weights,
                      size_t out, size_t outs, float *packed);

/* Pack some steps of weights[depth][outs], from any of them. */
void linear_pack_steps(const linear_shape_t *shape, const float *weights,
                       size_t step, size_t steps, float *packed);

/* How many of so many rows a call should take, so that they stay in the
 * second-level cache while the weights pass by. */
size_t linear_rows_a_call(const linear_shape_t *shape, size_t rows);

/* Compute some outputs of some rows; y, x and residual point at the first of
 * these rows, y's and residual's are shape->outs apart. y may not be x. */
void linear(const linear_shape_t *shape, const linear_range_t *range,
            const linear_end_t *end, float *y, const linear_rows_t *x,
            const float *packed);

#endif
