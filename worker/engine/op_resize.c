/* Resize of float32 along the last two axes: rows first, then along the row.
 * Others are left to op_eval. */
#include "common/mem.h"
#include "common/model/resizing.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/resize.h"

enum { FLOATS_A_TASK = 16384 };

/* One axis: for each index of the output `taps` places and weights. */
typedef struct axis {
    size_t from, count; /* elements of the input's and the output's axis */
    int taps;
    size_t *at;
    float *weights;
} axis_t;

/* step->state, with the places and weights behind it. */
typedef struct resize {
    axis_t tall, wide;
    size_t share, tasks; /* rows of a task, tasks of a sample */
    size_t rows;         /* of all planes of a sample */
} resize_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

/* The elements of input `index` as `dtype`; how many, 0 where it is absent, -1
 * with a fault. */
static int
s_read_list(const build_t *build, const step_t *step, int index, dtype_t dtype,
            void *to, fault_t *fault)
{
    const operand_t *list =
        index < step->inputs_count ? step->inputs[index] : NULL;
    if (!list || list->elements == 0)
        return 0;
    if (!list->constant || list->elements > 2 * TENSOR_RANK_MAX)
        return step_refuse(build, step, fault, "its sizes are not constant");
    if (operand_read(build, list, 0, list->elements, dtype, to, fault) != 0)
        return -1;
    return (int)list->elements;
}

static int
s_find(const build_t *build, const step_t *step, resizing_t *resizing,
       fault_t *fault)
{
    float scales[2 * TENSOR_RANK_MAX];
    int64_t sizes[2 * TENSOR_RANK_MAX];
    const shape_t *shape = &step->inputs[0]->shape;
    resizing_lists_t lists = {
        .scales_count =
            s_read_list(build, step, 2, DTYPE_FLOAT32, scales, fault),
        .sizes_count = s_read_list(build, step, 3, DTYPE_INT64, sizes, fault),
    };
    if (lists.scales_count < 0 || lists.sizes_count < 0)
        return -1;
    lists.scales = lists.scales_count ? scales : NULL;
    lists.sizes = lists.sizes_count ? sizes : NULL;
    const char *why =
        resizing_resolve(resizing, step_node(build, step), shape, &lists);
    if (why)
        return step_refuse(build, step, fault, why);
    if (shape->rank < 2)
        return step_refuse(build, step, fault, "it resizes no planes");
    for (int i = 0; i < shape->rank - 2; i++)
        if (!resizing_is_still(resizing, i))
            return step_refuse(build, step, fault,
                               "it resizes more than planes");
    return 0;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    resizing_t resizing;
    return s_find(build, step, &resizing, fault);
}

static void
s_fill_axis(axis_t *self, const resizing_t *resizing, int axis)
{
    for (size_t i = 0; i < self->count; i++) {
        taps_t taps = resizing_taps(resizing, axis, (int64_t)i);
        for (int t = 0; t < self->taps; t++) {
            self->at[i * (size_t)self->taps + (size_t)t] = (size_t)taps.at[t];
            self->weights[i * (size_t)self->taps + (size_t)t] =
                (float)taps.weights[t];
        }
    }
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    resizing_t found;
    if (s_find(build, step, &found, fault) != 0)
        return -1;
    int last = found.shape.rank - 1;
    axis_t axes[2];
    size_t places = 0;
    for (int i = 0; i < 2; i++) {
        int axis = last - 1 + i;
        axes[i] =
            (axis_t){.from = (size_t)found.from.dims[axis],
                     .count = (size_t)found.shape.dims[axis],
                     .taps = resizing_is_still(&found, axis) ? 1 : found.taps};
        places += axes[i].count * (size_t)axes[i].taps;
    }
    resize_t *state = step->state = mem_new(
        1, sizeof *state + places * (sizeof(size_t) + sizeof(float)), fault);
    if (!state)
        return -1;
    size_t *at = (size_t *)(void *)(state + 1);
    float *weights = (float *)(void *)(at + places);
    for (int i = 0; i < 2; i++) {
        axes[i].at = at;
        axes[i].weights = weights;
        s_fill_axis(&axes[i], &found, last - 1 + i);
        at += axes[i].count * (size_t)axes[i].taps;
        weights += axes[i].count * (size_t)axes[i].taps;
    }
    state->tall = axes[0];
    state->wide = axes[1];
    state->rows =
        axes[1].count ? step->outputs[0]->elements / axes[1].count : 0;
    state->share = axes[1].count ? FLOATS_A_TASK / axes[1].count : 0;
    state->share = state->share ? state->share : 1;
    state->tasks = (state->rows + state->share - 1) / state->share;
    step->scratch_floats = axes[0].taps > 1 ? axes[1].from : 0;
    return 0;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const resize_t *state = step->state;
    const axis_t *tall = &state->tall, *wide = &state->wide;
    size_t sample = task / state->tasks;
    if (!run_advance(loop->run))
        return;

    const float *x = operand_row(step->inputs[0], sample);
    float *y = operand_row(step->outputs[0], sample);
    float *scratch =
        loop->run->scratch + (size_t)thread * loop->run->scratch_stride;
    size_t row = task % state->tasks * state->share, end = row + state->share;
    for (; row < end && row < state->rows; row++) {
        const float *plane = x + row / tall->count * tall->from * wide->from;
        size_t first = row % tall->count * (size_t)tall->taps;
        const float *source = plane + tall->at[first] * wide->from;
        if (tall->taps > 1) {
            kernels()->resize_rows(scratch, plane, wide->from, tall->taps,
                                   tall->at + first, tall->weights + first);
            source = scratch;
        }
        kernels()->resize_columns(y + row * wide->count, source, wide->count,
                                  wide->taps, wide->at, wide->weights);
    }
}

static void
s_run(const step_t *step, const run_t *run)
{
    const resize_t *state = step->state;
    loop_t loop = {step, run};
    threads_run(run->threads, s_task, &loop,
                step_samples(step, run) * state->tasks);
}

const op_t op_rows_resize[] = {
    {"Resize", s_check, s_prepare, s_run, 0, 0},
    {0},
};
