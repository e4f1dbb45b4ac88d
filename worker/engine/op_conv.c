/* Conv: as a matrix product, or plane by plane where it is depthwise. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/op_rows.h"
#include "worker/engine/op_window.h"
#include "worker/kernel/conv_gemm.h"
#include "worker/kernel/depthwise.h"
#include "worker/kernel/gemm.h"

enum {
    CHANNELS_MAX = 1 << 24,
    BLOCK_FLOATS = 256 << 10, /* of weights that are read at a time */
};

typedef struct conv {
    conv_shape_t shape; /* of one group */
    int groups;
    bool depthwise;
    size_t images;         /* of a sample: more than one in a fixed batch */
    size_t in_floats;      /* of a group's input, of one image */
    size_t out_floats;     /* of a group's output */
    size_t weights_floats; /* of a group's weights, as they are kept */
} conv_t;

/* How one run is divided: tasks are images x groups x ranges. */
typedef struct division {
    size_t images, groups;
    size_t pixel_blocks, pixels;     /* pixels of a block */
    size_t channel_blocks, channels; /* channels of a block */
} division_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
    division_t division;
} loop_t;

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
    conv->depthwise = groups > 1 && w->dims[1] == 1;
    conv->in_floats =
        (size_t)w->dims[1] * (size_t)window->height * (size_t)window->width;
    conv->out_floats = (size_t)conv->shape.channels_out *
                       (size_t)window->out_height * (size_t)window->out_width;
    return 0;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    conv_t conv = {0};
    if (step->inputs_count < 2 || !step->inputs[1]->constant)
        return step_refuse(build, step, fault, "weights must be constant");
    if (step->inputs_count > 2 && step->inputs[2] && !step->inputs[2]->constant)
        return step_refuse(build, step, fault, "the bias must be constant");
    return s_describe(build, step, &conv, fault);
}

static int
s_prepare_bias(const build_t *build, step_t *step, fault_t *fault)
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

/* Some channels after others from the file into their packed place, so that
 * large weights are never in memory twice. */
static int
s_pack(const build_t *build, const step_t *step, size_t block, float *weights,
       fault_t *fault)
{
    const conv_t *conv = step->state;
    size_t floats = conv_gemm_channel_floats(&conv->shape);
    size_t channels = (size_t)conv->shape.channels_out;
    for (size_t g = 0; g < (size_t)conv->groups; g++)
        for (size_t first = 0; first < channels; first += block) {
            size_t some = channels - first < block ? channels - first : block;
            if (operand_read(build, step->inputs[1],
                             (g * channels + first) * floats, some * floats,
                             DTYPE_FLOAT32, weights, fault))
                return -1;
            conv_gemm_pack(&conv->shape, weights, first, some,
                           step->weights + g * conv->weights_floats);
        }
    return 0;
}

static int
s_prepare_packed(const build_t *build, step_t *step, fault_t *fault)
{
    conv_t *conv = step->state;
    size_t floats = conv_gemm_channel_floats(&conv->shape);
    size_t width = (size_t)gemm_rows()->width;
    size_t panels = BLOCK_FLOATS / floats / width;
    size_t block = (panels ? panels : 1) * width;
    conv->weights_floats = conv_gemm_weights_floats(&conv->shape);
    size_t bytes = (size_t)conv->groups * conv->weights_floats * sizeof(float);
    step->weights = mem_aligned(bytes, fault);
    step->weights_bytes += bytes;
    step->scratch_floats = conv_gemm_scratch_floats();
    float *weights = mem_aligned(block * floats * sizeof *weights, fault);
    int result = step->weights && weights
                     ? s_pack(build, step, block, weights, fault)
                     : -1;
    free(weights);
    return result;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    conv_t *conv = step->state = mem_new(1, sizeof *conv, fault);
    if (!conv || s_describe(build, step, conv, fault) ||
        s_prepare_bias(build, step, fault))
        return -1;
    if (!conv->depthwise)
        return s_prepare_packed(build, step, fault);
    step->weights = step_constant(build, step->inputs[1], fault);
    step->weights_bytes += step->inputs[1]->elements * sizeof *step->weights;
    return step->weights ? 0 : -1;
}

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Enough tasks for all threads, blocks as even as the tiles allow. No element
 * depends on where the borders lie. */
