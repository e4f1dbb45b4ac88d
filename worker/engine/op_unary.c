/* Functions of one element: activations and the like. */
#include "worker/engine/op_unary.h"

#include <math.h>
#include <string.h>

#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"

enum { FLOATS_A_TASK = 16384 };

typedef struct loop {
    const step_t *step;
    const run_t *run;
    size_t floats; /* of a row: a sample, or all where they are dense */
    size_t tasks;  /* of a row */
} loop_t;

/* A bound of Clip: constant, one element, or absent. */
static int
s_bound(const build_t *build, const step_t *step, int index, float *bound,
        fault_t *fault)
{
    if (index >= step->inputs_count || !step->inputs[index])
        return 0;
    const operand_t *operand = step->inputs[index];
    if (!operand->constant || operand->elements != 1)
        return step_refuse(build, step, fault,
                           "its bounds must be constants of one element");
    return operand_read(build, operand, 0, 1, DTYPE_FLOAT32, bound, fault);
}

int
op_unary_activation(const build_t *build, const step_t *step,
                    activation_t *activation, fault_t *fault)
{
    *activation = (activation_t){ACTIVATION_NONE, 0.0f, 0.0f};
    if (step->op->check != op_rows_unary[0].check)
        return 0;

    const node_t *node = step_node(build, step);
    activation->kind = (activation_kind_t)step->op->detail;
    switch (activation->kind) {
    case ACTIVATION_CLIP:
        activation->alpha = -INFINITY;
        activation->beta = INFINITY;
        return s_bound(build, step, 1, &activation->alpha, fault) ||
                       s_bound(build, step, 2, &activation->beta, fault)
                   ? -1
                   : 0;
    case ACTIVATION_LEAKY_RELU:
        activation->alpha = node_float(node, "alpha", 0.01f);
        return 0;
    case ACTIVATION_HARD_SIGMOID:
        activation->alpha = node_float(node, "alpha", 0.2f);
        activation->beta = node_float(node, "beta", 0.5f);
        return 0;
    case ACTIVATION_ELU:
    case ACTIVATION_CELU:
        activation->alpha = node_float(node, "alpha", 1.0f);
        return 0;
    case ACTIVATION_SELU:
        activation->alpha = node_float(node, "alpha", 1.67326319f);
        activation->beta = node_float(node, "gamma", 1.05070102f);
        return 0;
    case ACTIVATION_GELU:
        if (strcmp(node_text(node, "approximate", "none"), "tanh") == 0)
            activation->kind = ACTIVATION_GELU_TANH;
        return 0;
    default:
        return 0;
    }
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    activation_t activation;
    return op_unary_activation(build, step, &activation, fault);
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    return op_unary_activation(build, step, &step->activation, fault);
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    (void)thread;
    if (!run_advance(loop->run))
        return;
    size_t row = task / loop->tasks;
    size_t first = task % loop->tasks * FLOATS_A_TASK;
    size_t count = loop->floats - first;
    if (count > FLOATS_A_TASK)
        count = FLOATS_A_TASK;
    kernels()->activate(&step->activation,
                        operand_row(step->outputs[0], row) + first,
                        operand_row(step->inputs[0], row) + first, count);
}

static void
s_run(const step_t *step, const run_t *run)
{
    size_t rows = step_samples(step, run), floats = step->outputs[0]->elements;
    if (operand_is_dense(step->inputs[0]) &&
        operand_is_dense(step->outputs[0])) {
        floats *= rows;
        rows = 1;
    }
    loop_t loop = {step, run, floats,
                   (floats + FLOATS_A_TASK - 1) / FLOATS_A_TASK};
    threads_run(run->threads, s_task, &loop, rows * loop.tasks);
}

#define ROW(name, kind)                                                        \
    {                                                                          \
        name, s_check, s_prepare, s_run, OP_IN_PLACE, kind                     \
    }

const op_t op_rows_unary[] = {
    ROW("Relu", ACTIVATION_RELU),
    ROW("Clip", ACTIVATION_CLIP),
    ROW("LeakyRelu", ACTIVATION_LEAKY_RELU),
    ROW("Sigmoid", ACTIVATION_SIGMOID),
    ROW("Tanh", ACTIVATION_TANH),
    ROW("Erf", ACTIVATION_ERF),
    ROW("Silu", ACTIVATION_SILU),
    ROW("Gelu", ACTIVATION_GELU),
    ROW("HardSigmoid", ACTIVATION_HARD_SIGMOID),
    ROW("HardSwish", ACTIVATION_HARD_SWISH),
    ROW("Elu", ACTIVATION_ELU),
    ROW("Selu", ACTIVATION_SELU),
    ROW("Celu", ACTIVATION_CELU),
    ROW("Softplus", ACTIVATION_SOFTPLUS),
    ROW("Mish", ACTIVATION_MISH),
    ROW("Exp", ACTIVATION_EXP),
    ROW("Log", ACTIVATION_LOG),
    ROW("Floor", ACTIVATION_FLOOR),
    ROW("Ceil", ACTIVATION_CEIL),
    ROW("Sqrt", ACTIVATION_SQRT),
    ROW("Neg", ACTIVATION_NEGATE),
    ROW("Abs", ACTIVATION_ABS),
    ROW("Reciprocal", ACTIVATION_RECIPROCAL),
    {0},
};

const char *
op_unary_name(activation_kind_t kind)
{
    for (const op_t *row = op_rows_unary; row->name; row++)
        if (row->detail == (int)kind)
            return row->name;
    return kind == ACTIVATION_GELU_TANH ? "Gelu" : "";
}
