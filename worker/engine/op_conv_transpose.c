/* ConvTranspose: plane by plane. */
#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/engine/op_window.h"
#include "worker/kernel/conv_transpose.h"

typedef struct spreading {
    window_t window;
    size_t images;       /* of a sample */
    size_t channels_in;  /* of a group */
    size_t channels_out; /* of a group */
    size_t groups;
    size_t in_floats, out_floats; /* of a plane */
    size_t taps;
} spreading_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    window_t window;
    bool biased = step->inputs_count > 2 && step->inputs[2];
    if (!step->inputs[1]->constant || (biased && !step->inputs[2]->constant))
        return step_refuse(build, step, fault,
                           "weights and bias must be constant");
    return op_window_transposed(build, step, &window, fault);
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    spreading_t *self = step->state = mem_new(1, sizeof *self, fault);
    if (!self || op_window_transposed(build, step, &self->window, fault))
        return -1;
    const window_t *w = &self->window;
    const shape_t *weights = &step->inputs[1]->shape;
    self->groups = (size_t)node_int(step_node(build, step), "group", 1);
    self->images = (size_t)step->inputs[0]->shape.dims[0];
    self->channels_in = (size_t)weights->dims[0] / self->groups;
    self->channels_out = (size_t)weights->dims[1];
    self->in_floats = (size_t)w->height * (size_t)w->width;
    self->out_floats = (size_t)w->out_height * (size_t)w->out_width;
    self->taps = (size_t)w->kernel_y * (size_t)w->kernel_x;

    size_t planes = self->groups * self->channels_out;
    step->weights = step_constant(build, step->inputs[1], fault);
    step->bias = step->inputs_count > 2 && step->inputs[2]
                     ? step_constant(build, step->inputs[2], fault)
                     : mem_new(planes, sizeof *step->bias, fault);
    step->weights_bytes =
        (step->inputs[1]->elements + planes) * sizeof *step->bias;
    return step->weights && step->bias ? 0 : -1;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const spreading_t *self = step->state;
    (void)thread;
    if (!run_advance(loop->run))
        return;
    size_t planes = self->groups * self->channels_out;
    size_t channel = task % planes, image = task / planes;
    size_t group = channel / self->channels_out;
    size_t within = image % self->images;
    const float *x = operand_row(step->inputs[0], image / self->images);
    float *y = operand_row(step->outputs[0], image / self->images);
    size_t first = group * self->channels_in;
    x += (within * self->groups * self->channels_in + first) * self->in_floats;
    y += (within * planes + channel) * self->out_floats;
    const float *filters = step->weights + (first * self->channels_out +
                                            channel % self->channels_out) *
                                               self->taps;
    kernels()->conv_transpose_plane(&self->window, y, x, self->channels_in,
                                    filters, self->channels_out * self->taps,
                                    step->bias[channel]);
    kernels()->activate_row(
        &step->activation, y, 0.0f,
        step->residual ? operand_row(step->residual, image / self->images) +
                             (within * planes + channel) * self->out_floats
                       : NULL,
        self->out_floats);
}

static void
s_run(const step_t *step, const run_t *run)
{
    const spreading_t *self = step->state;
    loop_t loop = {step, run};
    threads_run(run->threads, s_task, &loop,
                step_samples(step, run) * self->images * self->groups *
                    self->channels_out);
}

const op_t op_rows_conv_transpose[] = {
    {"ConvTranspose", s_check, s_prepare, s_run, OP_ENDS, 0},
    {0},
};
