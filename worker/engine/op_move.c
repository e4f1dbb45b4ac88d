/* Operators that put elements elsewhere, along the walks of common/model/moves:
 * Transpose, Slice, Split, Gather of one index, Expand, Tile, DepthToSpace,
 * SpaceToDepth; and Concat.
 *
 * A walk is done plane by plane. A plane has the walk's last axis as columns
 * and one other axis as rows: the one along which the input is contiguous
 * where the columns are not (a transpose), else the last but one. A line is a
 * row of a plane; tasks share the lines.
 */
#include "worker/engine/op_move.h"

#include <assert.h>

#include "common/mem.h"
#include "common/model/moves.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/layout.h"

enum {
    ELEMENTS_A_TASK = 16384,
    LINES_MIN = 16, /* of a transpose, which is done in blocks */
    INPUTS_MAX = 5, /* Slice has most, of those that follow a walk */
};

/* One output. Strides in elements, of the output (to) and input (from). */
typedef struct move {
    int outer; /* axes in front of the planes */
    size_t dims[WALK_RANK_MAX];
    ptrdiff_t to[WALK_RANK_MAX], from[WALK_RANK_MAX];
    ptrdiff_t start; /* in the input */
    size_t rows, columns;
    ptrdiff_t to_row, from_row, from_column;
    size_t lines, share; /* in all, of a task */
    size_t tasks;
} move_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
    int slot;
} loop_t;

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    for (int i = 1; i < step->inputs_count; i++)
        if (step->inputs[i] && !step->inputs[i]->constant)
            return step_refuse(build, step, fault,
                               "where it moves to is not constant");
    return 0;
}

/* An index out of range is left to a run, which tells of it. */
static int
s_check_gather(const build_t *build, const step_t *step, fault_t *fault)
{
    const shape_t *from = &step->inputs[0]->shape;
    const operand_t *indices = step->inputs[1];
    int64_t axis = node_int(step_node(build, step), "axis", 0), index;
    if (s_check(build, step, fault) != 0)
        return -1;
    if (indices->elements != 1)
        return step_refuse(build, step, fault, "it has not one index");
    if (operand_read(build, indices, 0, 1, DTYPE_INT64, &index, fault) != 0)
        return -1;
    int64_t dim = from->dims[axis < 0 ? axis + from->rank : axis];
    if (index < -dim || index >= dim)
        return step_refuse(build, step, fault, "its index is out of range");
    return 0;
}

static int
s_choose_rows(const walk_t *walk)
{
    const int64_t *strides = walk->strides[0];
    int rows = walk->last - 1;
    for (int i = 0; i < walk->last && strides[walk->last] != 1; i++)
        if (strides[i] == 1)
            rows = i;
    return rows;
}

static void
s_lay_out(move_t *self, const walk_t *walk)
{
    int rows = s_choose_rows(walk);
    ptrdiff_t to = 1;
    *self = (move_t){.start = walk->at[0], .rows = 1, .lines = 1};
    for (int i = walk->last; i >= 0; i--) {
        size_t dim = (size_t)walk->dims[i];
        ptrdiff_t from = walk->strides[0][i];
        if (i == walk->last) {
            self->columns = dim;
            self->from_column = from;
        } else if (i == rows) {
            self->rows = dim;
            self->to_row = to;
            self->from_row = from;
        } else {
            self->dims[self->outer] = dim;
            self->to[self->outer] = to;
            self->from[self->outer++] = from;
        }
        to *= (ptrdiff_t)dim;
        self->lines *= i < walk->last ? dim : 1;
    }
    self->lines = self->columns ? self->lines : 0;
    size_t least = self->from_column == 1 ? 1 : LINES_MIN;
    self->share = self->columns ? ELEMENTS_A_TASK / self->columns : 0;
    self->share = self->share > least ? self->share : least;
    self->tasks = (self->lines + self->share - 1) / self->share;
}

/* The walk of one output; loads the constants that say where it goes. */
static int
s_find_walk(const build_t *build, const step_t *step, int slot, walk_t *walk,
            fault_t *fault)
{
    array_t arrays[INPUTS_MAX];
    const array_t *inputs[INPUTS_MAX] = {NULL};
    assert(step->inputs_count <= INPUTS_MAX);
    for (int i = 0; i < step->inputs_count; i++) {
        operand_t *operand = step->inputs[i];
        if (!operand)
            continue;
        if (i > 0 && operand_load(build, operand, fault) != 0)
            return -1;
        arrays[i] = (array_t){operand->dtype, operand->shape, operand->data};
        inputs[i] = &arrays[i];
    }
    const char *why = moves_find(step_node(build, step), inputs, slot,
                                 &step->outputs[slot]->shape, walk);
    if (why)
        return step_refuse(build, step, fault, why);
    walk_simplify(walk);
    return 0;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    move_t *moves = step->state =
        mem_new((size_t)step->outputs_count, sizeof *moves, fault);
    if (!moves || operand_load(build, step->inputs[0], fault) != 0)
        return -1;
    for (int i = 0; i < step->outputs_count; i++) {
        walk_t walk;
        if (!step->outputs[i])
            continue;
        if (s_find_walk(build, step, i, &walk, fault) != 0)
            return -1;
        s_lay_out(&moves[i], &walk);
    }
    return 0;
}

