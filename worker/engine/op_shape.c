/* Operators that move or rename elements: views, Concat, Transpose, Cast. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/layout.h"

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

/* --- views: the plan lets the output be the input --------------------------
 */

static int
s_check_view(const build_t *build, const step_t *step, fault_t *fault)
{
    const operand_t *in = step->inputs[0], *out = step->outputs[0];
    if (step->outputs_count > 1 && step->outputs[1])
        return step_refuse(build, step, fault,
                           "only its first output is supported");
    if (in->bytes != out->bytes || in->batched != out->batched)
        return step_refuse(build, step, fault,
                           "its output is not its input in another shape");
    return 0;
}

static int
s_prepare_view(const build_t *build, step_t *step, fault_t *fault)
{
    return operand_load(build, step->inputs[0], fault);
}

static void
s_run_view(const step_t *step, const run_t *run)
{
    (void)step;
    (void)run;
}

/* --- Concat -----------------------------------------------------------------
 */

static int
s_axis(const build_t *build, const step_t *step)
{
    int rank = step->outputs[0]->shape.rank;
    int64_t axis = node_int(step_node(build, step), "axis", 0);
    if (axis < -rank || axis >= rank)
        return -1;
    return (int)(axis < 0 ? axis + rank : axis);
}

static int
s_check_concat(const build_t *build, const step_t *step, fault_t *fault)
{
    int axis = s_axis(build, step);
    if (axis < 0 || (axis == 0 && step->batched))
        return step_refuse(build, step, fault, "its axis does not fit");
    return 0;
}

/* state: how many rows a sample of the output is made of. */
static int
s_prepare_concat(const build_t *build, step_t *step, fault_t *fault)
{
    size_t *rows = step->state = mem_new(1, sizeof *rows, fault);
    if (!rows)
        return -1;
    *rows = 1;
    for (int i = 0; i < s_axis(build, step); i++)
        *rows *= (size_t)step->outputs[0]->shape.dims[i];
    for (int i = 0; i < step->inputs_count; i++)
        if (operand_load(build, step->inputs[i], fault))
            return -1;
    return 0;
}

static void
s_task_concat(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    size_t rows = *(const size_t *)step->state;
    const operand_t *out = step->outputs[0];
    (void)thread;
    if (!run_advance(loop->run) || rows == 0)
        return;
    float *y = operand_row(out, task);
    for (int i = 0; i < step->inputs_count; i++) {
        size_t floats = step->inputs[i]->elements / rows;
        layout_rows(y, out->elements / rows, operand_row(step->inputs[i], task),
                    rows, floats);
        y += floats;
    }
}

static void
s_run_concat(const step_t *step, const run_t *run)
{
    loop_t loop = {step, run};
    threads_run(run->threads, s_task_concat, &loop, step_samples(step, run));
}

/* --- Transpose --------------------------------------------------------------
 */

typedef struct gather {
    int rank;
    size_t dims[LAYOUT_RANK_MAX];
    size_t strides[LAYOUT_RANK_MAX];
} gather_t;

static int
s_permutation(const build_t *build, const step_t *step, int *axes,
              fault_t *fault)
{
    int rank = step->inputs[0]->shape.rank;
    if (!node_attribute(step_node(build, step), "perm")) {
        for (int i = 0; i < rank; i++)
            axes[i] = rank - 1 - i;
        return 0;
    }
    return step_ints(build, step, "perm", rank, 0, 0, rank - 1, axes, fault);
}

static int
s_check_transpose(const build_t *build, const step_t *step, fault_t *fault)
{
    int axes[TENSOR_RANK_MAX] = {0};
    if (s_permutation(build, step, axes, fault))
        return -1;
    if (step->batched && axes[0] != 0)
        return step_refuse(build, step, fault, "it moves the batch axis");
    return 0;
}

static int
s_prepare_transpose(const build_t *build, step_t *step, fault_t *fault)
{
    gather_t *gather = step->state = mem_new(1, sizeof *gather, fault);
    int axes[TENSOR_RANK_MAX] = {0};
    if (!gather || s_permutation(build, step, axes, fault))
        return -1;

    const shape_t *in = &step->inputs[0]->shape;
    size_t strides[TENSOR_RANK_MAX] = {0}, floats = 1;
    for (int i = in->rank - 1; i >= 0; i--) {
        strides[i] = floats;
        floats *= (size_t)in->dims[i];
    }
    gather->rank = in->rank;
    for (int i = 0; i < in->rank; i++) {
        gather->dims[i] = (size_t)in->dims[axes[i]];
        gather->strides[i] = strides[axes[i]];
    }
    return operand_load(build, step->inputs[0], fault);
}

static void
s_task_transpose(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const gather_t *gather = loop->step->state;
    (void)thread;
    if (!run_advance(loop->run))
        return;
    layout_gather(operand_row(loop->step->outputs[0], task),
                  operand_row(loop->step->inputs[0], task), gather->rank,
                  gather->dims, gather->strides);
}

static void
s_run_transpose(const step_t *step, const run_t *run)
{
    loop_t loop = {step, run};
    threads_run(run->threads, s_task_transpose, &loop, step_samples(step, run));
}

/* --- Cast -------------------------------------------------------------------
 */

static int
s_check_cast(const build_t *build, const step_t *step, fault_t *fault)
{
    if (step->inputs[0]->constant)
        return step_refuse(build, step, fault,
                           "casting a constant is not supported");
    if (dtype_size(step->inputs[0]->dtype) == 0 ||
        dtype_size(step->outputs[0]->dtype) == 0)
        return step_refuse(build, step, fault, "unknown element type");
    return 0;
}

static int
s_prepare_cast(const build_t *build, step_t *step, fault_t *fault)
{
    (void)build;
    (void)step;
    (void)fault;
    return 0;
}

static void
s_run_cast(const step_t *step, const run_t *run)
{
    const operand_t *in = step->inputs[0], *out = step->outputs[0];
    run_advance(run);
    tensor_convert(out->dtype, out->data, in->dtype, in->data,
                   step_samples(step, run) * in->elements);
}

#define VIEW(name)                                                             \
    {                                                                          \
        name, s_check_view, s_prepare_view, s_run_view,                        \
            OP_VIEW | OP_ANY_DTYPE, 0                                          \
    }

const op_t op_rows_shape[] = {
    VIEW("Identity"),
    VIEW("Dropout"),
    VIEW("Flatten"),
    VIEW("Reshape"),
    VIEW("Squeeze"),
    VIEW("Unsqueeze"),
    {"Concat", s_check_concat, s_prepare_concat, s_run_concat, 0, 0},
    {"Transpose", s_check_transpose, s_prepare_transpose, s_run_transpose, 0,
     0},
    {"Cast", s_check_cast, s_prepare_cast, s_run_cast, OP_ANY_DTYPE, 0},
    {0},
};
