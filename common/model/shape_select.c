/* Shapes of what chooses elements: Slice, Split, Gather, Where, ScatterND,
 * ArgMax. */
#include "common/model/shape_ops.h"
#include "common/model/slice.h"

#include <string.h>

/* --- Slice ----------------------------------------------------------------
 */

/* As if input 0 had this shape. */
static int
s_slice(const shaping_t *self, const shape_t *shape, slice_t *slice)
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
        slice, shape,
        &(slice_lists_t){counts[0], lists[0], lists[1], lists[2], lists[3]});
    return why ? shaping_fault(self, "%s", why) : 0;
}

int
shape_slice(const shaping_t *self)
{
    slice_t slice;
    if (shaping_arity(self, 3, 5) != 0 ||
        s_slice(self, &shaping_input(self, 0)->shape, &slice) != 0)
        return -1;
    return shaping_give(self, 0, shaping_input(self, 0)->dtype, &slice.shape);
}

/* All samples are taken where the end is the batch or beyond any: a fixed end
 * that is far enough for this batch cuts a larger one. */
bool
mixes_slice(const shaping_t *self)
{
    int samples = shaping_sample_axis(self, 0);
    slice_t slice;
    if (samples == SAMPLE_NOWHERE)
        return false;
    shape_t shape = shaping_input(self, 0)->shape;
    int64_t batch = shape.dims[samples];
    if (s_slice(self, &shape, &slice) != 0 || slice.steps[samples] != 1 ||
        slice.shape.dims[samples] != batch)
        return true;
    shape.dims[samples] = SHAPING_EXTENT_MAX;
    return s_slice(self, &shape, &slice) != 0 ||
           (slice.shape.dims[samples] != batch &&
            slice.shape.dims[samples] != SHAPING_EXTENT_MAX);
}

/* --- Split ----------------------------------------------------------------
 */

/* How much of an axis of `dim` each output gets. */
static int
s_split_sizes(const shaping_t *self, int64_t dim, int64_t *sizes)
{
    int count = self->node->outputs_count;
    int64_t left = dim;
    if (count > GRAPH_NODE_INPUTS_MAX)
        return shaping_fault(self, "it has %d outputs", count);
    if (shaping_input(self, 1)) {
        int listed = shaping_constant(self, 1, sizes, GRAPH_NODE_INPUTS_MAX);
        if (listed < 0)
            return -1;
        if (listed != count)
            return shaping_fault(self, "%d sizes for %d outputs", listed,
                                 count);
    } else if (node_int(self->node, "num_outputs", count) != count) {
        return shaping_fault(self, "num_outputs is not %d", count);
    } else {
        int64_t chunk = (dim + count - 1) / count;
        for (int i = 0; i < count; i++)
            sizes[i] = i < count - 1 ? chunk : dim - chunk * (count - 1);
    }
    for (int i = 0; i < count; i++) {
        if (sizes[i] < 0 || sizes[i] > left)
            return shaping_fault(self, "an axis of %lld does not split so",
                                 (long long)dim);
        left -= sizes[i];
    }
    return left == 0 ? 0
                     : shaping_fault(self, "its split leaves out %lld of %lld",
                                     (long long)left, (long long)dim);
}

int
shape_split(const shaping_t *self)
{
    int64_t sizes[GRAPH_NODE_INPUTS_MAX];
    if (shaping_arity(self, 1, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    shape_t shape = x->shape;
    int axis;
    if (shaping_axis(self, node_int(self->node, "axis", 0), shape.rank,
                     &axis) != 0 ||
        s_split_sizes(self, shape.dims[axis], sizes) != 0)
        return -1;
    for (int i = 0; i < self->node->outputs_count; i++) {
        shape.dims[axis] = sizes[i];
        if (shaping_give(self, i, x->dtype, &shape) != 0)
            return -1;
    }
    return 0;
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

/* That indices differ from sample to sample does no harm. */
bool
mixes_first_axis(const shaping_t *self)
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

/* --- ScatterND ------------------------------------------------------------
 */

/* What an update looks like: the indices' shape, but for its last axis that
 * holds the tuples, and the slice that a tuple names. */
static bool
s_updates(const shape_t *x, const shape_t *indices, shape_t *updates)
{
    if (indices->rank < 1 || indices->dims[indices->rank - 1] < 1 ||
        indices->dims[indices->rank - 1] > x->rank)
        return false;
    int axes = (int)indices->dims[indices->rank - 1];
    *updates = (shape_t){.rank = indices->rank - 1 + x->rank - axes};
    if (updates->rank > TENSOR_RANK_MAX)
        return false;
    for (int i = 0; i < indices->rank - 1; i++)
        updates->dims[i] = indices->dims[i];
    for (int i = axes; i < x->rank; i++)
        updates->dims[indices->rank - 1 + i - axes] = x->dims[i];
    return true;
}

static bool
s_is_reduction(const char *name)
{
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

int
shape_scatter_nd(const shaping_t *self)
{
    char text[128], other[128];
    const char *how = node_text(self->node, "reduction", "none");
    if (shaping_arity(self, 3, 3) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    const value_type_t *indices = shaping_input(self, 1);
    const value_type_t *updates = shaping_input(self, 2);
    shape_t wanted;
    if (!s_is_index(indices->dtype))
        return shaping_fault(self, "its indices are %s",
                             dtype_name(indices->dtype));
    if (updates->dtype != x->dtype)
        return shaping_fault(self, "updates of %s for %s",
                             dtype_name(updates->dtype), dtype_name(x->dtype));
    if (!s_is_reduction(how) ||
        (x->dtype == DTYPE_BOOL && strcmp(how, "none") != 0))
        return shaping_fault(self, "its reduction '%.20s' is not supported",
                             how);
    if (!s_updates(&x->shape, &indices->shape, &wanted) ||
        !shape_equal(&wanted, &updates->shape))
        return shaping_fault(self, "indices %s do not place updates %s",
                             shape_text(&indices->shape, text, sizeof text),
                             shape_text(&updates->shape, other, sizeof other));
    return shaping_give(self, 0, x->dtype, &x->shape);
}

/* Samples stay apart where tuples do not name them and are the same for all:
 * then updates have their samples where the slices have theirs. */
bool
mixes_scatter_nd(const shaping_t *self)
{
    const shape_t *indices = &shaping_input(self, 1)->shape;
    return shaping_sample_axis(self, 1) != SAMPLE_NOWHERE ||
           shaping_sample_axis(self, 0) < indices->dims[indices->rank - 1];
}

/* --- ArgMax ---------------------------------------------------------------
 */

int
shape_arg_max(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    bool keep = node_int(self->node, "keepdims", 1) != 0;
    int axis;
    if (shaping_axis(self, node_int(self->node, "axis", 0), x->shape.rank,
                     &axis) != 0)
        return -1;
    if (x->dtype == DTYPE_BOOL)
        return shaping_fault(self, "it does not work on bool");
    if (x->shape.dims[axis] == 0)
        return shaping_fault(self, "there is nothing along axis %d", axis);
    shape_t shape = {.rank = 0};
    for (int i = 0; i < x->shape.rank; i++)
        if (i != axis)
            shape.dims[shape.rank++] = x->shape.dims[i];
        else if (keep)
            shape.dims[shape.rank++] = 1;
    return shaping_give(self, 0, DTYPE_INT64, &shape);
}
