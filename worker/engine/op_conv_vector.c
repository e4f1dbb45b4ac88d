/* Conv whose window is its whole input: one pixel comes out, and each image is
 * a row of a matrix product. Squeeze-and-excite is made of them. */
#include "worker/engine/op_conv.h"
#include "worker/engine/op_linear.h"
#include "worker/engine/op_rows.h"

static bool
s_is_whole(const window_t *w)
{
    return w->kernel_y == w->height && w->kernel_x == w->width &&
           w->dilation_y == 1 && w->dilation_x == 1 && w->out_height == 1 &&
           w->out_width == 1 && w->pad_top == 0 && w->pad_left == 0;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    conv_t conv;
    if (conv_read(build, step, &conv, fault))
        return -1;
    if (conv.groups != 1 || !s_is_whole(&conv.shape.window))
        return step_refuse(build, step, fault,
                           "its window is not the whole input");
    return 0;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    conv_t conv;
    if (conv_read(build, step, &conv, fault) ||
        conv_prepare_bias(build, step, fault))
        return -1;
    op_linear_t linear = {
        .shape = {.depth = conv.in_floats, .outs = conv.out_floats},
        .transposed = true,
        .factor = 1.0f,
    };
    return op_linear_prepare(build, step, &linear, fault);
}

/* A function of its own, as what may be fused depends on the operator. */
static void
s_run(const step_t *step, const run_t *run)
{
    op_linear_run(step, run);
}

const op_t op_rows_conv_vector[] = {
    {"Conv", s_check, s_prepare, s_run, OP_ENDS | OP_DENSE, 0},
    {0},
};