/* Lines of one plane, from `row` on; place: the plane's index. */
static void
s_move_plane(const move_t *self, char *y, const char *x, size_t size,
             size_t place, size_t row, size_t rows)
{
    ptrdiff_t to = (ptrdiff_t)row * self->to_row;
    ptrdiff_t from = self->start + (ptrdiff_t)row * self->from_row;
    for (int i = 0; i < self->outer; i++) {
        ptrdiff_t index = (ptrdiff_t)(place % self->dims[i]);
        to += index * self->to[i];
        from += index * self->from[i];
        place /= self->dims[i];
    }
    kernels()->layout_plane(
        y + to * (ptrdiff_t)size, x + from * (ptrdiff_t)size, size, rows,
        self->columns, self->to_row, self->from_row, self->from_column);
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const move_t *move = (const move_t *)step->state + loop->slot;
    const operand_t *out = step->outputs[loop->slot];
    size_t sample = task / move->tasks, size = dtype_size(out->dtype);
    (void)thread;
    if (!run_advance(loop->run))
        return;

    char *y = (char *)operand_row(out, sample);
    const char *x = (const char *)operand_row(step->inputs[0], sample);
    size_t line = task % move->tasks * move->share;
    size_t end = line + move->share;
    end = end < move->lines ? end : move->lines;
    while (line < end) {
        size_t row = line % move->rows, rows = move->rows - row;
        rows = rows < end - line ? rows : end - line;
        s_move_plane(move, y, x, size, line / move->rows, row, rows);
        line += rows;
    }
}

/* Whether an output is a piece of the input, where nothing has to be moved. */
static bool
s_is_there(const step_t *step, const move_t *move, const operand_t *out)
{
    ptrdiff_t size = (ptrdiff_t)dtype_size(out->dtype);
    return (const char *)out->data ==
           (const char *)step->inputs[0]->data + move->start * size;
}

static void
s_run(const step_t *step, const run_t *run)
{
    const move_t *moves = step->state;
    for (int i = 0; i < step->outputs_count; i++) {
        loop_t loop = {step, run, i};
        if (step->outputs[i] && !s_is_there(step, &moves[i], step->outputs[i]))
            threads_run(run->threads, s_task, &loop,
                        step_samples(step, run) * moves[i].tasks);
    }
}

/* --- Concat ---------------------------------------------------------------
 */

static int
s_check_concat(const build_t *build, const step_t *step, fault_t *fault)
{
    (void)build;
    (void)step;
    (void)fault;
    return 0;
}

/* How many rows a sample of the output is made of. */
static size_t
s_concat_rows(const build_t *build, const step_t *step)
{
    const shape_t *shape = &step->outputs[0]->shape;
    int64_t axis = node_int(step_node(build, step), "axis", 0);
    size_t rows = 1;
    axis = axis < 0 ? axis + shape->rank : axis;
    for (int i = 0; i < axis; i++)
        rows *= (size_t)shape->dims[i];
    return rows;
}

/* state: the rows. */
static int
s_prepare_concat(const build_t *build, step_t *step, fault_t *fault)
{
    size_t *rows = step->state = mem_new(1, sizeof *rows, fault);
    if (!rows)
        return -1;
    *rows = s_concat_rows(build, step);
    for (int i = 0; i < step->inputs_count; i++)
        if (operand_load(build, step->inputs[i], fault))
            return -1;
    return 0;
}

/* One input of a sample, unless whoever made it put it there. */
static void
s_task_concat(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    size_t rows = *(const size_t *)step->state, before = 0;
    size_t inputs = (size_t)step->inputs_count;
    size_t sample = task / inputs, input = task % inputs;
    const operand_t *in = step->inputs[input], *out = step->outputs[0];
    size_t size = dtype_size(out->dtype), columns = in->elements / rows;
    (void)thread;
    if (!run_advance(loop->run) || in->elements == 0)
        return;
    for (size_t i = 0; i < input; i++)
        before += step->inputs[i]->elements / rows;
    char *y = (char *)operand_row(out, sample) + before * size;
    const char *x = (const char *)operand_row(in, sample);
    if (x != y)
        kernels()->layout_plane(y, x, size, rows, columns,
                                (ptrdiff_t)(out->elements / rows),
                                (ptrdiff_t)columns, 1);
}

static void
s_run_concat(const step_t *step, const run_t *run)
{
    loop_t loop = {step, run, 0};
    threads_run(run->threads, s_task_concat, &loop,
                step_samples(step, run) * (size_t)step->inputs_count);
}

/* --- what need not move ------------------------------------------------------
 */

bool
op_move_joins(const build_t *build, const step_t *step, int slot,
              size_t *offset)
{
    if (step->op->run != s_run_concat || s_concat_rows(build, step) != 1)
        return false;
    *offset = 0;
    for (int i = 0; i < slot; i++)
        *offset += step->inputs[i]->bytes;
    return true;
}

/* A failure will be told when the step is prepared. */
bool
op_move_splits(const build_t *build, const step_t *step, int slot,
               size_t *offset)
{
    walk_t walk;
    fault_t fault = {0};
    const operand_t *out = step->outputs[slot];
    if (step->op->run != s_run || !out || out->elements == 0 ||
        s_find_walk(build, step, slot, &walk, &fault) != 0 || walk.last != 0 ||
        walk.strides[0][0] != 1)
        return false;
    *offset = (size_t)walk.at[0] * dtype_size(out->dtype);
    return true;
}

#define MOVE(name)                                                             \
    {                                                                          \
        name, s_check, s_prepare, s_run, OP_ANY_DTYPE, 0                       \
    }

const op_t op_rows_move[] = {
    MOVE("DepthToSpace"),
    MOVE("Expand"),
    MOVE("Slice"),
    MOVE("SpaceToDepth"),
    MOVE("Split"),
    MOVE("Tile"),
    MOVE("Transpose"),
    {"Gather", s_check_gather, s_prepare, s_run, OP_ANY_DTYPE, 0},
    {"Concat", s_check_concat, s_prepare_concat, s_run_concat, OP_ANY_DTYPE, 0},
    {0},
};
