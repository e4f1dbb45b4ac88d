/* What the ways to compute a convolution share. */
#include "worker/engine/op_conv.h"

#include "common/mem.h"
#include "worker/engine/op_window.h"

enum { CHANNELS_MAX = 1 << 24 };

static int
s_describe(const build_t *build, const step_t *step, conv_t *conv,
           fault_t *fault)
{
    const operand_t *weights = step->inputs[1];
    const shape_t *w = &weights->shape;
    for (int i = 0; i < w->rank; i++)
        if (w->dims[i] < 1 || w->dims[i] > CHANNELS_MAX)
            return step_refuse(build, step, fault, "the weights are too large");
    int64_t groups = node_int(step_node(build, step), "group", 1);
    if (groups < 1 || w->dims[0] % groups != 0)
        return step_refuse(build, step, fault, "group does not fit");

    if (op_window(build, step, weights, &conv->shape.window, fault))
        return -1;
    const window_t *window = &conv->shape.window;
    conv->groups = (int)groups;
    conv->images = (size_t)step->inputs[0]->shape.dims[0];
    conv->shape.channels_in = (int)w->dims[1];
    conv->shape.channels_out = (int)(w->dims[0] / groups);
    conv->in_floats =
        (size_t)w->dims[1] * (size_t)window->height * (size_t)window->width;
    conv->out_floats = (size_t)conv->shape.channels_out *
                       (size_t)window->out_height * (size_t)window->out_width;
    return 0;
}

int
conv_read(const build_t *build, const step_t *step, conv_t *conv,
          fault_t *fault)
{
    if (step->inputs_count < 2 || !step->inputs[1]->constant)
        return step_refuse(build, step, fault, "weights must be constant");
    if (step->inputs_count > 2 && step->inputs[2] && !step->inputs[2]->constant)
        return step_refuse(build, step, fault, "the bias must be constant");
    return s_describe(build, step, conv, fault);
}

int
conv_prepare_bias(const build_t *build, step_t *step, fault_t *fault)
{
    size_t count = (size_t)step->inputs[1]->shape.dims[0];
    if (step->inputs_count > 2 && step->inputs[2]) {
        step->bias = step_constant(build, step->inputs[2], fault);
    } else {
        step->bias = mem_new(count, sizeof *step->bias, fault);
    }
    step->weights_bytes += count * sizeof *step->bias;
    return step->bias ? 0 : -1;
}

float *
conv_image(const conv_t *conv, const operand_t *operand, size_t image, size_t g,
           size_t floats)
{
    size_t within = image % conv->images * (size_t)conv->groups + g;
    return operand_row(operand, image / conv->images) + within * floats;
}

conv_end_t
conv_end(const step_t *step, size_t image, size_t g)
{
    const conv_t *conv = step->state;
    return (conv_end_t){
        .bias = step->bias + g * (size_t)conv->shape.channels_out,
        .residual = step->residual ? conv_image(conv, step->residual, image, g,
                                                conv->out_floats)
                                   : NULL,
        .activation = step->activation,
    };
}
