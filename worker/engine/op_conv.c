/* What the ways to compute a convolution share. */
#include "worker/engine/op_conv.h"

#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/op_window.h"

enum {
    CHANNELS_MAX = 1 << 24,
    BLOCK_FLOATS = 256 << 10, /* of weights that are read at a time */
};

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

/* Weights of an output channel. */
static size_t
s_channel_floats(const conv_t *conv)
{
    const window_t *w = &conv->shape.window;
    return (size_t)conv->shape.channels_in * (size_t)w->kernel_y *
           (size_t)w->kernel_x;
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

/* buffer: room for `block` output channels. */
static int
s_pack(const build_t *build, const step_t *step, const conv_packing_t *packing,
       size_t block, float *buffer, fault_t *fault)
{
    const conv_t *conv = step->state;
    size_t channels = (size_t)conv->shape.channels_out;
    size_t floats = s_channel_floats(conv);
    for (size_t g = 0; g < (size_t)conv->groups; g++)
        for (size_t first = 0; first < channels; first += block) {
            size_t some = channels - first < block ? channels - first : block;
            if (operand_read(build, step->inputs[1],
                             (g * channels + first) * floats, some * floats,
                             DTYPE_FLOAT32, buffer, fault))
                return -1;
            packing->pack(packing->layout, buffer, first, some,
                          step->weights + g * packing->weights_floats);
        }
    return 0;
}

int
conv_prepare_weights(const build_t *build, step_t *step,
                     const conv_packing_t *packing, fault_t *fault)
{
    const conv_t *conv = step->state;
    size_t floats = s_channel_floats(conv);
    size_t multiple = packing->channels_multiple;
    size_t panels = BLOCK_FLOATS / floats / multiple;
    size_t block = (panels ? panels : 1) * multiple;
    size_t bytes =
        (size_t)conv->groups * packing->weights_floats * sizeof(float);
    step->weights = mem_aligned(bytes, fault);
    step->weights_bytes += bytes;
    float *buffer = mem_aligned(block * floats * sizeof *buffer, fault);
    int result = step->weights && buffer
                     ? s_pack(build, step, packing, block, buffer, fault)
                     : -1;
    free(buffer);
    return result;
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
