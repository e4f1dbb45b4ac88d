/* Functions of two tensors with broadcasting, and of more, one after the
 * other. */
#include "worker/kernel/binary.h"

#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"

enum { FLOATS_A_TASK = 16384 };
enum { MEAN = BINARIES }; /* a sum, divided at the end */
enum { ELEMENTWISE = OP_IN_PLACE | OP_ACTIVATES };

typedef struct loop {
    const step_t *step;
    const run_t *run;
    size_t slices;       /* of the outermost axis in a task */
    size_t slice_floats; /* of the output */
    size_t tasks_a_sample;
} loop_t;

static int
s_check_floats(const build_t *build, const step_t *step, fault_t *fault)
{
    for (int i = 0; i < step->inputs_count; i++)
        if (!step->inputs[i] || step->inputs[i]->dtype != DTYPE_FLOAT32)
            return step_refuse(build, step, fault,
                               "its operands are not all float32");
    return 0;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    if (step->inputs_count != 2)
        return step_refuse(build, step, fault, "it has not two operands");
    return s_check_floats(build, step, fault);
}

static int
s_check_many(const build_t *build, const step_t *step, fault_t *fault)
{
    if (step->inputs_count < 2)
        return step_refuse(build, step, fault, "it has a single operand");
    return s_check_floats(build, step, fault);
}

/* An operand's steps along the output's axes of more than one element; 0 where
 * it is repeated. */
static void
s_strides(const shape_t *shape, const shape_t *out, size_t *strides, int rank)
{
    size_t step = 1;
    for (int i = out->rank - 1; i >= 0; i--) {
        int axis = i - (out->rank - shape->rank);
        int64_t dim = axis >= 0 ? shape->dims[axis] : 1;
        if (out->dims[i] != 1)
            strides[--rank] = dim == 1 ? 0 : step;
        step *= (size_t)dim;
    }
}

static void
s_init_shape(binary_shape_t *shape, const shape_t *out, const shape_t *a,
             const shape_t *b)
{
    shape->rank = 0;
    for (int i = 0; i < out->rank; i++)
        if (out->dims[i] != 1)
            shape->dims[shape->rank++] = (size_t)out->dims[i];
    s_strides(a, out, shape->a_strides, shape->rank);
    s_strides(b, out, shape->b_strides, shape->rank);
}

/* state: a shape for each operand but the first. */
static int
s_prepare_many(const build_t *build, step_t *step, fault_t *fault)
{
    const shape_t *out = &step->outputs[0]->shape;
    int count = step->inputs_count;
    binary_shape_t *shapes = step->state =
        mem_new((size_t)count - 1, sizeof *shapes, fault);
    if (!shapes)
        return -1;
    for (int i = 1; i < count; i++)
        s_init_shape(&shapes[i - 1], out,
                     i == 1 ? &step->inputs[0]->shape : out,
                     &step->inputs[i]->shape);
    for (int i = 0; i < count; i++)
        if (operand_load(build, step->inputs[i], fault) != 0)
            return -1;
    return 0;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    if (s_prepare_many(build, step, fault) != 0)
        return -1;
    kernels()->binary_simplify(step->state);
    return 0;
}

/* The same slices of the outermost axis of every operand. */
static void
s_slice(const loop_t *loop, size_t first, binary_shape_t *shape)
{
    if (shape->rank > 0) {
        shape->dims[0] -= first;
        if (shape->dims[0] > loop->slices)
            shape->dims[0] = loop->slices;
    }
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
    s_slice(loop, first, &shape);
    float *y =
        operand_row(step->outputs[0], sample) + first * loop->slice_floats;
    kernels()->binary(
        (binary_kind_t)step->op->detail, &shape, y,
        operand_row(step->inputs[0], sample) + first * shape.a_strides[0],
        operand_row(step->inputs[1], sample) + first * shape.b_strides[0]);
    if (step->activation.kind != ACTIVATION_NONE)
        kernels()->activate(&step->activation, y, y,
                            (shape.rank > 0 ? shape.dims[0] : 1) *
                                loop->slice_floats);
}

static void
s_task_many(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const binary_shape_t *shapes = step->state;
    bool mean = step->op->detail == MEAN;
    binary_kind_t kind = mean ? BINARY_ADD : (binary_kind_t)step->op->detail;
    (void)thread;
    if (!run_advance(loop->run))
        return;

    size_t sample = task / loop->tasks_a_sample;
    size_t first = task % loop->tasks_a_sample * loop->slices;
    float *y = operand_row(step->outputs[0], sample);
    float *from = y + first * loop->slice_floats;
    float count = (float)step->inputs_count;
    for (int i = 1; i < step->inputs_count; i++) {
        const float *a = i == 1 ? operand_row(step->inputs[0], sample) : y;
        const float *b = operand_row(step->inputs[i], sample);
        binary_shape_t shape = shapes[i - 1];
        s_slice(loop, first, &shape);
        a += first * shape.a_strides[0];
        b += first * shape.b_strides[0];
        kernels()->binary_simplify(&shape);
        kernels()->binary(kind, &shape, from, a, b);
    }
    const binary_shape_t *slice = &shapes[0];
    size_t left = slice->rank > 0 ? slice->dims[0] - first : 1;
    size_t floats =
        (left < loop->slices ? left : loop->slices) * loop->slice_floats;
    const binary_shape_t flat = {1, {floats}, {1}, {0}};
    if (mean)
        kernels()->binary(BINARY_DIV, &flat, from, from, &count);
}

static void
s_run_tasks(const step_t *step, const run_t *run, task_fn *task)
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
    threads_run(run->threads, task, &loop,
                step_samples(step, run) * loop.tasks_a_sample);
}

static void
s_run(const step_t *step, const run_t *run)
{
    s_run_tasks(step, run, s_task);
}

static void
s_run_many(const step_t *step, const run_t *run)
{
    s_run_tasks(step, run, s_task_many);
}

/* Two operands come first: they can be worked on in place, while with three
 * the output must not lie on the last one. */
const op_t op_rows_binary[] = {
    {"Add", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_ADD},
    {"Sub", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_SUB},
    {"Mul", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_MUL},
    {"Div", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_DIV},
    {"Max", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_MAX},
    {"Min", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_MIN},
    {"Pow", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_POW},
    {"PRelu", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_PRELU},
    {"Sum", s_check, s_prepare, s_run, ELEMENTWISE, BINARY_ADD},
    {"Max", s_check_many, s_prepare_many, s_run_many, 0, BINARY_MAX},
    {"Min", s_check_many, s_prepare_many, s_run_many, 0, BINARY_MIN},
    {"Sum", s_check_many, s_prepare_many, s_run_many, 0, BINARY_ADD},
    {"Mean", s_check_many, s_prepare_many, s_run_many, 0, MEAN},
    {0},
};
