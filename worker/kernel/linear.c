/* Rows times a packed weight matrix. */
#include "worker/kernel/linear.h"

#include "worker/kernel/gemm.h"

size_t
linear_weights_floats(const linear_shape_t *shape)
{
    return gemm_packed_floats(gemm_columns(), shape->outs, shape->depth);
}

void
linear_pack_outs(const linear_shape_t *shape, const float *weights, size_t out,
                 size_t outs, float *packed)
{
    gemm_pack_items(gemm_columns(), weights, shape->depth, 1, out, outs,
                    shape->outs, shape->depth, packed);
}

void
linear_pack_steps(const linear_shape_t *shape, const float *weights,
                  size_t step, size_t steps, float *packed)
{
    const gemm_side_t *side = gemm_columns();
    gemm_pack_block(
        side, weights, 1, shape->outs, shape->outs, steps,
        packed + gemm_block_offset(side, shape->outs, shape->depth, step));
}

size_t
linear_scratch_floats(void)
{
    return gemm_packed_floats(gemm_rows(), LINEAR_ROWS_MAX, GEMM_DEPTH);
}

void
linear(const linear_shape_t *shape, const linear_range_t *range,
       const linear_end_t *end, float *y, const float *x, const float *packed,
       float *scratch)
{
    const gemm_side_t *side = gemm_columns();
    size_t depth = shape->depth;
    size_t first_panel = range->out / (size_t)side->width;

    size_t step = gemm_step(depth);
    for (size_t k = 0; k < depth; k += step) {
        size_t steps = depth - k < step ? depth - k : step;
        gemm_pack_block(gemm_rows(), x + k, depth, 1, range->rows, steps,
                        scratch);
        const float *block =
            packed + gemm_block_offset(side, shape->outs, depth, k);
        gemm_block(steps, scratch,
                   block + first_panel * gemm_panel_floats(side, steps),
                   y + range->out, shape->outs, range->rows, range->outs,
                   k > 0);
    }
    for (size_t r = 0; r < range->rows; r++) {
        size_t at = r * shape->outs + range->out;
        activate_column(&end->activation, y + at, end->bias + range->out,
                        end->residual ? end->residual + at : NULL, range->outs);
    }
}
