/* Shapes of what takes some elements: Slice, Gather, Where. */
#include "common/model/shape_ops.h"
#include "common/model/slice.h"

/* --- Slice ----------------------------------------------------------------
 */

static int
s_slice(const shaping_t *self, slice_t *slice)
{
    enum { LISTS = 4 }; /* starts, ends, axes, steps */
    int64_t numbers[LISTS][TENSOR_RANK_MAX];
    const int64_t *lists[LISTS] = {NULL};
    int counts[LISTS] = {0};
    for (int i = 0; i < LISTS; i++) {
        if (!shaping_input(self, i + 1))
            continue;
        counts[i] = shaping_constant(self, i + 1, numbers[i], TENSOR_RANK_MAX);
        if (counts[i] < 0)
            return -1;
        if (counts[i] != counts[0])
            return shaping_fault(self, "%d starts, but %d in its input %d",
                                 counts[0], counts[i], i + 1);
        lists[i] = numbers[i];
    }
    const char *why = slice_resolve(
        slice, &shaping_input(self, 0)->shape,
        &(slice_lists_t){counts[0], lists[0], lists[1], lists[2], lists[3]});
    return why ? shaping_fault(self, "%s", why) : 0;
}

int
shape_slice(const shaping_t *self)
{
    slice_t slice;
    if (shaping_arity(self, 3, 5) != 0 || s_slice(self, &slice) != 0)
        return -1;
    return shaping_give(self, 0, shaping_input(self, 0)->dtype, &slice.shape);
}

bool
mixes_slice(const shaping_t *self)
{
    int samples = shaping_sample_axis(self, 0);
    slice_t slice;
    return samples != SAMPLE_NOWHERE &&
           (s_slice(self, &slice) != 0 || slice.steps[samples] != 1 ||
            slice.shape.dims[samples] !=
                shaping_input(self, 0)->shape.dims[samples]);
}

/* --- Gather ---------------------------------------------------------------
 */

static bool
s_is_index(dtype_t dtype)
{
    return dtype == DTYPE_INT64 || dtype == DTYPE_INT32;
}

int
shape_gather(const shaping_t *self)
{
    if (shaping_arity(self, 2, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    const value_type_t *indices = shaping_input(self, 1);
    int axis, added = indices->shape.rank;
    if (shaping_axis(self, node_int(self->node, "axis", 0), x->shape.rank,
                     &axis) != 0)
        return -1;
    if (!s_is_index(indices->dtype))
        return shaping_fault(self, "its indices are %s",
                             dtype_name(indices->dtype));
    if (x->shape.rank - 1 + added > TENSOR_RANK_MAX)
        return shaping_fault(self, "its output has more than %d axes",
                             TENSOR_RANK_MAX);
    if (x->shape.dims[axis] == 0 && shape_elements(&indices->shape) > 0)
        return shaping_fault(self, "there is nothing along axis %d", axis);
    shape_t shape = {.rank = x->shape.rank - 1 + added};
    for (int i = 0; i < axis; i++)
        shape.dims[i] = x->shape.dims[i];
    for (int i = 0; i < added; i++)
        shape.dims[axis + i] = indices->shape.dims[i];
    for (int i = axis + 1; i < x->shape.rank; i++)
        shape.dims[i - 1 + added] = x->shape.dims[i];
    return shaping_give(self, 0, x->dtype, &shape);
}

/* Indices of samples' own do no harm, they choose within a sample. */
bool
mixes_gather(const shaping_t *self)
{
    int samples = shaping_sample_axis(self, 0), axis;
    return samples != SAMPLE_NOWHERE &&
           (shaping_axis(self, node_int(self->node, "axis", 0),
                         shaping_input(self, 0)->shape.rank, &axis) != 0 ||
            axis == samples);
}

/* --- Where ----------------------------------------------------------------
 */

int
shape_where(const shaping_t *self)
{
    char text[128], other[128];
    if (shaping_arity(self, 3, 3) != 0)
        return -1;
    const value_type_t *condition = shaping_input(self, 0);
    const value_type_t *x = shaping_input(self, 1), *y = shaping_input(self, 2);
    shape_t both, shape;
    if (condition->dtype != DTYPE_BOOL)
        return shaping_fault(self, "its condition is %s",
                             dtype_name(condition->dtype));
    if (x->dtype != y->dtype)
        return shaping_fault(self, "%s and %s do not mix", dtype_name(x->dtype),
                             dtype_name(y->dtype));
    if (!shape_broadcast(&x->shape, &y->shape, &both) ||
        !shape_broadcast(&both, &condition->shape, &shape))
        return shaping_fault(self, "shapes %s and %s do not fit",
                             shape_text(&x->shape, text, sizeof text),
                             shape_text(&y->shape, other, sizeof other));
    return shaping_give(self, 0, x->dtype, &shape);
}
