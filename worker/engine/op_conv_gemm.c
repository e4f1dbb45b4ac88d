/* Conv as a matrix product. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_conv.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/conv_gemm.h"
#include "worker/kernel/gemm.h"

enum { BLOCK_FLOATS = 256 << 10 }; /* of weights that are read at a time */

typedef struct product {
    conv_t conv;
    size_t weights_floats; /* of a group, packed */
} product_t;

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
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    conv_t conv;
    return conv_read(build, step, &conv, fault);
}

/* Some channels after others from the file into their packed place, so that
 * large weights are never in memory twice. */
static int
s_pack(const build_t *build, const step_t *step, size_t block, float *weights,
       fault_t *fault)
{
    const product_t *product = step->state;
    const conv_t *conv = &product->conv;
    size_t floats = kernels()->conv_gemm_channel_floats(&conv->shape);
    size_t channels = (size_t)conv->shape.channels_out;
    for (size_t g = 0; g < (size_t)conv->groups; g++)
        for (size_t first = 0; first < channels; first += block) {
            size_t some = channels - first < block ? channels - first : block;
            if (operand_read(build, step->inputs[1],
                             (g * channels + first) * floats, some * floats,
                             DTYPE_FLOAT32, weights, fault))
                return -1;
            kernels()->conv_gemm_pack(&conv->shape, weights, first, some,
                                      step->weights +
                                          g * product->weights_floats);
        }
    return 0;
}

static int
s_prepare_weights(const build_t *build, step_t *step, fault_t *fault)
{
    product_t *product = step->state;
    const conv_t *conv = &product->conv;
    size_t floats = kernels()->conv_gemm_channel_floats(&conv->shape);
    size_t width = (size_t)kernels()->gemm_rows()->width;
    size_t panels = BLOCK_FLOATS / floats / width;
    size_t block = (panels ? panels : 1) * width;
    product->weights_floats = kernels()->conv_gemm_weights_floats(&conv->shape);
    size_t bytes =
        (size_t)conv->groups * product->weights_floats * sizeof(float);
    step->weights = mem_aligned(bytes, fault);
    step->weights_bytes += bytes;
    step->scratch_floats = kernels()->conv_gemm_scratch_floats();
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
    product_t *product = step->state = mem_new(1, sizeof *product, fault);
    step->way = "gemm";
    return product && conv_read(build, step, &product->conv, fault) == 0 &&
                   conv_prepare_bias(build, step, fault) == 0
               ? s_prepare_weights(build, step, fault)
               : -1;
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
    size_t tile = (size_t)kernels()->gemm_columns()->width;
    size_t rows = (size_t)kernels()->gemm_rows()->width;
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

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const product_t *product = step->state;
    const conv_t *conv = &product->conv;
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
    conv_end_t end = conv_end(step, image, group);
    kernels()->conv_gemm(
        &conv->shape, &range, &end,
        conv_image(conv, step->outputs[0], image, group, conv->out_floats),
        conv_image(conv, step->inputs[0], image, group, conv->in_floats),
        step->weights + group * product->weights_floats,
        loop->run->scratch + (size_t)thread * loop->run->scratch_stride);
}

static void
s_run(const step_t *step, const run_t *run)
{
    const conv_t *conv = step->state;
    size_t images = step_samples(step, run) * conv->images;
    size_t threads = (size_t)threads_count(run->threads);
    loop_t loop = {step, run, s_divide(conv, images, threads)};
    const division_t *d = &loop.division;
    threads_run(run->threads, s_task, &loop,
                d->images * d->groups * d->pixel_blocks * d->channel_blocks);
}

const op_t op_rows_conv_gemm[] = {
    {"Conv", s_check, s_prepare, s_run, OP_ENDS, 0},
    {0},
};
