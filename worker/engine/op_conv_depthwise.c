/* Depthwise Conv: plane by plane. */
#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_conv.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/depthwise.h"

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    conv_t conv;
    if (conv_read(build, step, &conv, fault))
        return -1;
    if (conv.groups == 1 || conv.shape.channels_in != 1)
        return step_refuse(build, step, fault, "it is not depthwise");
    return 0;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    conv_t *conv = step->state = mem_new(1, sizeof *conv, fault);
    if (!conv || conv_read(build, step, conv, fault) ||
        conv_prepare_bias(build, step, fault))
        return -1;
    step->weights = step_constant(build, step->inputs[1], fault);
    step->weights_bytes += step->inputs[1]->elements * sizeof *step->weights;
    return step->weights ? 0 : -1;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const conv_t *conv = step->state;
    const window_t *w = &conv->shape.window;
    (void)thread;
    if (!run_advance(loop->run))
        return;

    size_t channels = (size_t)conv->shape.channels_out;
    size_t group = task % (size_t)conv->groups;
    size_t image = task / (size_t)conv->groups;
    size_t plane = conv->out_floats / channels;
    size_t taps = (size_t)w->kernel_y * (size_t)w->kernel_x;
    const float *filters = step->weights + group * channels * taps;
    const float *x =
        conv_image(conv, step->inputs[0], image, group, conv->in_floats);
    float *y =
        conv_image(conv, step->outputs[0], image, group, conv->out_floats);
    conv_end_t end = conv_end(step, image, group);
    for (size_t c = 0; c < channels; c++) {
        kernels()->depthwise_plane(w, y + c * plane, x, filters + c * taps);
        kernels()->activate_row(&end.activation, y + c * plane, end.bias[c],
                                end.residual ? end.residual + c * plane : NULL,
                                plane);
    }
}

static void
s_run(const step_t *step, const run_t *run)
{
    const conv_t *conv = step->state;
    loop_t loop = {step, run};
    threads_run(run->threads, s_task, &loop,
                step_samples(step, run) * conv->images * (size_t)conv->groups);
}

const op_t op_rows_conv_depthwise[] = {
    {"Conv", s_check, s_prepare, s_run, OP_ENDS, 0},
    {0},
};
