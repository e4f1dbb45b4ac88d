/* Gemm and MatMul with constant weights: fully connected layers. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/linear.h"

enum {
    IS_MATMUL,
    IS_GEMM,
    TASKS_A_THREAD = 4,
    PRODUCTS_A_TASK = 64 << 10, /* less is done before another thread is up */
    BLOCK_FLOATS = 256 << 10,   /* of weights that are read at a time */
};

typedef struct product {
    linear_shape_t shape;
    bool transposed; /* weights are stored [outs][depth] */
} product_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
    const product_t *product;
    size_t rows;      /* of x, all samples together */
    size_t task_rows; /* of a task */
    size_t task_outs;
    size_t out_tasks; /* tasks side by side */
} loop_t;

/* Whether the bias of a Gemm is one value, or one an output. */
static bool
s_is_bias(const operand_t *bias, int64_t outs)
{
    if (!bias->constant)
        return false;
    const shape_t *s = &bias->shape;
    return bias->elements == 1 ||
           (bias->elements == (size_t)outs && s->rank >= 1 &&
            s->dims[s->rank - 1] == outs);
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    const node_t *node = step_node(build, step);
    const operand_t *weights = step->inputs[1];
    const operand_t *output = step->outputs[0];
    if (step->inputs[0]->constant || !weights->constant ||
        weights->shape.rank != 2)
        return step_refuse(build, step, fault,
                           "the second matrix, and only it, must be constant "
                           "and of two axes");
    if (weights->elements == 0)
        return step_refuse(build, step, fault, "its weights are empty");
    if (step->inputs[0]->shape.rank < 2)
        return step_refuse(build, step, fault,
                           "the first matrix must have two axes or more");
    if (step->op->detail == IS_MATMUL)
        return 0;
    if (node_int(node, "transA", 0) != 0)
        return step_refuse(build, step, fault, "transA is not supported");
    if (step->inputs_count > 2 && step->inputs[2] &&
        !s_is_bias(step->inputs[2], output->shape.dims[1]))
        return step_refuse(build, step, fault,
                           "C must be a constant with a value an output");
    return 0;
}

static int
s_prepare_bias(const build_t *build, step_t *step, size_t outs, fault_t *fault)
{
    step->bias = mem_new(outs, sizeof *step->bias, fault);
    if (!step->bias)
        return -1;
    step->weights_bytes += outs * sizeof *step->bias;
    if (step->inputs_count < 3 || !step->inputs[2])
        return 0;

    float beta = node_float(step_node(build, step), "beta", 1.0f);
    float *bias = step_constant(build, step->inputs[2], fault);
    if (!bias)
        return -1;
    bool single = step->inputs[2]->elements == 1;
    for (size_t i = 0; i < outs; i++)
        step->bias[i] = beta * bias[single ? 0 : i];
    free(bias);
    return 0;
}

/* Weights take the factor of a Gemm with them. */
static void
s_scale(const build_t *build, const step_t *step, float *weights, size_t count)
{
    float alpha = node_float(step_node(build, step), "alpha", 1.0f);
    for (size_t i = 0; alpha != 1.0f && i < count; i++)
        weights[i] *= alpha;
}

/* Rows of the stored matrix that are read and packed at a time, so that large
 * weights are never in memory twice. Rows are outputs where it is transposed,
 * else steps of depth. */
static size_t
s_block_rows(const product_t *product)
{
    const linear_shape_t *shape = &product->shape;
    size_t columns = product->transposed ? shape->depth : shape->outs;
    size_t panels = BLOCK_FLOATS / columns / LINEAR_WIDTH;
    return (panels ? panels : 1) * LINEAR_WIDTH;
}

static void
s_pack_block(const product_t *product, const float *weights, size_t first,
             size_t rows, float *packed)
{
    if (product->transposed)
        kernels()->linear_pack_outs(&product->shape, weights, first, rows,
                                    packed);
    else
        kernels()->linear_pack_steps(&product->shape, weights, first, rows,
                                     packed);
}

static int
s_pack(const build_t *build, const step_t *step, size_t block, float *weights,
       fault_t *fault)
{
    const product_t *product = step->state;
    const shape_t *stored = &step->inputs[1]->shape;
    size_t rows = (size_t)stored->dims[0], columns = (size_t)stored->dims[1];
    for (size_t first = 0; first < rows; first += block) {
        size_t some = rows - first < block ? rows - first : block;
        if (operand_read(build, step->inputs[1], first * columns,
                         some * columns, DTYPE_FLOAT32, weights, fault))
            return -1;
        s_scale(build, step, weights, some * columns);
        s_pack_block(product, weights, first, some, step->weights);
    }
    return 0;
}

static int
s_prepare_weights(const build_t *build, step_t *step, fault_t *fault)
{
    const product_t *product = step->state;
    const linear_shape_t *shape = &product->shape;
    size_t columns = (size_t)step->inputs[1]->shape.dims[1];
    size_t block = s_block_rows(product);
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

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    const operand_t *operand = step->inputs[1];
    product_t *product = step->state = mem_new(1, sizeof *product, fault);
    if (!product)
        return -1;
    bool transposed = step->op->detail == IS_GEMM &&
                      node_int(step_node(build, step), "transB", 0) != 0;
    linear_shape_t *shape = &product->shape;
    product->transposed = transposed;
    shape->depth = (size_t)operand->shape.dims[transposed ? 1 : 0];
    shape->outs = (size_t)operand->shape.dims[transposed ? 0 : 1];
    step->way = "linear";
    return s_prepare_bias(build, step, shape->outs, fault) ||
                   s_prepare_weights(build, step, fault)
               ? -1
               : 0;
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
    const linear_shape_t *shape = &loop->product->shape;
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

static void
s_run(const step_t *step, const run_t *run)
{
    const product_t *product = step->state;
    const linear_shape_t *shape = &product->shape;
    loop_t loop = {.step = step, .run = run, .product = product};
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

const op_t op_rows_matmul[] = {
    {"Gemm", s_check, s_prepare, s_run, OP_ENDS | OP_DENSE, IS_GEMM},
    {"MatMul", s_check, s_prepare, s_run, OP_ENDS | OP_DENSE, IS_MATMUL},
    {0},
};
