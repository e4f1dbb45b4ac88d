/* The table of operators that are computed by plain loops. */
#include "common/model/eval.h"

#include <assert.h>
#include <string.h>

#include "common/model/eval_ops.h"

static const eval_row_t *const families[] = {
    eval_rows_make,   eval_rows_move,  eval_rows_select,   eval_rows_pad,
    eval_rows_resize, eval_rows_items, eval_rows_activate, eval_rows_math,
    eval_rows_reduce, eval_rows_norm,  eval_rows_window,
};

static const eval_row_t *
s_row(const char *op)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++)
        for (const eval_row_t *row = families[f]; row->op; row++)
            if (strcmp(row->op, op) == 0)
                return row;
    return NULL;
}

bool
eval_knows(const char *op)
{
    return s_row(op) != NULL;
}

bool
eval_needs_types_only(const char *op)
{
    const eval_row_t *row = s_row(op);
    return row && row->types_only;
}

int
eval_run(const node_t *node, const array_t *const *inputs,
         array_t *const *outputs, fault_t *fault)
{
    const eval_row_t *row = s_row(node->op);
    const evaluation_t evaluation = {node, inputs, outputs, row->detail, fault};
    return row->run(&evaluation);
}

const array_t *
eval_input(const evaluation_t *self, int index)
{
    return index < self->node->inputs_count ? self->inputs[index] : NULL;
}

int
eval_fault(const evaluation_t *self, const char *sentence)
{
    return node_fault(self->node, self->fault, "%s", sentence);
}

int64_t
eval_int(const array_t *list, int64_t index)
{
    if (list->dtype == DTYPE_INT64)
        return ((const int64_t *)list->data)[index];
    assert(list->dtype == DTYPE_INT32);
    return ((const int32_t *)list->data)[index];
}

int
eval_ints(const array_t *list, int64_t *values, int max)
{
    int64_t count = shape_elements(&list->shape);
    assert(count <= max);
    for (int64_t i = 0; i < count; i++)
        values[i] = eval_int(list, i);
    return (int)count;
}
