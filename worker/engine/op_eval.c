/* Whatever no kernel fits: common/model/eval, sample after sample. */
#include "common/mem.h"
#include "common/model/eval.h"
#include "worker/engine/op.h"

/* state: an argument for each input, then for each output. */
typedef struct arguments {
    array_t **pointers; /* to the arrays, or NULL where one is absent */
    array_t arrays[];
} arguments_t;

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    for (int i = 0; i < step->inputs_count + step->outputs_count; i++) {
        const operand_t *operand = i < step->inputs_count
                                       ? step->inputs[i]
                                       : step->outputs[i - step->inputs_count];
        if (operand && dtype_size(operand->dtype) == 0)
            return step_refuse(build, step, fault, "unknown element type");
    }
    return 0;
}

static graph_t *
s_keep(const node_t *node, fault_t *fault)
{
    int none[GRAPH_NODE_INPUTS_MAX];
    for (int i = 0; i < GRAPH_NODE_INPUTS_MAX; i++)
        none[i] = GRAPH_NONE;
    graph_t *keeper = graph_new("kept", fault);
    if (!keeper)
        return NULL;
    int copy =
        graph_add_node(keeper, node->op, node->name, none, node->inputs_count,
                       none, node->outputs_count, fault);
    if (copy < 0 || graph_copy_attributes(keeper, copy, node, fault) != 0)
        graph_destroy(&keeper);
    return keeper;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    size_t count = (size_t)(step->inputs_count + step->outputs_count);
    size_t each = sizeof(array_t) + sizeof(array_t *);
    arguments_t *arguments = step->state =
        mem_new(1, sizeof *arguments + count * each, fault);
    step->kept = s_keep(step_node(build, step), fault);
    step->way = "plain loops";
    if (!arguments || !step->kept)
        return -1;
    arguments->pointers = (array_t **)(void *)(arguments->arrays + count);
    for (int i = 0; i < step->inputs_count; i++)
        if (step->inputs[i] && operand_load(build, step->inputs[i], fault))
            return -1;
    return 0;
}

static void
s_point(arguments_t *self, int place, const operand_t *operand, size_t sample)
{
    self->pointers[place] = operand ? &self->arrays[place] : NULL;
    if (operand)
        self->arrays[place] = (array_t){operand->dtype, operand->shape,
                                        operand_row(operand, sample)};
}

static void
s_run(const step_t *step, const run_t *run)
{
    arguments_t *arguments = step->state;
    size_t samples = step_samples(step, run);
    for (size_t s = 0; s < samples && run_advance(run); s++) {
        for (int i = 0; i < step->inputs_count; i++)
            s_point(arguments, i, step->inputs[i], s);
        for (int i = 0; i < step->outputs_count; i++)
            s_point(arguments, step->inputs_count + i, step->outputs[i], s);
        if (eval_run(&step->kept->nodes[0],
                     (const array_t *const *)arguments->pointers,
                     arguments->pointers + step->inputs_count, run->fault) != 0)
            run_fail(run);
    }
}

const op_t *
op_eval(void)
{
    static const op_t row = {.name = "",
                             .check = s_check,
                             .prepare = s_prepare,
                             .run = s_run,
                             .flags = OP_ANY_DTYPE};
    return &row;
}
