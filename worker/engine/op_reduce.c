/* Reductions of float32 over neighbouring axes; others are left to op_eval. */
#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/reduce.h"

enum { FLOATS_A_TASK = 16384 };

/* A sample as [outer][count][inner], reduced over count. */
typedef struct reduction {
    size_t outer, count, inner;
    size_t share; /* of a task: rows where inner is 1, else columns */
    size_t tasks;
} reduction_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

static int
s_axes(const build_t *build, const step_t *step, unsigned *set, fault_t *fault)
{
    const operand_t *axes = step->inputs_count > 1 ? step->inputs[1] : NULL;
    int64_t values[TENSOR_RANK_MAX];
    int rank = step->inputs[0]->shape.rank;
    *set = 0;
    if (axes && (!axes->constant || axes->elements > TENSOR_RANK_MAX))
        return step_refuse(build, step, fault, "its axes are not constant");
    if (axes && operand_read(build, axes, 0, axes->elements, DTYPE_INT64,
                             values, fault) != 0)
        return -1;
    for (size_t i = 0; axes && i < axes->elements; i++)
        *set |= 1u << (values[i] < 0 ? values[i] + rank : values[i]);
    if (*set == 0 &&
        node_int(step_node(build, step), "noop_with_empty_axes", 0) == 0)
        *set = (1u << rank) - 1;
    return 0;
}

/* Axes of one element are neighbours of anything. */
static int
s_find(const build_t *build, const step_t *step, reduction_t *reduction,
       fault_t *fault)
{
    const shape_t *shape = &step->inputs[0]->shape;
    unsigned set;
    *reduction = (reduction_t){.outer = 1, .count = 1, .inner = 1};
    if (s_axes(build, step, &set, fault) != 0)
        return -1;
    for (int i = 0; i < shape->rank; i++) {
        size_t dim = (size_t)shape->dims[i];
        bool reduced = set >> i & 1;
        if (dim == 1)
            continue;
        if (reduced && reduction->inner > 1)
            return step_refuse(build, step, fault,
                               "its axes are not neighbours");
        if (reduced)
            reduction->count *= dim;
        else if (reduction->count > 1)
            reduction->inner *= dim;
        else
            reduction->outer *= dim;
    }
    if (set == 0 || step->inputs[0]->elements == 0)
        return step_refuse(build, step, fault, "there is nothing to reduce");
    return 0;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    reduction_t reduction;
    return s_find(build, step, &reduction, fault);
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    reduction_t *state = step->state = mem_new(1, sizeof *state, fault);
    if (!state || s_find(build, step, state, fault) != 0)
        return -1;
    size_t share = FLOATS_A_TASK / state->count;
    state->share = share > 0 ? share : 1;
    size_t shared = state->inner == 1 ? state->outer : state->inner;
    state->tasks = (shared + state->share - 1) / state->share *
                   (state->inner == 1 ? 1 : state->outer);
    return 0;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const reduction_t *state = step->state;
    reduce_kind_t kind = (reduce_kind_t)step->op->detail;
    (void)thread;
    if (!run_advance(loop->run))
        return;

    float *y = operand_row(step->outputs[0], task / state->tasks);
    const float *x = operand_row(step->inputs[0], task / state->tasks);
    task %= state->tasks;
    if (state->inner == 1) {
        size_t first = task * state->share, left = state->outer - first;
        kernels()->reduce_rows(kind, y + first, x + first * state->count,
                               left < state->share ? left : state->share,
                               state->count);
        return;
    }
    size_t tasks = state->tasks / state->outer;
    size_t first = task % tasks * state->share, left = state->inner - first;
    x += task / tasks * state->count * state->inner + first;
    y += task / tasks * state->inner + first;
    kernels()->reduce_columns(kind, y, x, state->count,
                              left < state->share ? left : state->share,
                              state->inner);
}

static void
s_run(const step_t *step, const run_t *run)
{
    const reduction_t *state = step->state;
    loop_t loop = {step, run};
    threads_run(run->threads, s_task, &loop,
                step_samples(step, run) * state->tasks);
}

const op_t op_rows_reduce[] = {
    {"ReduceSum", s_check, s_prepare, s_run, 0, REDUCE_SUM},
    {"ReduceMean", s_check, s_prepare, s_run, 0, REDUCE_MEAN},
    {"ReduceMax", s_check, s_prepare, s_run, 0, REDUCE_MAX},
    {"ReduceMin", s_check, s_prepare, s_run, 0, REDUCE_MIN},
    {"ReduceL2", s_check, s_prepare, s_run, 0, REDUCE_LENGTH},
    {0},
};
