/* Operators that normalise along an axis: BatchNormalization, Softmax,
 * LogSoftmax, LRN. */
#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/affine.h"
#include "worker/kernel/norm.h"
#include "worker/kernel/softmax.h"

enum { FLOATS_A_TASK = 16384 };

/* A sample as [outer][count][inner]; count is the channels, or the axis. A task
 * takes a share of one of the three. */
typedef struct lines {
    size_t outer, count, inner;
    size_t share;
    size_t tasks;         /* of a sample */
    norm_window_t window; /* of LRN */
} lines_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

static lines_t
s_lines(const shape_t *shape, int axis)
{
    lines_t lines = {
        .outer = 1, .count = (size_t)shape->dims[axis], .inner = 1};
    for (int i = 0; i < axis; i++)
        lines.outer *= (size_t)shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        lines.inner *= (size_t)shape->dims[i];
    return lines;
}

/* Keep the lines; `shared` of them, of so many floats, are shared by tasks. */
static int
s_keep_lines(step_t *step, const lines_t *lines, size_t shared, size_t floats,
             fault_t *fault)
{
    lines_t *kept = step->state = mem_new(1, sizeof *kept, fault);
    if (!kept)
        return -1;
    *kept = *lines;
    kept->share = floats > 0 ? FLOATS_A_TASK / floats : 1;
    kept->share = kept->share > 0 ? kept->share : 1;
    kept->tasks = (shared + kept->share - 1) / kept->share;
    return 0;
}

/* The share of a task that begins at `first`, of so many. */
static size_t
s_share(const lines_t *lines, size_t first, size_t shared)
{
    return shared - first < lines->share ? shared - first : lines->share;
}

static void
s_run_tasks(const step_t *step, const run_t *run, task_fn *task)
{
    const lines_t *lines = step->state;
    loop_t loop = {step, run};
    if (step->outputs[0]->elements > 0)
        threads_run(run->threads, task, &loop,
                    step_samples(step, run) * lines->tasks);
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
    lines_t lines = s_lines(&step->inputs[0]->shape, 1);
    return read ? s_keep_lines(step, &lines, count, lines.outer * lines.inner,
                               fault)
                : -1;
}

/* Some channels of every image of a sample. */
static void
s_task_batch(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const lines_t *lines = step->state;
    (void)thread;
    if (!run_advance(loop->run))
        return;
    size_t first = task % lines->tasks * lines->share;
    float *y = operand_row(step->outputs[0], task / lines->tasks);
    const float *x = operand_row(step->inputs[0], task / lines->tasks);
    for (size_t o = 0; o < lines->outer; o++) {
        size_t at = (o * lines->count + first) * lines->inner;
        kernels()->affine(y + at, x + at, step->weights + first,
                          step->bias + first, &step->activation,
                          s_share(lines, first, lines->count), lines->inner);
    }
}

static void
s_run_batch(const step_t *step, const run_t *run)
{
    s_run_tasks(step, run, s_task_batch);
}

/* --- Softmax, LogSoftmax ----------------------------------------------------
 */

enum { SOFTMAX, LOG_SOFTMAX };

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
    if (s_axis(build, step) < 0)
        return step_refuse(build, step, fault, "its axis does not fit");
    return 0;
}

static int
s_prepare_softmax(const build_t *build, step_t *step, fault_t *fault)
{
    lines_t lines = s_lines(&step->inputs[0]->shape, s_axis(build, step));
    return s_keep_lines(step, &lines, lines.outer, lines.count * lines.inner,
                        fault);
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
    size_t first = task % lines->tasks * lines->share;
    size_t at = first * lines->count * lines->inner;
    float *y = operand_row(step->outputs[0], task / lines->tasks) + at;
    const float *x = operand_row(step->inputs[0], task / lines->tasks) + at;
    size_t outer = s_share(lines, first, lines->outer);
    if (step->op->detail == LOG_SOFTMAX)
        kernels()->log_softmax(y, x, outer, lines->count, lines->inner);
    else
        kernels()->softmax(y, x, outer, lines->count, lines->inner);
}

static void
s_run_softmax(const step_t *step, const run_t *run)
{
    s_run_tasks(step, run, s_task_softmax);
}

/* --- LRN --------------------------------------------------------------------
 */

static int
s_check_lrn(const build_t *build, const step_t *step, fault_t *fault)
{
    if (step->inputs[0]->shape.rank < 2 ||
        node_int(step_node(build, step), "size", 0) < 1)
        return step_refuse(build, step, fault, "it has no channels to sum");
    return 0;
}

/* Tasks share the places of an image. */
static int
s_prepare_lrn(const build_t *build, step_t *step, fault_t *fault)
{
    const node_t *node = step_node(build, step);
    lines_t lines = s_lines(&step->inputs[0]->shape, 1);
    lines.window = (norm_window_t){
        .size = (size_t)node_int(node, "size", 1),
        .alpha = node_float(node, "alpha", 1e-4f),
        .beta = node_float(node, "beta", 0.75f),
        .bias = node_float(node, "bias", 1.0f),
    };
    return s_keep_lines(step, &lines, lines.inner, lines.count, fault);
}

static void
s_task_lrn(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const lines_t *lines = step->state;
    (void)thread;
    if (!run_advance(loop->run))
        return;
    size_t first = task % lines->tasks * lines->share;
    float *y = operand_row(step->outputs[0], task / lines->tasks) + first;
    const float *x = operand_row(step->inputs[0], task / lines->tasks) + first;
    size_t image = lines->count * lines->inner;
    for (size_t o = 0; o < lines->outer; o++)
        kernels()->norm_channels(
            &lines->window, y + o * image, x + o * image, lines->count,
            s_share(lines, first, lines->inner), lines->inner);
}

static void
s_run_lrn(const step_t *step, const run_t *run)
{
    s_run_tasks(step, run, s_task_lrn);
}

const op_t op_rows_norm[] = {
    {"BatchNormalization", s_check_batch, s_prepare_batch, s_run_batch,
     OP_IN_PLACE | OP_ACTIVATES, 0},
    {"Softmax", s_check_softmax, s_prepare_softmax, s_run_softmax, OP_IN_PLACE,
     SOFTMAX},
    {"LogSoftmax", s_check_softmax, s_prepare_softmax, s_run_softmax,
     OP_IN_PLACE, LOG_SOFTMAX},
    {"LRN", s_check_lrn, s_prepare_lrn, s_run_lrn, 0, 0},
    {0},
};
