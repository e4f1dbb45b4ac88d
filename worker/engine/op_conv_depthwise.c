/* Depthwise Conv: some planes a task. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_conv.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/depthwise.h"

enum {
    FLOATS_A_TASK = 32768, /* of input and output, so that they stay cached */
    FLOATS_A_TASK_MIN = 8192, /* waking a thread costs, too */
    TASKS_A_THREAD = 4,
};

typedef struct layer {
    conv_t conv;
    band_t band;
} layer_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
    size_t planes; /* of a task */
    size_t tasks_an_image;
} loop_t;

static int
s_read(const build_t *build, const step_t *step, layer_t *layer, fault_t *fault)
{
    conv_t *conv = &layer->conv;
    if (conv_read(build, step, conv, fault))
        return -1;
    if (conv->groups == 1 || conv->shape.channels_in != 1)
        return step_refuse(build, step, fault, "it is not depthwise");
    if (!kernels()->depthwise_init(&layer->band, &conv->shape.window))
        return step_refuse(build, step, fault, "its window is too large");
    return 0;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    layer_t layer;
    return s_read(build, step, &layer, fault);
}

static int
s_prepare_weights(const build_t *build, step_t *step, const layer_t *layer,
                  fault_t *fault)
{
    const window_t *w = &layer->conv.shape.window;
    size_t count = step->inputs[1]->elements;
    size_t taps = (size_t)w->kernel_y * (size_t)w->kernel_x;
    float *filters = step_constant(build, step->inputs[1], fault);
    step->weights = mem_aligned(count * sizeof *step->weights, fault);
    step->weights_bytes += count * sizeof *step->weights;
    bool ready = filters && step->weights;
    for (size_t i = 0; ready && i < count; i += taps)
        kernels()->depthwise_pack(w, step->weights + i, filters + i);
    free(filters);
    return ready ? 0 : -1;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    layer_t *layer = step->state = mem_new(1, sizeof *layer, fault);
    step->way = "depthwise";
    if (!layer || s_read(build, step, layer, fault) ||
        conv_prepare_bias(build, step, fault))
        return -1;
    step->scratch_floats = kernels()->depthwise_scratch_floats(&layer->band);
    return s_prepare_weights(build, step, layer, fault);
}

static size_t
s_planes(const conv_t *conv)
{
    return (size_t)conv->groups * (size_t)conv->shape.channels_out;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const layer_t *layer = step->state;
    const conv_t *conv = &layer->conv;
    if (!run_advance(loop->run))
        return;

    size_t image = task / loop->tasks_an_image;
    depthwise_range_t range = {
        .first = task % loop->tasks_an_image * loop->planes,
        .multiplier = (size_t)conv->shape.channels_out,
    };
    size_t left = s_planes(conv) - range.first;
    range.planes = left < loop->planes ? left : loop->planes;
    conv_end_t end = conv_end(step, image, 0);
    kernels()->depthwise_planes(
        &layer->band, &range, &end,
        conv_image(conv, step->outputs[0], image, 0, conv->out_floats),
        conv_image(conv, step->inputs[0], image, 0, conv->in_floats),
        step->weights,
        loop->run->scratch + (size_t)thread * loop->run->scratch_stride);
}

/* Planes a task: some tasks a thread, each neither tiny nor larger than what
 * stays in a cache. */
static size_t
s_share(const conv_t *conv, size_t images, size_t threads)
{
    size_t floats =
        conv->in_floats + conv->out_floats / (size_t)conv->shape.channels_out;
    size_t planes = s_planes(conv);
    size_t share = planes * images / (threads * TASKS_A_THREAD) + 1;
    size_t most = FLOATS_A_TASK / floats + 1;
    size_t least = FLOATS_A_TASK_MIN / floats + 1;
    share = share > most ? most : share < least ? least : share;
    return share < planes ? share : planes;
}

static void
s_run(const step_t *step, const run_t *run)
{
    const layer_t *layer = step->state;
    size_t images = step_samples(step, run) * layer->conv.images;
    loop_t loop = {.step = step, .run = run};
    loop.planes =
        s_share(&layer->conv, images, (size_t)threads_count(run->threads));
    loop.tasks_an_image =
        (s_planes(&layer->conv) + loop.planes - 1) / loop.planes;
    threads_run(run->threads, s_task, &loop, images * loop.tasks_an_image);
}

const op_t op_rows_conv_depthwise[] = {
    {"Conv", s_check, s_prepare, s_run, OP_ENDS, 0},
    {0},
};
