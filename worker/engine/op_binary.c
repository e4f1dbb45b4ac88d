/* Functions of two tensors with broadcasting. */
#include "worker/kernel/binary.h"

#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/op_rows.h"

enum { FLOATS_A_TASK = 16384 };

typedef struct loop {
    const step_t *step;
    const run_t *run;
    size_t slices;       /* of the outermost axis in a task */
    size_t slice_floats; /* of the output */
    size_t tasks_a_sample;
} loop_t;

/* An operand's steps along the output's axes; 0 where it is repeated. */
static void
s_strides(const shape_t *shape, const shape_t *out, size_t *strides)
{
    size_t step = 1;
    for (int i = out->rank - 1; i >= 0; i--) {
        int axis = i - (out->rank - shape->rank);
        int64_t dim = axis >= 0 ? shape->dims[axis] : 1;
        strides[i] = dim == 1 ? 0 : step;
        step *= (size_t)dim;
    }
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    if (step->inputs_count != 2 || !step->inputs[0] || !step->inputs[1])
        return step_refuse(build, step, fault,
                           "only two operands are supported");
    for (int i = 0; i < 2; i++)
        if (step->inputs[i]->batched &&
            step->inputs[i]->shape.rank != step->outputs[0]->shape.rank)
            return step_refuse(build, step, fault,
                               "its operands have other batch axes");
    return 0;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    const shape_t *out = &step->outputs[0]->shape;
    binary_shape_t *shape = step->state = mem_new(1, sizeof *shape, fault);
    if (!shape)
        return -1;
    shape->rank = out->rank;
    for (int i = 0; i < out->rank; i++)
        shape->dims[i] = (size_t)out->dims[i];
    s_strides(&step->inputs[0]->shape, out, shape->a_strides);
    s_strides(&step->inputs[1]->shape, out, shape->b_strides);
    binary_simplify(shape);
    return operand_load(build, step->inputs[0], fault) ||
                   operand_load(build, step->inputs[1], fault)
               ? -1
               : 0;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    (void)thread;
    if (!run_advance(loop->run))
        return;

    size_t sample = task / loop->tasks_a_sample;
    size_t first = task % loop->tasks_a_sample * loop->slices;
    binary_shape_t shape = *(const binary_shape_t *)step->state;
    if (shape.rank > 0) {
        shape.dims[0] -= first;
        if (shape.dims[0] > loop->slices)
            shape.dims[0] = loop->slices;
    }
    binary((binary_kind_t)step->op->detail, &shape,
           operand_row(step->outputs[0], sample) + first * loop->slice_floats,
           operand_row(step->inputs[0], sample) + first * shape.a_strides[0],
           operand_row(step->inputs[1], sample) + first * shape.b_strides[0]);
}

static void
s_run(const step_t *step, const run_t *run)
{
    const binary_shape_t *shape = step->state;
    size_t slices = shape->rank > 0 ? shape->dims[0] : 1;
    if (slices == 0 || step->outputs[0]->elements == 0)
        return;
    loop_t loop = {.step = step, .run = run};
    loop.slice_floats = step->outputs[0]->elements / slices;
    loop.slices = FLOATS_A_TASK / loop.slice_floats;
    loop.slices = loop.slices > 0 ? loop.slices : 1;
    loop.tasks_a_sample = (slices + loop.slices - 1) / loop.slices;
    threads_run(run->threads, s_task, &loop,
                step_samples(step, run) * loop.tasks_a_sample);
}

const op_t op_rows_binary[] = {
    {"Add", s_check, s_prepare, s_run, OP_IN_PLACE, BINARY_ADD},
    {"Sub", s_check, s_prepare, s_run, OP_IN_PLACE, BINARY_SUB},
    {"Mul", s_check, s_prepare, s_run, OP_IN_PLACE, BINARY_MUL},
    {"Div", s_check, s_prepare, s_run, OP_IN_PLACE, BINARY_DIV},
    {"Max", s_check, s_prepare, s_run, OP_IN_PLACE, BINARY_MAX},
    {"Min", s_check, s_prepare, s_run, OP_IN_PLACE, BINARY_MIN},
    {0},
};
