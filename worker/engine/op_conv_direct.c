/* Conv straight from the image. */
#include "common/mem.h"
#include "worker/engine/conv_division.h"
#include "worker/engine/level.h"
#include "worker/engine/op_conv.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/conv_direct.h"

enum {
    COPY_COST = 6,  /* multiply-adds in the time to copy a float */
    READ_COST = 16, /* and to read one from beyond the L2 */
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

static void
s_pack(const void *layout, const float *weights, size_t channel,
       size_t channels, float *packed)
{
    kernels()->conv_direct_pack(layout, weights, channel, channels, packed);
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    conv_t conv;
    conv_direct_t kernel;
    if (conv_read(build, step, &conv, fault))
        return -1;
    kernels()->conv_direct_init(&kernel, &conv.shape, step->scale);
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
    step->scratch_floats = kernel.scratch_floats;
    const conv_packing_t packing = {
        .pack = s_pack,
        .layout = &direct->kernel,
        .channels_multiple = kernel.channels_multiple,
        .weights_floats = kernel.weights_floats,
    };
    return conv_prepare_bias(build, step, fault) == 0
               ? conv_prepare_weights(build, step, &packing, fault)
               : -1;
}

static conv_work_t
s_work(const direct_t *direct, size_t images)
{
    const conv_direct_t *kernel = &direct->kernel;
    const window_t *w = &kernel->shape.window;
    bool in_place = kernel->in_place;
    size_t inputs = (size_t)kernel->shape.channels_in;
    size_t depth = inputs * kernel->taps;
    size_t columns = (size_t)w->out_width;
    size_t pixels = in_place ? kernel->columns_multiple : columns;
    size_t read = (size_t)w->stride_y * (size_t)w->width * inputs;
    size_t most =
        (size_t)(in_place ? kernel->block_columns : kernel->block_rows);
    return (conv_work_t){
        .images =
            images * (size_t)direct->conv.groups *
            (in_place ? 1 : s_ceiling(columns, (size_t)kernel->block_columns)),
        .pixels = in_place ? s_ceiling(columns, pixels) : (size_t)w->out_height,
        .pixels_most = in_place ? s_ceiling(most, pixels) : most,
        .channels = s_ceiling((size_t)kernel->shape.channels_out,
                              kernel->channels_multiple),
        .unit_cost = (double)(pixels * kernel->channels_multiple * depth),
        .pixel_cost = in_place ? (double)(pixels * inputs * READ_COST)
                               : (double)(read * COPY_COST),
        .channel_cost = (double)(kernel->channels_multiple * depth * READ_COST),
    };
}

static division_t
s_divide(const direct_t *direct, size_t images, size_t threads)
{
    const conv_direct_t *kernel = &direct->kernel;
    const window_t *w = &kernel->shape.window;
    const conv_work_t work = s_work(direct, images);
    conv_cut_t cut = conv_divide(&work, threads);
    size_t height = (size_t)w->out_height, width = (size_t)w->out_width;
    size_t rows = kernel->in_place ? 1 : cut.pixels;
    size_t columns =
        kernel->in_place
            ? s_smaller(cut.pixels * kernel->columns_multiple, width)
            : (size_t)kernel->block_columns;
    size_t channels = cut.channels * kernel->channels_multiple;
    return (division_t){
        .groups = (size_t)direct->conv.groups,
        .rows = (int)rows,
        .columns = (int)columns,
        .row_blocks = s_ceiling(height, rows),
        .column_blocks = s_ceiling(width, columns),
        .channels = channels,
        .channel_blocks =
            s_ceiling((size_t)kernel->shape.channels_out, channels),
    };
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

    if (step->scale)
        block.scale = conv_image(conv, step->scale, image, group,
                                 (size_t)kernel->shape.channels_in);
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

bool
conv_direct_scales(const build_t *build, const step_t *step)
{
    conv_t conv;
    conv_direct_t kernel;
    fault_t ignored;
    if (step->op->run != s_run || conv_read(build, step, &conv, &ignored) != 0)
        return false;
    kernels()->conv_direct_init(&kernel, &conv.shape, true);
    return kernel.scaled;
}
