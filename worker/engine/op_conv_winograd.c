/* Conv of 3x3 kernels with fewer multiplications. */
#include "common/mem.h"
#include "worker/engine/conv_rule.h"
#include "worker/engine/level.h"
#include "worker/engine/op_conv.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/winograd.h"

typedef struct few {
    conv_t conv;
    winograd_t layout;
} few_t;

/* How one run is divided: tasks are images x groups x parts of the output
 * channels x blocks of tiles. */
typedef struct loop {
    const step_t *step;
    const run_t *run;
    size_t parts, channels; /* of a part */
    size_t blocks;
} loop_t;

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    conv_t conv;
    if (conv_read(build, step, &conv, fault))
        return -1;
    if (build->graph->direct)
        return step_refuse(build, step, fault, "Winograd is not wanted");
    if (conv_rule_tile(&conv.shape, kernels()->lanes) == 0)
        return step_refuse(build, step, fault, "Winograd does not pay");
    return 0;
}

static void
s_pack(const void *layout, const float *weights, size_t channel,
       size_t channels, float *packed)
{
    kernels()->winograd_pack(layout, weights, channel, channels, packed);
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    few_t *few = step->state = mem_new(1, sizeof *few, fault);
    if (!few || conv_read(build, step, &few->conv, fault) ||
        conv_prepare_bias(build, step, fault))
        return -1;
    const conv_shape_t *shape = &few->conv.shape;
    int tile = conv_rule_tile(shape, kernels()->lanes);
    step->way = tile == 2 ? "winograd 2x2" : "winograd 4x4";
    kernels()->winograd_init(&few->layout, shape, tile);
    step->scratch_floats = few->layout.scratch_floats;
    const conv_packing_t packing = {
        .pack = s_pack,
        .layout = &few->layout,
        .channels_multiple = few->layout.channels_multiple,
        .weights_floats = few->layout.weights_floats,
    };
    return conv_prepare_weights(build, step, &packing, fault);
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const few_t *few = step->state;
    const conv_t *conv = &few->conv;
    const winograd_t *layout = &few->layout;
    if (!run_advance(loop->run))
        return;

    size_t block = task % loop->blocks;
    task /= loop->blocks;
    winograd_range_t range = {
        .vector = block * layout->vectors / loop->blocks,
        .channel = task % loop->parts * loop->channels,
    };
    task /= loop->parts;
    size_t group = task % (size_t)conv->groups;
    size_t image = task / (size_t)conv->groups;
    size_t channels = (size_t)conv->shape.channels_out - range.channel;
    range.vectors = (block + 1) * layout->vectors / loop->blocks - range.vector;
    range.channels = channels < loop->channels ? channels : loop->channels;
    conv_end_t end = conv_end(step, image, group);
    kernels()->winograd(
        layout, &range, &end,
        conv_image(conv, step->outputs[0], image, group, conv->out_floats),
        conv_image(conv, step->inputs[0], image, group, conv->in_floats),
        step->weights + group * layout->weights_floats,
        loop->run->scratch + (size_t)thread * loop->run->scratch_stride);
}

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Each thread as many blocks as any other; where there are too few, parts of
 * the output channels, each of which transforms the input anew. */
static void
s_divide(loop_t *loop, const few_t *few, size_t images, size_t threads)
{
    const winograd_t *layout = &few->layout;
    size_t channels = (size_t)few->conv.shape.channels_out;
    size_t wanted = s_ceiling(threads, images);
    loop->blocks = s_ceiling(layout->vectors, layout->block);
    loop->parts = 1;
    if (wanted > 1 && loop->blocks < 2 * wanted)
        loop->parts = wanted;
    loop->channels =
        s_ceiling(s_ceiling(channels, loop->parts), layout->channels_multiple) *
        layout->channels_multiple;
    loop->parts = s_ceiling(channels, loop->channels);
}

static void
s_run(const step_t *step, const run_t *run)
{
    const few_t *few = step->state;
    size_t images =
        step_samples(step, run) * few->conv.images * (size_t)few->conv.groups;
    loop_t loop = {.step = step, .run = run};
    s_divide(&loop, few, images, (size_t)threads_count(run->threads));
    threads_run(run->threads, s_task, &loop, images * loop.parts * loop.blocks);
}

size_t
conv_winograd_bytes(const build_t *build, const step_t *step)
{
    conv_t conv;
    winograd_t layout;
    fault_t ignored;
    if (step->op->run != s_run || conv_read(build, step, &conv, &ignored) != 0)
        return 0;
    int tile = conv_rule_tile(&conv.shape, kernels()->lanes);
    kernels()->winograd_init(&layout, &conv.shape, tile);
    return (size_t)conv.groups * layout.weights_floats * sizeof(float);
}

const op_t op_rows_conv_winograd[] = {
    {"Conv", s_check, s_prepare, s_run, OP_ENDS | OP_SUMS_IN_PLACE, 0},
    {0},
};
