/* Operators that normalise: BatchNormalization, Softmax. */
#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/affine.h"
#include "worker/kernel/softmax.h"

/* A sample as [outer][count][inner]; count is the channels, or the axis. */
typedef struct lines {
    size_t outer, count, inner;
} lines_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

static lines_t
s_lines(const shape_t *shape, int axis)
{
    lines_t lines = {1, (size_t)shape->dims[axis], 1};
    for (int i = 0; i < axis; i++)
        lines.outer *= (size_t)shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        lines.inner *= (size_t)shape->dims[i];
    return lines;
}

static int
s_keep_lines(step_t *step, int axis, fault_t *fault)
{
    lines_t *lines = step->state = mem_new(1, sizeof *lines, fault);
    if (!lines)
        return -1;
    *lines = s_lines(&step->inputs[0]->shape, axis);
    return 0;
}

/* --- BatchNormalization: scale, bias, mean, variance -----------------------
 */

static int
s_check_batch(const build_t *build, const step_t *step, fault_t *fault)
{
    const shape_t *shape = &step->inputs[0]->shape;
    if (node_int(step_node(build, step), "training_mode", 0) != 0)
        return step_refuse(build, step, fault, "training is not supported");
    if (step->inputs_count != 5 || shape->rank < 2)
        return step_refuse(build, step, fault, "it needs five inputs");
    for (int i = 1; i < 5; i++)
        if (!step->inputs[i] || !step->inputs[i]->constant ||
            step->inputs[i]->elements != (size_t)shape->dims[1])
            return step_refuse(build, step, fault,
                               "it needs four constants of a value a channel");
    return 0;
}

/* weights and bias of the step become scale and shift a channel. */
static int
s_prepare_batch(const build_t *build, step_t *step, fault_t *fault)
{
    float epsilon = node_float(step_node(build, step), "epsilon", 1e-5f);
    size_t count = step->inputs[1]->elements;
    step->weights = step_constant(build, step->inputs[1], fault);
    step->bias = step_constant(build, step->inputs[2], fault);
    step->weights_bytes = 2 * count * sizeof *step->bias;
    float *mean = step_constant(build, step->inputs[3], fault);
    float *variance = step_constant(build, step->inputs[4], fault);
    bool read = step->weights && step->bias && mean && variance;
    for (size_t c = 0; read && c < count; c++) {
        double scale = (double)step->weights[c] /
                       sqrt((double)variance[c] + (double)epsilon);
        step->weights[c] = (float)scale;
        step->bias[c] =
            (float)((double)step->bias[c] - (double)mean[c] * scale);
    }
    free(mean);
    free(variance);
    return read ? s_keep_lines(step, 1, fault) : -1;
}

static void
s_task_batch(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const lines_t *lines = step->state;
    (void)thread;
    if (!run_advance(loop->run))
        return;
    float *y = operand_row(step->outputs[0], task);
    const float *x = operand_row(step->inputs[0], task);
    size_t floats = lines->count * lines->inner;
    for (size_t o = 0; o < lines->outer; o++)
        affine(y + o * floats, x + o * floats, step->weights, step->bias,
               lines->count, lines->inner);
}

static void
s_run_batch(const step_t *step, const run_t *run)
{
    loop_t loop = {step, run};
    threads_run(run->threads, s_task_batch, &loop, step_samples(step, run));
}

/* --- Softmax ----------------------------------------------------------------
 */

/* The axis counted from the front, or -1. */
static int
s_axis(const build_t *build, const step_t *step)
{
    int rank = step->inputs[0]->shape.rank;
    int64_t axis = node_int(step_node(build, step), "axis", -1);
    if (axis < -rank || axis >= rank)
        return -1;
    return (int)(axis < 0 ? axis + rank : axis);
}

static int
s_check_softmax(const build_t *build, const step_t *step, fault_t *fault)
{
    int axis = s_axis(build, step);
    if (axis < 0 || (axis == 0 && step->batched))
        return step_refuse(build, step, fault, "its axis does not fit");
    return 0;
}

static int
s_prepare_softmax(const build_t *build, step_t *step, fault_t *fault)
{
    return s_keep_lines(step, s_axis(build, step), fault);
}

static void
s_task_softmax(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const lines_t *lines = step->state;
    (void)thread;
    if (!run_advance(loop->run))
        return;
    softmax(operand_row(step->outputs[0], task),
            operand_row(step->inputs[0], task), lines->outer, lines->count,
            lines->inner);
}

static void
s_run_softmax(const step_t *step, const run_t *run)
{
    loop_t loop = {step, run};
    threads_run(run->threads, s_task_softmax, &loop, step_samples(step, run));
}

const op_t op_rows_norm[] = {
    {"BatchNormalization", s_check_batch, s_prepare_batch, s_run_batch,
     OP_IN_PLACE, 0},
    {"Softmax", s_check_softmax, s_prepare_softmax, s_run_softmax, OP_IN_PLACE,
     0},
    {0},
};
