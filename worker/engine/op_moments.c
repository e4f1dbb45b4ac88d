/* Operators that normalise by mean and variance of what they are given:
 * LayerNormalization, InstanceNormalization, GroupNormalization. */
#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/norm.h"

enum { FLOATS_A_TASK = 16384 };
enum { LAYER, INSTANCE, GROUP };

/* A sample as [rows][count]; each row has moments of its own. For groups a row
 * is [channels][inner], and the image has `groups` of them. */
typedef struct moments {
    size_t rows, count;
    size_t groups, channels, inner;
    size_t share; /* rows of a task */
    size_t tasks; /* of a sample */
    float epsilon;
} moments_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

/* A constant of so many floats. */
static bool
s_is_constant(const step_t *step, int index, size_t count)
{
    const operand_t *operand =
        index < step->inputs_count ? step->inputs[index] : NULL;
    return operand && operand->constant && operand->elements == count;
}

static void
s_find_layer(const node_t *node, const shape_t *shape, moments_t *moments)
{
    int64_t axis = node_int(node, "axis", -1);
    for (int i = 0; i < shape->rank; i++) {
        if (i < (axis < 0 ? axis + shape->rank : axis))
            moments->rows *= (size_t)shape->dims[i];
        else
            moments->count *= (size_t)shape->dims[i];
    }
}

static void
s_find_groups(const node_t *node, const shape_t *shape, bool instance,
              moments_t *moments)
{
    size_t channels = (size_t)shape->dims[1];
    moments->groups =
        instance ? channels : (size_t)node_int(node, "num_groups", 1);
    moments->rows = (size_t)shape->dims[0] * moments->groups;
    moments->channels = moments->groups ? channels / moments->groups : 0;
    for (int i = 2; i < shape->rank; i++)
        moments->inner *= (size_t)shape->dims[i];
    moments->count = moments->channels * moments->inner;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    const shape_t *shape = &step->inputs[0]->shape;
    bool layer = step->op->detail == LAYER;
    moments_t moments = {.rows = 1, .count = 1};
    if (layer)
        s_find_layer(step_node(build, step), shape, &moments);
    size_t numbers = layer ? moments.count : (size_t)shape->dims[1];
    bool shifted = step->inputs_count > 2 && step->inputs[2];
    if (!s_is_constant(step, 1, numbers) ||
        (shifted && !s_is_constant(step, 2, numbers)) || (!layer && !shifted))
        return step_refuse(build, step, fault,
                           "its scale and bias are not constant");
    for (int i = 1; i < step->outputs_count; i++)
        if (step->outputs[i])
            return step_refuse(build, step, fault,
                               "its moments are wanted, too");
    return 0;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    const node_t *node = step_node(build, step);
    const shape_t *shape = &step->inputs[0]->shape;
    moments_t *moments = step->state = mem_new(1, sizeof *moments, fault);
    if (!moments)
        return -1;
    *moments = (moments_t){.rows = 1, .count = 1, .inner = 1};
    moments->epsilon = node_float(node, "epsilon", 1e-5f);
    if (step->op->detail == LAYER)
        s_find_layer(node, shape, moments);
    else
        s_find_groups(node, shape, step->op->detail == INSTANCE, moments);
    moments->share = moments->count ? FLOATS_A_TASK / moments->count : 1;
    moments->share = moments->share > 0 ? moments->share : 1;
    moments->tasks = (moments->rows + moments->share - 1) / moments->share;

    step->weights = step_constant(build, step->inputs[1], fault);
    step->weights_bytes = step->inputs[1]->elements * sizeof(float);
    if (!step->weights)
        return -1;
    if (step->inputs_count < 3 || !step->inputs[2])
        return 0;
    step->bias = step_constant(build, step->inputs[2], fault);
    step->weights_bytes *= 2;
    return step->bias ? 0 : -1;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const moments_t *moments = step->state;
    (void)thread;
    if (!run_advance(loop->run))
        return;

    float *y = operand_row(step->outputs[0], task / moments->tasks);
    const float *x = operand_row(step->inputs[0], task / moments->tasks);
    size_t first = task % moments->tasks * moments->share;
    size_t left = moments->rows - first;
    size_t rows = left < moments->share ? left : moments->share;
    x += first * moments->count;
    y += first * moments->count;
    if (step->op->detail == LAYER) {
        kernels()->norm_rows(y, x, step->weights, step->bias, rows,
                             moments->count, moments->epsilon);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        size_t channel = (first + r) % moments->groups * moments->channels;
        kernels()->norm_group(y + r * moments->count, x + r * moments->count,
                              step->weights + channel, step->bias + channel,
                              moments->channels, moments->inner,
                              moments->epsilon);
    }
}

static void
s_run(const step_t *step, const run_t *run)
{
    const moments_t *moments = step->state;
    loop_t loop = {step, run};
    if (step->outputs[0]->elements > 0)
        threads_run(run->threads, s_task, &loop,
                    step_samples(step, run) * moments->tasks);
}

const op_t op_rows_moments[] = {
    {"LayerNormalization", s_check, s_prepare, s_run, OP_IN_PLACE, LAYER},
    {"InstanceNormalization", s_check, s_prepare, s_run, OP_IN_PLACE, INSTANCE},
    {"GroupNormalization", s_check, s_prepare, s_run, OP_IN_PLACE, GROUP},
    {0},
};
