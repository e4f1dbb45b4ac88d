/* A window over images, in the terms of kernels. */
#include "worker/engine/op_window.h"

#include "common/model/sliding.h"

enum { Y = SLIDING_AXES - 2, X = SLIDING_AXES - 1 };

/* Kernels compute positions in int. */
static bool
s_fits(const sliding_t *sliding, int axis)
{
    const int64_t most = SLIDING_EXTENT_MAX;
    return sliding->in[axis] <= most && sliding->out[axis] <= most &&
           sliding->kernel[axis] * sliding->dilation[axis] <= most &&
           sliding->out[axis] * sliding->stride[axis] <= 1 << 30 &&
           sliding->in[axis] * sliding->stride[axis] <= 1 << 30 &&
           sliding->begin[axis] <= most && sliding->end[axis] <= most;
}

static int
s_translate(const build_t *build, const step_t *step, const sliding_t *sliding,
            window_t *window, fault_t *fault)
{
    if (sliding->axes > 2)
        return step_refuse(build, step, fault,
                           "only images [N, C, H, W] are supported");
    if (!s_fits(sliding, Y) || !s_fits(sliding, X))
        return step_refuse(build, step, fault, "the window is too large");
    *window = (window_t){
        .height = (int)sliding->in[Y],
        .width = (int)sliding->in[X],
        .out_height = (int)sliding->out[Y],
        .out_width = (int)sliding->out[X],
        .kernel_y = (int)sliding->kernel[Y],
        .kernel_x = (int)sliding->kernel[X],
        .stride_y = (int)sliding->stride[Y],
        .stride_x = (int)sliding->stride[X],
        .dilation_y = (int)sliding->dilation[Y],
        .dilation_x = (int)sliding->dilation[X],
        .pad_top = (int)sliding->begin[Y],
        .pad_left = (int)sliding->begin[X],
        .pad_bottom = (int)sliding->end[Y],
        .pad_right = (int)sliding->end[X],
    };
    return 0;
}

int
op_window(const build_t *build, const step_t *step, const operand_t *weights,
          window_t *window, fault_t *fault)
{
    sliding_t sliding;
    if (sliding_read(step_node(build, step), &step->inputs[0]->shape,
                     weights ? &weights->shape : NULL, &sliding, fault))
        return -1;
    return s_translate(build, step, &sliding, window, fault);
}

int
op_window_transposed(const build_t *build, const step_t *step, window_t *window,
                     fault_t *fault)
{
    sliding_t sliding;
    if (sliding_read_transposed(step_node(build, step), &step->inputs[0]->shape,
                                &step->inputs[1]->shape, &sliding, fault))
        return -1;
    return s_translate(build, step, &sliding, window, fault);
}
