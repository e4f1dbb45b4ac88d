/* Pooling operators. */
#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/engine/op_window.h"
#include "worker/kernel/pool.h"

enum { FLOATS_A_TASK = 16384 }; /* of the input; waking a thread costs, too */
enum { POOL_MAX, POOL_AVERAGE, POOL_MEAN, POOL_LARGEST };

typedef struct pooling {
    pool_t pool; /* not of global pools */
    bool count_padding;
    size_t planes;                /* of a sample */
    size_t in_floats, out_floats; /* of a plane */
} pooling_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
    size_t planes; /* of a task */
    size_t tasks_a_sample;
} loop_t;

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    window_t window;
    if (step->outputs_count > 1 && step->outputs[1])
        return step_refuse(build, step, fault,
                           "the output Indices is not supported");
    return op_window(build, step, NULL, &window, fault);
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    window_t window;
    pooling_t *pooling = step->state = mem_new(1, sizeof *pooling, fault);
    if (!pooling || op_window(build, step, NULL, &window, fault))
        return -1;
    kernels()->pool_init(&pooling->pool, &window);
    step->scratch_floats = kernels()->pool_scratch_floats(&pooling->pool);
    const shape_t *in = &step->inputs[0]->shape;
    pooling->planes = (size_t)in->dims[0] * (size_t)in->dims[1];
    pooling->in_floats = (size_t)window.height * (size_t)window.width;
    pooling->out_floats = (size_t)window.out_height * (size_t)window.out_width;
    pooling->count_padding =
        node_int(step_node(build, step), "count_include_pad", 0) != 0;
    return 0;
}

static int
s_check_global(const build_t *build, const step_t *step, fault_t *fault)
{
    if (step->inputs[0]->shape.rank < 3)
        return step_refuse(build, step, fault, "the input has no planes");
    return 0;
}

static int
s_prepare_global(const build_t *build, step_t *step, fault_t *fault)
{
    (void)build;
    pooling_t *pooling = step->state = mem_new(1, sizeof *pooling, fault);
    if (!pooling)
        return -1;
    const shape_t *in = &step->inputs[0]->shape;
    pooling->planes = (size_t)in->dims[0] * (size_t)in->dims[1];
    pooling->in_floats =
        step->inputs[0]->elements / (pooling->planes ? pooling->planes : 1);
    pooling->out_floats = 1;
    return 0;
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const pooling_t *pooling = step->state;
    if (!run_advance(loop->run))
        return;

    float *scratch =
        loop->run->scratch + (size_t)thread * loop->run->scratch_stride;
    size_t sample = task / loop->tasks_a_sample;
    size_t plane = task % loop->tasks_a_sample * loop->planes;
    size_t planes = pooling->planes - plane < loop->planes
                        ? pooling->planes - plane
                        : loop->planes;
    const float *x =
        operand_row(step->inputs[0], sample) + plane * pooling->in_floats;
    float *y =
        operand_row(step->outputs[0], sample) + plane * pooling->out_floats;
    switch (step->op->detail) {
    case POOL_MAX:
        kernels()->pool_max(&pooling->pool, y, x, planes, scratch);
        break;
    case POOL_AVERAGE:
        kernels()->pool_average(&pooling->pool, pooling->count_padding, y, x,
                                planes, scratch);
        break;
    case POOL_MEAN:
        kernels()->pool_mean(y, x, planes, pooling->in_floats);
        break;
    default:
        kernels()->pool_largest(y, x, planes, pooling->in_floats);
    }
}

static void
s_run(const step_t *step, const run_t *run)
{
    const pooling_t *pooling = step->state;
    loop_t loop = {.step = step, .run = run, .planes = 1};
    if (pooling->in_floats > 0 && pooling->in_floats < FLOATS_A_TASK)
        loop.planes = FLOATS_A_TASK / pooling->in_floats;
    loop.tasks_a_sample = (pooling->planes + loop.planes - 1) / loop.planes;
    threads_run(run->threads, s_task, &loop,
                step_samples(step, run) * loop.tasks_a_sample);
}

const op_t op_rows_pool[] = {
    {"MaxPool", s_check, s_prepare, s_run, 0, POOL_MAX},
    {"AveragePool", s_check, s_prepare, s_run, 0, POOL_AVERAGE},
    {"GlobalAveragePool", s_check_global, s_prepare_global, s_run, 0,
     POOL_MEAN},
    {"GlobalMaxPool", s_check_global, s_prepare_global, s_run, 0, POOL_LARGEST},
    {0},
};
