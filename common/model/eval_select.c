/* Operators that take some of the elements: Slice, Gather, Where. */
#include <string.h>

#include "common/model/eval_ops.h"
#include "common/model/slice.h"
#include "common/model/walk.h"

/* --- Slice ----------------------------------------------------------------
 */

static int
s_slice(const evaluation_t *self)
{
    enum { LISTS = 4 }; /* starts, ends, axes, steps */
    const array_t *x = eval_input(self, 0);
    int64_t numbers[LISTS][TENSOR_RANK_MAX], strides[TENSOR_RANK_MAX];
    const int64_t *lists[LISTS] = {NULL};
    int counts[LISTS] = {0};
    for (int i = 0; i < LISTS; i++) {
        const array_t *list = eval_input(self, i + 1);
        if (!list)
            continue;
        counts[i] = eval_ints(list, numbers[i], TENSOR_RANK_MAX);
        lists[i] = numbers[i];
    }
    slice_t slice;
    const char *why = slice_resolve(
        &slice, &x->shape,
        &(slice_lists_t){counts[0], lists[0], lists[1], lists[2], lists[3]});
    if (why)
        return eval_fault(self, why);
    walk_t walk = walk_over(&slice.shape);
    walk.sources = 1;
    shape_strides(&x->shape, strides);
    for (int i = 0; i < x->shape.rank; i++) {
        walk.strides[0][i] = strides[i] * slice.steps[i];
        walk.at[0] += strides[i] * slice.starts[i];
    }
    walk_copy(&walk, self->outputs[0]->data, x->data, dtype_size(x->dtype));
    return 0;
}

/* --- Gather ---------------------------------------------------------------
 */

static int
s_gather(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0), *indices = eval_input(self, 1);
    int64_t axis = node_int(self->node, "axis", 0), strides[TENSOR_RANK_MAX];
    axis = axis < 0 ? axis + x->shape.rank : axis;
    int64_t dim = x->shape.dims[axis], count = shape_elements(&indices->shape);
    int64_t blocks = 1;
    for (int i = 0; i < axis; i++)
        blocks *= x->shape.dims[i];
    shape_strides(&x->shape, strides);
    size_t bytes = (size_t)strides[axis] * dtype_size(x->dtype);
    char *to = self->outputs[0]->data;
    if (shape_elements(&self->outputs[0]->shape) == 0)
        return 0;
    for (int64_t block = 0; block < blocks; block++) {
        const char *from =
            (const char *)x->data + (size_t)(block * dim) * bytes;
        for (int64_t i = 0; i < count; i++, to += bytes) {
            int64_t index = eval_int(indices, i);
            index = index < 0 ? index + dim : index;
            if (index < 0 || index >= dim)
                return eval_fault(self, "an index is out of range");
            memcpy(to, from + (size_t)index * bytes, bytes);
        }
    }
    return 0;
}

/* --- Where ----------------------------------------------------------------
 */

static int
s_where(const evaluation_t *self)
{
    const array_t *y = self->outputs[0];
    const uint8_t *condition = eval_input(self, 0)->data;
    const char *sources[] = {eval_input(self, 1)->data,
                             eval_input(self, 2)->data};
    size_t size = dtype_size(y->dtype);
    char *to = y->data;
    walk_t walk = walk_over(&y->shape);
    for (int i = 0; i < 3; i++)
        walk_add_broadcast(&walk, &eval_input(self, i)->shape);
    for (bool more = walk_start(&walk); more; more = walk_next(&walk))
        for (int64_t i = 0; i < walk.dims[walk.last]; i++, to += size) {
            int64_t at = walk.at[0] + i * walk.strides[0][walk.last];
            int source = condition[at] ? 1 : 2;
            at = walk.at[source] + i * walk.strides[source][walk.last];
            memcpy(to, sources[source - 1] + (size_t)at * size, size);
        }
    return 0;
}

const eval_row_t eval_rows_select[] = {
    {"Gather", s_gather, false, NULL},
    {"Slice", s_slice, false, NULL},
    {"Where", s_where, false, NULL},
    {0},
};
