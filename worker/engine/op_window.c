/* Reading the attributes that convolution and pooling share. */
#include "worker/engine/op_window.h"

#include <string.h>

enum { WINDOW_MAX = 1 << 20 }; /* kernel, stride, pad, dilation */

/* auto_pad SAME_... does not pass shape inference. */
static int
s_pads(const build_t *build, const step_t *step, window_t *w, fault_t *fault)
{
    int pads[4];
    if (step_ints(build, step, "pads", 4, 0, 0, WINDOW_MAX, pads, fault))
        return -1;
    w->pad_top = pads[0];
    w->pad_left = pads[1];
    w->pad_bottom = pads[2];
    w->pad_right = pads[3];
    return 0;
}

int
op_window(const build_t *build, const step_t *step, const int *kernel,
          window_t *window, fault_t *fault)
{
    const shape_t *in = &step->inputs[0]->shape;
    const shape_t *out = &step->outputs[0]->shape;
    if (in->rank != 4 || out->rank != 4)
        return step_refuse(build, step, fault,
                           "only images [N, C, H, W] are supported");
    for (int axis = 2; axis < 4; axis++)
        if (in->dims[axis] > WINDOW_MAX || out->dims[axis] > WINDOW_MAX)
            return step_refuse(build, step, fault, "the image is too large");

    int kernels[2], strides[2], dilations[2];
    if (step_ints(build, step, "kernel_shape", 2, 1, 1, WINDOW_MAX, kernels,
                  fault) ||
        step_ints(build, step, "strides", 2, 1, 1, WINDOW_MAX, strides,
                  fault) ||
        step_ints(build, step, "dilations", 2, 1, 1, WINDOW_MAX, dilations,
                  fault))
        return -1;
    if (kernel)
        memcpy(kernels, kernel, sizeof kernels);
    *window = (window_t){
        .height = (int)in->dims[2],
        .width = (int)in->dims[3],
        .out_height = (int)out->dims[2],
        .out_width = (int)out->dims[3],
        .kernel_y = kernels[0],
        .kernel_x = kernels[1],
        .stride_y = strides[0],
        .stride_x = strides[1],
        .dilation_y = dilations[0],
        .dilation_x = dilations[1],
    };
    /* Kernels compute positions in int. */
    for (int i = 0; i < 2; i++)
        if ((int64_t)kernels[i] * dilations[i] > WINDOW_MAX ||
            (int64_t)out->dims[2 + i] * strides[i] > 1 << 30)
            return step_refuse(build, step, fault, "the window is too large");
    return s_pads(build, step, window, fault);
}
