/* Conv straight from the image. */
#include <stdint.h>
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_conv.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/conv_direct.h"

enum {
    BLOCK_FLOATS = 256 << 10, /* of weights that are read at a time */
    CHANNELS_A_THREAD = 2,
    TASKS_A_THREAD = 4, /* at least, so that threads end together */
};

typedef struct direct {
    conv_t conv;
    conv_direct_t kernel;
    ptrdiff_t offsets[]; /* of the kernel */
} direct_t;

/* How one run is divided: tasks are images x groups x blocks. */
typedef struct division {
    size_t groups;
    int rows, columns; /* of a block */
    size_t row_blocks, column_blocks;
    size_t channels, channel_blocks;
} division_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
    division_t division;
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
    conv_t conv;
    return conv_read(build, step, &conv, fault);
}

/* Some channels after others from the file into their packed place, so that
 * large weights are never in memory twice. */
static int
s_pack(const build_t *build, const step_t *step, size_t block, float *weights,
       fault_t *fault)
{
    const direct_t *direct = step->state;
    const conv_direct_t *kernel = &direct->kernel;
    size_t floats = (size_t)kernel->shape.channels_in * kernel->taps;
    size_t channels = (size_t)kernel->shape.channels_out;
    for (size_t g = 0; g < (size_t)direct->conv.groups; g++)
        for (size_t first = 0; first < channels; first += block) {
            size_t some = s_smaller(block, channels - first);
            if (operand_read(build, step->inputs[1],
                             (g * channels + first) * floats, some * floats,
                             DTYPE_FLOAT32, weights, fault))
                return -1;
            kernels()->conv_direct_pack(kernel, weights, first, some,
                                        step->weights +
                                            g * kernel->weights_floats);
        }
    return 0;
}

static int
s_prepare_weights(const build_t *build, step_t *step, fault_t *fault)
{
    const direct_t *direct = step->state;
    const conv_direct_t *kernel = &direct->kernel;
    size_t floats = (size_t)kernel->shape.channels_in * kernel->taps;
    size_t panels = BLOCK_FLOATS / floats / kernel->channels_multiple;
    size_t block = (panels ? panels : 1) * kernel->channels_multiple;
    size_t bytes =
        (size_t)direct->conv.groups * kernel->weights_floats * sizeof(float);
    step->weights = mem_aligned(bytes, fault);
    step->weights_bytes += bytes;
    step->scratch_floats = kernel->scratch_floats;
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
    conv_t conv;
    conv_direct_t kernel;
    if (conv_read(build, step, &conv, fault))
        return -1;
    kernels()->conv_direct_init(&kernel, &conv.shape);
    size_t offsets = kernel.step * kernel.taps * sizeof(ptrdiff_t);
    direct_t *direct = step->state =
        mem_new(1, sizeof *direct + offsets, fault);
    if (!direct)
        return -1;
    kernels()->conv_direct_lay_out(&kernel, direct->offsets);
    kernel.offsets = direct->offsets;
    direct->conv = conv;
    direct->kernel = kernel;
    step->way = kernel.in_place ? "in place" : "direct";
    return conv_prepare_bias(build, step, fault) == 0
               ? s_prepare_weights(build, step, fault)
               : -1;
}

/* Rows of a block for which the thread that has most to do has least. */
static int
s_even_rows(size_t height, size_t most, size_t others, size_t threads)
{
    size_t best = most, least = SIZE_MAX;
    for (size_t rows = 1; rows <= most; rows++) {
        size_t blocks = s_ceiling(height, rows) * others;
        size_t busiest = s_ceiling(blocks, threads) * rows;
        if (blocks <= threads * TASKS_A_THREAD && busiest < least) {
            best = rows;
            least = busiest;
        }
    }
    return (int)best;
}

/* Enough tasks for all threads: smaller blocks of pixels, then of channels. No
 * element depends on where the borders lie. */
static division_t
s_divide(const direct_t *direct, size_t images, size_t threads)
{
    const conv_direct_t *kernel = &direct->kernel;
    const window_t *w = &kernel->shape.window;
    size_t height = (size_t)w->out_height, width = (size_t)w->out_width;
    division_t d = {.groups = (size_t)direct->conv.groups,
                    .rows = kernel->block_rows,
                    .columns = kernel->block_columns};
    d.column_blocks = s_ceiling(width, (size_t)d.columns);
    d.row_blocks = s_ceiling(height, (size_t)d.rows);
    size_t others = images * d.groups * d.column_blocks;
    /* Each block of pixels reads all weights, each of channels the image. */
    size_t image = (size_t)kernel->shape.channels_in * (size_t)w->height *
                   (size_t)w->width;
    if (threads > 1 && !kernel->in_place && kernel->weights_floats <= image) {
        d.rows = s_even_rows(height, (size_t)d.rows, others, threads);
        d.row_blocks = s_ceiling(height, (size_t)d.rows);
    }
    size_t wanted = threads == 1 ? 1 : threads * CHANNELS_A_THREAD;
    size_t channels = (size_t)kernel->shape.channels_out;
    size_t parts = s_ceiling(wanted, others * d.row_blocks);
    d.channels =
        s_ceiling(s_ceiling(channels, parts), kernel->channels_multiple) *
        kernel->channels_multiple;
    d.channel_blocks = s_ceiling(channels, d.channels);
    return d;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const direct_t *direct = step->state;
    const conv_direct_t *kernel = &direct->kernel;
    const conv_t *conv = &direct->conv;
    const division_t *d = &loop->division;
    const window_t *w = &kernel->shape.window;
    if (!run_advance(loop->run))
        return;

    conv_block_t block = {
        .channel = task % d->channel_blocks * d->channels,
        .x = (int)(task / d->channel_blocks % d->column_blocks) * d->columns,
        .rows = d->rows,
        .columns = d->columns,
    };
    task /= d->channel_blocks * d->column_blocks;
    block.y = (int)(task % d->row_blocks) * d->rows;
    task /= d->row_blocks;
    size_t group = task % d->groups, image = task / d->groups;
    block.channels = s_smaller(d->channels, (size_t)kernel->shape.channels_out -
                                                block.channel);
    if (block.rows > w->out_height - block.y)
        block.rows = w->out_height - block.y;
    if (block.columns > w->out_width - block.x)
        block.columns = w->out_width - block.x;

    conv_end_t end = conv_end(step, image, group);
    kernels()->conv_direct(
        kernel, &block, &end,
        conv_image(conv, step->outputs[0], image, group, conv->out_floats),
        conv_image(conv, step->inputs[0], image, group, conv->in_floats),
        step->weights + group * kernel->weights_floats,
        loop->run->scratch + (size_t)thread * loop->run->scratch_stride);
}

static void
s_run(const step_t *step, const run_t *run)
{
    const direct_t *direct = step->state;
    size_t images = step_samples(step, run) * direct->conv.images;
    size_t threads = (size_t)threads_count(run->threads);
    loop_t loop = {step, run, s_divide(direct, images, threads)};
    const division_t *d = &loop.division;
    threads_run(run->threads, s_task, &loop,
                images * d->groups * d->row_blocks * d->column_blocks *
                    d->channel_blocks);
}

const op_t op_rows_conv_direct[] = {
    {"Conv", s_check, s_prepare, s_run, OP_ENDS | OP_SUMS_IN_PLACE, 0},
    {0},
};
