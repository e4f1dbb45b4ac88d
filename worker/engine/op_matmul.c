/* Gemm and MatMul with constant weights: fully connected layers. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/op_linear.h"
#include "worker/engine/op_rows.h"

enum { IS_MATMUL, IS_GEMM };

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

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    const node_t *node = step_node(build, step);
    const shape_t *stored = &step->inputs[1]->shape;
    bool transposed =
        step->op->detail == IS_GEMM && node_int(node, "transB", 0) != 0;
    op_linear_t linear = {
        .shape = {.depth = (size_t)stored->dims[transposed ? 1 : 0],
                  .outs = (size_t)stored->dims[transposed ? 0 : 1]},
        .transposed = transposed,
        .factor = node_float(node, "alpha", 1.0f),
    };
    return s_prepare_bias(build, step, linear.shape.outs, fault) ||
                   op_linear_prepare(build, step, &linear, fault)
               ? -1
               : 0;
}

const op_t op_rows_matmul[] = {
    {"Gemm", s_check, s_prepare, op_linear_run, OP_ENDS | OP_DENSE, IS_GEMM},
    {"MatMul", s_check, s_prepare, op_linear_run, OP_ENDS | OP_DENSE,
     IS_MATMUL},
    {0},
};
