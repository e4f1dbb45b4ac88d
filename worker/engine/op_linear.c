/* Rows times a constant matrix: packing its weights, sharing out its work. */
#include "worker/engine/op_linear.h"

#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/level.h"

enum {
    TASKS_A_THREAD = 4,
    PRODUCTS_A_TASK = 64 << 10, /* less is done before another thread is up */
    BLOCK_FLOATS = 256 << 10,   /* of weights that are read at a time */
};

typedef struct loop {
    const step_t *step;
    const run_t *run;
    const op_linear_t *linear;
    size_t rows;      /* of x, all samples together */
    size_t task_rows; /* of a task */
    size_t task_outs;
    size_t out_tasks; /* tasks side by side */
} loop_t;

/* Of the stored matrix. */
static size_t
s_rows(const op_linear_t *linear)
{
    return linear->transposed ? linear->shape.outs : linear->shape.depth;
}

static size_t
s_columns(const op_linear_t *linear)
{
    return linear->transposed ? linear->shape.depth : linear->shape.outs;
}

static void
s_scale(float *weights, size_t count, float factor)
{
    for (size_t i = 0; factor != 1.0f && i < count; i++)
        weights[i] *= factor;
}

/* Rows of the stored matrix that are read and packed at a time, so that large
 * weights are never in memory twice. Rows are outputs where it is transposed,
 * else steps of depth. */
static size_t
s_block_rows(const op_linear_t *linear)
{
    size_t panels = BLOCK_FLOATS / s_columns(linear) / LINEAR_WIDTH;
    return (panels ? panels : 1) * LINEAR_WIDTH;
}

static void
s_pack_block(const op_linear_t *linear, const float *weights, size_t first,
             size_t rows, float *packed)
{
    if (linear->transposed)
        kernels()->linear_pack_outs(&linear->shape, weights, first, rows,
                                    packed);
    else
        kernels()->linear_pack_steps(&linear->shape, weights, first, rows,
                                     packed);
}

static int
s_pack(const build_t *build, const step_t *step, size_t block, float *weights,
       fault_t *fault)
{
    const op_linear_t *linear = step->state;
    size_t rows = s_rows(linear), columns = s_columns(linear);
    for (size_t first = 0; first < rows; first += block) {
        size_t some = rows - first < block ? rows - first : block;
        if (operand_read(build, step->inputs[1], first * columns,
                         some * columns, DTYPE_FLOAT32, weights, fault))
            return -1;
        s_scale(weights, some * columns, linear->factor);
        s_pack_block(linear, weights, first, some, step->weights);
    }
    return 0;
}

static int
s_prepare_weights(const build_t *build, step_t *step, fault_t *fault)
{
    const op_linear_t *linear = step->state;
    const linear_shape_t *shape = &linear->shape;
    size_t columns = s_columns(linear), block = s_block_rows(linear);
    size_t floats = kernels()->linear_weights_floats(shape);
    step->weights = mem_aligned(floats * sizeof(float), fault);
    step->weights_bytes += floats * sizeof(float);
    float *weights = mem_aligned(block * columns * sizeof *weights, fault);
    int result = step->weights && weights
                     ? s_pack(build, step, block, weights, fault)
                     : -1;
    free(weights);
    return result;
}

int
op_linear_prepare(const build_t *build, step_t *step, const op_linear_t *linear,
                  fault_t *fault)
{
    op_linear_t *state = step->state = mem_new(1, sizeof *state, fault);
    if (!state)
        return -1;
    *state = *linear;
    step->way = "linear";
    return s_prepare_weights(build, step, fault);
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
    const linear_shape_t *shape = &loop->linear->shape;
    (void)thread;
    if (!run_advance(loop->run))
        return;

    size_t row = task / loop->out_tasks * loop->task_rows;
    size_t out = task % loop->out_tasks * loop->task_outs;
    linear_range_t range = {
        .rows = s_smaller(loop->rows - row, loop->task_rows),
        .out = out,
        .outs = s_smaller(shape->outs - out, loop->task_outs),
    };

    /* Rows of all samples lie one after the other. */
    size_t at = row * shape->outs;
    linear_end_t end = {
        .bias = step->bias,
        .residual = step->residual ? operand_row(step->residual, 0) + at : NULL,
        .activation = step->activation,
    };
    linear_rows_t x = {
        .data = operand_row(step->inputs[0], 0) + row * shape->depth,
        .row_stride = shape->depth,
        .step_stride = 1,
    };
    kernels()->linear(shape, &range, &end,
                      operand_row(step->outputs[0], 0) + at, &x, step->weights);
}

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

void
op_linear_run(const step_t *step, const run_t *run)
{
    const op_linear_t *linear = step->state;
    const linear_shape_t *shape = &linear->shape;
    loop_t loop = {.step = step, .run = run, .linear = linear};
    loop.rows = step_samples(step, run) * step->outputs[0]->elements /
                (shape->outs ? shape->outs : 1);
    if (loop.rows == 0)
        return;

    loop.task_rows = kernels()->linear_rows_a_call(shape, loop.rows);
    size_t row_tasks = s_ceiling(loop.rows, loop.task_rows);
    size_t threads = (size_t)threads_count(run->threads);
    size_t parts =
        threads == 1 ? 1 : s_ceiling(threads * TASKS_A_THREAD, row_tasks);
    size_t products =
        s_smaller(loop.rows, loop.task_rows) * shape->depth * shape->outs;
    parts = s_smaller(parts, 1 + products / PRODUCTS_A_TASK);
    loop.task_outs =
        s_ceiling(s_ceiling(shape->outs, parts), LINEAR_WIDTH) * LINEAR_WIDTH;
    loop.out_tasks = s_ceiling(shape->outs, loop.task_outs);
    threads_run(run->threads, s_task, &loop, row_tasks * loop.out_tasks);
}
