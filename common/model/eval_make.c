/* Operators that make numbers out of types: Shape, Size. */
#include "common/model/eval_ops.h"

/* Of all its axes from `start` on; how many, the output's shape says. */
static int
s_shape(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0);
    int64_t *dims = self->outputs[0]->data;
    int64_t start = node_int(self->node, "start", 0);
    start = start < 0 ? start + x->shape.rank : start;
    start = start < 0 ? 0 : start;
    for (int64_t i = 0; i < self->outputs[0]->shape.dims[0]; i++)
        dims[i] = x->shape.dims[start + i];
    return 0;
}

static int
s_size(const evaluation_t *self)
{
    *(int64_t *)self->outputs[0]->data =
        shape_elements(&eval_input(self, 0)->shape);
    return 0;
}

const eval_row_t eval_rows_make[] = {
    {"Shape", s_shape, true, NULL},
    {"Size", s_size, true, NULL},
    {0},
};
