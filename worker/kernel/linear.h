/* Rows times a packed weight matrix: fully connected layers.
 *
 *   y[rows x outs] = f(x[rows x depth] W[depth x outs] + bias + residual)
 */
#ifndef CONVOY_WORKER_KERNEL_LINEAR_H
#define CONVOY_WORKER_KERNEL_LINEAR_H

#include <stddef.h>

#include "worker/kernel/activate.h"

enum { LINEAR_ROWS_MAX = 48 }; /* rows of x one call takes */

typedef struct linear_shape {
    size_t depth;
    size_t outs;
} linear_shape_t;

/* Which outputs one call makes. */
typedef struct linear_range {
    size_t rows; /* <= LINEAR_ROWS_MAX */
    size_t out;  /* a multiple of gemm_columns()->width */
    size_t outs;
} linear_range_t;

/* What happens to a finished output element, in this order. */
typedef struct linear_end {
    const float *bias;     /* a value an output */
    const float *residual; /* like y, or NULL */
    activation_t activation;
} linear_end_t;

/* Floats of the packed weights. */
size_t linear_weights_floats(const linear_shape_t *shape);

/* Pack some outputs' weights[outs][depth], from an output that is a multiple
 * of gemm_columns()->width. */
void linear_pack_outs(const linear_shape_t *shape, const float *weights,
                      size_t out, size_t outs, float *packed);

/* Pack some steps of weights[depth][outs]: at most gemm_step(depth) of them,
 * from a step that is a multiple of that. */
void linear_pack_steps(const linear_shape_t *shape, const float *weights,
                       size_t step, size_t steps, float *packed);

/* Floats of scratch that one call needs, on a 64-byte border. */
size_t linear_scratch_floats(void);

/* Compute some outputs of some rows; y, x and residual point at the first of
 * these rows. y may not be x. */
void linear(const linear_shape_t *shape, const linear_range_t *range,
            const linear_end_t *end, float *y, const float *x,
            const float *packed, float *scratch);

#endif
