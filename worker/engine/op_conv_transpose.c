/* ConvTranspose: products of packed panels, added up. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/engine/op_window.h"
#include "worker/kernel/conv_transpose.h"
#include "worker/kernel/gemm.h"

enum { BLOCK_FLOATS = 256 << 10 }; /* of weights that are read at a time */

typedef struct spreading {
    conv_transpose_t kernel;
    size_t images; /* of a sample */
    size_t groups;
    size_t in_floats, out_floats; /* of a plane */
} spreading_t;

/* Tasks are images x groups x blocks of output channels. */
typedef struct loop {
    const step_t *step;
    const run_t *run;
    size_t channels; /* of a block */
    size_t blocks;
} loop_t;

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

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

/* Some rows after others from the file into their packed place, so that large
 * weights are never in memory twice; buffer holds channels_in * block. */
static int
s_pack(const build_t *build, const step_t *step, size_t block, float *buffer,
       fault_t *fault)
{
    const spreading_t *self = step->state;
    const conv_transpose_t *kernel = &self->kernel;
    size_t depth = kernel->channels_in, rows = kernel->rows;
    for (size_t g = 0; g < self->groups; g++)
        for (size_t first = 0; first < rows; first += block) {
            size_t some = s_smaller(block, rows - first);
            for (size_t k = 0; k < depth; k++)
                if (operand_read(build, step->inputs[1],
                                 (g * depth + k) * rows + first, some,
                                 DTYPE_FLOAT32, buffer + k * some, fault))
                    return -1;
            kernels()->conv_transpose_pack(kernel, buffer, first, some,
                                           step->weights +
                                               g * kernel->weights_floats);
        }
    return 0;
}

static int
s_prepare_weights(const build_t *build, step_t *step, fault_t *fault)
{
    const spreading_t *self = step->state;
    const conv_transpose_t *kernel = &self->kernel;
    size_t depth = kernel->channels_in, multiple = kernel->rows_multiple;
    size_t panels = BLOCK_FLOATS / depth / multiple;
    size_t block = s_smaller((panels ? panels : 1) * multiple, kernel->rows);
    size_t floats = self->groups * kernel->weights_floats + GEMM_SLACK;
    step->weights = mem_aligned(floats * sizeof *step->weights, fault);
    step->weights_bytes += floats * sizeof *step->weights;
    step->scratch_floats = kernel->scratch_floats;
    float *buffer = mem_aligned(depth * block * sizeof *buffer, fault);
    int result = step->weights && buffer
                     ? s_pack(build, step, block, buffer, fault)
                     : -1;
    free(buffer);
    return result;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    window_t w;
    spreading_t *self = step->state = mem_new(1, sizeof *self, fault);
    if (!self || op_window_transposed(build, step, &w, fault))
        return -1;
    const shape_t *weights = &step->inputs[1]->shape;
    self->groups = (size_t)node_int(step_node(build, step), "group", 1);
    self->images = (size_t)step->inputs[0]->shape.dims[0];
    self->in_floats = (size_t)w.height * (size_t)w.width;
    self->out_floats = (size_t)w.out_height * (size_t)w.out_width;
    kernels()->conv_transpose_init(&self->kernel, &w,
                                   (size_t)weights->dims[0] / self->groups,
                                   (size_t)weights->dims[1]);

    size_t planes = self->groups * self->kernel.channels_out;
    step->bias = step->inputs_count > 2 && step->inputs[2]
                     ? step_constant(build, step->inputs[2], fault)
                     : mem_new(planes, sizeof *step->bias, fault);
    step->weights_bytes = planes * sizeof *step->bias;
    return step->bias ? s_prepare_weights(build, step, fault) : -1;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const spreading_t *self = step->state;
    const conv_transpose_t *kernel = &self->kernel;
    if (!run_advance(loop->run))
        return;
    size_t first = task % loop->blocks * loop->channels;
    size_t group = task / loop->blocks % self->groups;
    size_t image = task / loop->blocks / self->groups;
    size_t within = image % self->images, sample = image / self->images;
    size_t channels = s_smaller(loop->channels, kernel->channels_out - first);
    size_t channel = group * kernel->channels_out + first;
    size_t at = (within * self->groups * kernel->channels_out + channel) *
                self->out_floats;
    const float *x =
        operand_row(step->inputs[0], sample) +
        (within * self->groups + group) * kernel->channels_in * self->in_floats;
    float *y = operand_row(step->outputs[0], sample) + at;
    kernels()->conv_transpose(kernel, first, channels, step->bias + channel, y,
                              x, step->weights + group * kernel->weights_floats,
                              loop->run->scratch +
                                  (size_t)thread * loop->run->scratch_stride);
    kernels()->activate_row(
        &step->activation, y, 0.0f,
        step->residual ? operand_row(step->residual, sample) + at : NULL,
        channels * self->out_floats);
}

/* Blocks of channels: some for each thread, but of no fewer rows than the
 * micro-kernel multiplies and no more than are multiplied at a time. */
static void
s_run(const step_t *step, const run_t *run)
{
    enum { TASKS = 4 }; /* a thread */
    const spreading_t *self = step->state;
    const conv_transpose_t *kernel = &self->kernel;
    size_t products = step_samples(step, run) * self->images * self->groups;
    size_t tasks = TASKS * (size_t)threads_count(run->threads);
    size_t least = s_ceiling(kernel->rows_multiple, kernel->taps);
    size_t channels =
        s_ceiling(kernel->channels_out, s_ceiling(tasks, products));
    channels = s_smaller(channels, CONV_TRANSPOSE_ROWS / kernel->taps);
    channels = channels < least ? least : channels;
    loop_t loop = {step, run, channels,
                   s_ceiling(kernel->channels_out, channels)};
    threads_run(run->threads, s_task, &loop, products * loop.blocks);
}

const op_t op_rows_conv_transpose[] = {
    {"ConvTranspose", s_check, s_prepare, s_run, OP_ENDS, 0},
    {0},
};
