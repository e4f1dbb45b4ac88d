/* Operators that rename or convert elements: views, Cast. */
#include "common/model/eval_numbers.h"
#include "worker/engine/op_rows.h"

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
    if (numbers_are_whole(step->inputs[0]->dtype) &&
        numbers_are_whole(step->outputs[0]->dtype))
        return step_refuse(build, step, fault, "integers wrap around");
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
    size_t samples = step_samples(step, run);
    for (size_t s = 0; s < samples && run_advance(run); s++)
        tensor_convert(out->dtype, operand_row(out, s), in->dtype,
                       operand_row(in, s), in->elements);
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
    {"Cast", s_check_cast, s_prepare_cast, s_run_cast, OP_ANY_DTYPE, 0},
    {0},
};