static division_t
s_divide(const conv_t *conv, size_t images, size_t threads)
{
    const window_t *w = &conv->shape.window;
    size_t pixels = (size_t)w->out_height * (size_t)w->out_width;
    size_t channels = (size_t)conv->shape.channels_out;
    size_t tile = (size_t)gemm_columns()->width;
    size_t rows = (size_t)gemm_rows()->width;
    division_t d = {.images = images, .groups = (size_t)conv->groups};
    size_t wanted = s_ceiling(threads, d.images * d.groups);

    size_t blocks = s_ceiling(pixels, CONV_PIXELS_MAX / tile * tile);
    blocks = s_ceiling(blocks, wanted) * wanted;
    if (blocks > 1 && pixels / blocks < 4 * tile)
        blocks = s_ceiling(pixels, CONV_PIXELS_MAX / tile * tile);
    d.pixels = s_ceiling(s_ceiling(pixels, blocks), tile) * tile;
    d.pixel_blocks = s_ceiling(pixels, d.pixels);

    size_t parts = s_ceiling(wanted, d.pixel_blocks);
    d.channels = s_ceiling(s_ceiling(channels, parts), rows) * rows;
    d.channel_blocks = s_ceiling(channels, d.channels);
    return d;
}

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Where group g of an image lies; images count through all samples, and a
 * group has `floats`. */
static float *
s_image(const conv_t *conv, const operand_t *operand, size_t image, size_t g,
        size_t floats)
{
    size_t within = image % conv->images * (size_t)conv->groups + g;
    return operand_row(operand, image / conv->images) + within * floats;
}

static void
s_gemm_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const conv_t *conv = step->state;
    const division_t *d = &loop->division;
    if (!run_advance(loop->run))
        return;

    size_t pixels = (size_t)conv->shape.window.out_height *
                    (size_t)conv->shape.window.out_width;
    size_t channels = (size_t)conv->shape.channels_out;
    size_t pixel = task % d->pixel_blocks * d->pixels;
    task /= d->pixel_blocks;
    size_t channel = task % d->channel_blocks * d->channels;
    task /= d->channel_blocks;
    size_t group = task % d->groups, image = task / d->groups;

    conv_range_t range = {
        .channel = channel,
        .channels = s_smaller(d->channels, channels - channel),
        .pixel = pixel,
        .pixels = s_smaller(d->pixels, pixels - pixel),
    };
    conv_end_t end = {
        .bias = step->bias + group * channels,
        .residual = step->residual ? s_image(conv, step->residual, image, group,
                                             conv->out_floats)
                                   : NULL,
        .activation = step->activation,
    };
    conv_gemm(&conv->shape, &range, &end,
              s_image(conv, step->outputs[0], image, group, conv->out_floats),
              s_image(conv, step->inputs[0], image, group, conv->in_floats),
              step->weights + group * conv->weights_floats,
              loop->run->scratch + (size_t)thread * loop->run->scratch_stride);
}

static void
s_depthwise_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const conv_t *conv = step->state;
    const window_t *w = &conv->shape.window;
    (void)thread;
    if (!run_advance(loop->run))
        return;

    size_t channels = (size_t)conv->shape.channels_out;
    size_t group = task % loop->division.groups;
    size_t image = task / loop->division.groups;
    size_t plane = conv->out_floats / channels;
    size_t taps = (size_t)w->kernel_y * (size_t)w->kernel_x;
    const float *x =
        s_image(conv, step->inputs[0], image, group, conv->in_floats);
    float *y = s_image(conv, step->outputs[0], image, group, conv->out_floats);
    const float *residual =
        step->residual
            ? s_image(conv, step->residual, image, group, conv->out_floats)
            : NULL;
    for (size_t c = 0; c < channels; c++) {
        size_t channel = group * channels + c;
        depthwise_plane(w, y + c * plane, x, step->weights + channel * taps);
        activate_row(&step->activation, y + c * plane, step->bias[channel],
                     residual ? residual + c * plane : NULL, plane);
    }
}

static void
s_run(const step_t *step, const run_t *run)
{
    const conv_t *conv = step->state;
    size_t images = step_samples(step, run) * conv->images;
    if (images == 0)
        return;
    size_t threads = (size_t)threads_count(run->threads);
    loop_t loop = {step, run, s_divide(conv, images, threads)};
    const division_t *d = &loop.division;
    if (conv->depthwise)
        threads_run(run->threads, s_depthwise_task, &loop,
                    d->images * d->groups);
    else
        threads_run(run->threads, s_gemm_task, &loop,
                    d->images * d->groups * d->pixel_blocks *
                        d->channel_blocks);
}

const op_t op_rows_conv[] = {
    {"Conv", s_check, s_prepare, s_run, OP_ENDS, 0},
    {0},
};
