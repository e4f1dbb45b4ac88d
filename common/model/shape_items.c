/* Shapes of what works element by element. */
#include "common/model/shape_ops.h"

int
shape_unary(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_dropout(const shaping_t *self)
{
    if (shaping_arity(self, 1, 3) != 0)
        return -1;
    if (self->node->outputs_count > 1 && self->node->outputs[1] != GRAPH_NONE)
        return shaping_fault(self, "its output of a mask is not supported");
    const value_type_t *x = shaping_input(self, 0);
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_binary(const shaping_t *self)
{
    char text[128], other[128];
    if (shaping_arity(self, 2, GRAPH_NODE_INPUTS_MAX) != 0)
        return -1;
    const value_type_t *first = shaping_input(self, 0);
    shape_t shape = first->shape;
    for (int i = 1; i < self->node->inputs_count; i++) {
        const value_type_t *next = shaping_input(self, i);
        shape_t sum;
        if (!next)
            return shaping_fault(self, "its input %d is missing", i);
        if (next->dtype != first->dtype)
            return shaping_fault(self, "%s and %s do not mix",
                                 dtype_name(first->dtype),
                                 dtype_name(next->dtype));
        if (!shape_broadcast(&shape, &next->shape, &sum))
            return shaping_fault(self, "shapes %s and %s do not fit",
                                 shape_text(&shape, text, sizeof text),
                                 shape_text(&next->shape, other, sizeof other));
        shape = sum;
    }
    return shaping_give(self, 0, first->dtype, &shape);
}

int
shape_clip(const shaping_t *self)
{
    if (shaping_arity(self, 1, 3) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    for (int i = 1; i < 3; i++) {
        const value_type_t *bound = shaping_input(self, i);
        if (bound &&
            (shape_elements(&bound->shape) != 1 || bound->dtype != x->dtype))
            return shaping_fault(self, "its bounds are not single numbers");
    }
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_prelu(const shaping_t *self)
{
    if (shaping_arity(self, 2, 2) != 0 || shaping_floats(self, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    shape_t sum;
    if (!shape_broadcast(&x->shape, &shaping_input(self, 1)->shape, &sum) ||
        !shape_equal(&sum, &x->shape))
        return shaping_fault(self, "its slope does not fit its input");
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_cast(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    int64_t to = node_int(self->node, "to", DTYPE_NONE);
    if (to < 0 || to > DTYPE_BFLOAT16 || dtype_size((dtype_t)to) == 0)
        return shaping_fault(self, "its type %lld is not supported",
                             (long long)to);
    return shaping_give(self, 0, (dtype_t)to, &shaping_input(self, 0)->shape);
}

int
shape_softmax(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0 || shaping_floats(self, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    int axis;
    if (shaping_axis(self, node_int(self->node, "axis", -1), x->shape.rank,
                     &axis) != 0)
        return -1;
    return shaping_give(self, 0, x->dtype, &x->shape);
}

bool
mixes_axis(const shaping_t *self)
{
    int64_t axis = node_int(self->node, "axis", -1);
    for (int i = 0; i < self->node->inputs_count; i++) {
        const value_type_t *x = shaping_input(self, i);
        int samples = shaping_sample_axis(self, i);
        if (x && samples != SAMPLE_NOWHERE &&
            samples == (axis < 0 ? axis + x->shape.rank : axis))
            return true;
    }
    return false;
}
