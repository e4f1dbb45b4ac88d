/* Shapes of what moves elements without computing. */
#include "common/model/shape_ops.h"

int
shape_flatten(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    int64_t axis = node_int(self->node, "axis", 1);
    if (axis < 0)
        axis += x->shape.rank;
    if (axis < 0 || axis > x->shape.rank)
        return shaping_fault(self, "axis %lld of a tensor of rank %d",
                             (long long)axis, x->shape.rank);
    shape_t shape = {2, {1, 1}};
    for (int i = 0; i < x->shape.rank; i++)
        shape.dims[i >= axis] *= x->shape.dims[i];
    return shaping_give(self, 0, x->dtype, &shape);
}

/* One -1 takes what is left; 0 keeps the input's dim unless allowzero. */
static int
s_resolve(const shaping_t *self, const shape_t *from, const int64_t *wanted,
          int count, shape_t *shape)
{
    bool keep = node_int(self->node, "allowzero", 0) == 0;
    int64_t known = 1;
    int open = -1;
    char text[128];
    shape->rank = count;
    for (int i = 0; i < count; i++) {
        int64_t dim = wanted[i];
        if (dim == 0 && keep && i < from->rank)
            dim = from->dims[i];
        if (dim == -1 && open >= 0)
            return shaping_fault(self, "two of its dims are -1");
        if (dim == -1)
            open = i;
        else if (dim < 0 || __builtin_mul_overflow(known, dim, &known))
            return shaping_fault(self, "dim %lld is not possible",
                                 (long long)dim);
        shape->dims[i] = dim;
    }
    int64_t elements = shape_elements(from);
    if (open >= 0 && known > 0 && elements % known == 0)
        shape->dims[open] = elements / known;
    if (shape_elements(shape) != elements)
        return shaping_fault(self, "%s cannot become its new shape",
                             shape_text(from, text, sizeof text));
    return 0;
}

int
shape_reshape(const shaping_t *self)
{
    if (shaping_arity(self, 2, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    int64_t wanted[TENSOR_RANK_MAX];
    int count = shaping_constant(self, 1, wanted, TENSOR_RANK_MAX);
    shape_t shape;
    if (count < 0 || s_resolve(self, &x->shape, wanted, count, &shape) != 0)
        return -1;
    return shaping_give(self, 0, x->dtype, &shape);
}

int
shape_transpose(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    int rank = x->shape.rank;
    const attribute_t *perm = node_attribute(self->node, "perm");
    if (perm && (perm->kind != ATTRIBUTE_INTS || perm->count != (size_t)rank))
        return shaping_fault(self, "perm should be %d integers", rank);
    shape_t shape = {.rank = rank};
    unsigned seen = 0;
    for (int i = 0; i < rank; i++) {
        int64_t axis = perm ? perm->ints[i] : rank - 1 - i;
        if (axis < 0 || axis >= rank || seen >> axis & 1)
            return shaping_fault(self, "perm is not an order of %d axes", rank);
        seen |= 1u << axis;
        shape.dims[i] = x->shape.dims[axis];
    }
    return shaping_give(self, 0, x->dtype, &shape);
}

int
shape_concat(const shaping_t *self)
{
    char text[128], other[128];
    if (shaping_arity(self, 1, GRAPH_NODE_INPUTS_MAX) != 0)
        return -1;
    const value_type_t *first = shaping_input(self, 0);
    shape_t shape = first->shape;
    const attribute_t *given = node_attribute(self->node, "axis");
    int axis;
    if (!given || given->kind != ATTRIBUTE_INT)
        return shaping_fault(self, "it has no axis");
    if (shaping_axis(self, given->i, shape.rank, &axis) != 0)
        return -1;
    for (int i = 1; i < self->node->inputs_count; i++) {
        const value_type_t *next = shaping_input(self, i);
        if (!next)
            return shaping_fault(self, "its input %d is missing", i);
        shape_t rest = next->shape;
        if (rest.rank == shape.rank)
            rest.dims[axis] = shape.dims[axis];
        if (next->dtype != first->dtype || !shape_equal(&rest, &shape))
            return shaping_fault(self, "%s and %s do not join along axis %d",
                                 shape_text(&first->shape, text, sizeof text),
                                 shape_text(&next->shape, other, sizeof other),
                                 axis);
        if (__builtin_add_overflow(shape.dims[axis], next->shape.dims[axis],
                                   &shape.dims[axis]))
            return shaping_fault(self, "its output is too large");
    }
    return shaping_give(self, 0, first->dtype, &shape);
}

int
shape_squeeze(const shaping_t *self)
{
    if (shaping_arity(self, 1, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    unsigned set = 0;
    for (int i = 0; !shaping_input(self, 1) && i < x->shape.rank; i++)
        set |= (unsigned)(x->shape.dims[i] == 1) << i;
    if (shaping_input(self, 1) &&
        shaping_axes(self, 1, x->shape.rank, &set) < 0)
        return -1;
    shape_t shape = {.rank = 0};
    for (int i = 0; i < x->shape.rank; i++) {
        if (!(set >> i & 1))
            shape.dims[shape.rank++] = x->shape.dims[i];
        else if (x->shape.dims[i] != 1)
            return shaping_fault(self, "axis %d has %lld elements, not one", i,
                                 (long long)x->shape.dims[i]);
    }
    return shaping_give(self, 0, x->dtype, &shape);
}

/* Without axes a batch of one is dropped, other ones are not. */
bool
mixes_squeeze(const shaping_t *self)
{
    return !shaping_input(self, 1);
}

int
shape_unsqueeze(const shaping_t *self)
{
    if (shaping_arity(self, 2, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    const value_type_t *list = shaping_input(self, 1);
    int64_t added = shape_elements(&list->shape);
    unsigned set;
    if (added < 0 || x->shape.rank + added > TENSOR_RANK_MAX)
        return shaping_fault(self, "its output has more than %d axes",
                             TENSOR_RANK_MAX);
    shape_t shape = {.rank = x->shape.rank + (int)added};
    if (shaping_axes(self, 1, shape.rank, &set) < 0)
        return -1;
    if (__builtin_popcount(set) != added)
        return shaping_fault(self, "an axis is named twice");
    for (int i = 0, from = 0; i < shape.rank; i++)
        shape.dims[i] = set >> i & 1 ? 1 : x->shape.dims[from++];
    return shaping_give(self, 0, x->dtype, &shape);
}
