/* Pad, in all its modes. */
#include <string.h>

#include "common/model/eval_ops.h"
#include "common/model/padding.h"
#include "common/model/walk.h"

/* Where the row at this index of the walk begins in the input, last axis
 * apart; -1 where it is constant. */
static int64_t
s_row(const padding_t *padding, const walk_t *walk, const int64_t *strides)
{
    int64_t place = 0;
    for (int i = 0; i < padding->shape.rank - 1; i++) {
        int64_t source = padding_source(padding, i, walk->index[i]);
        if (source < 0)
            return -1;
        place += source * strides[i];
    }
    return place;
}

/* Elements [from, until) of a row, one by one. */
static void
s_border(const padding_t *padding, char *y, int64_t from, int64_t until,
         const char *x, const void *constant, size_t size)
{
    int last = padding->shape.rank - 1;
    for (int64_t i = from; i < until; i++) {
        int64_t source = x ? padding_source(padding, last, i) : -1;
        memcpy(y + (size_t)i * size,
               source < 0 ? constant : x + (size_t)source * size, size);
    }
}

static void
s_pad_rows(const padding_t *padding, const array_t *x, const array_t *y,
           const void *constant)
{
    int last = padding->shape.rank - 1;
    size_t size = dtype_size(x->dtype);
    int64_t begin = padding->begin[last], kept = padding->kept[last];
    int64_t strides[TENSOR_RANK_MAX], count = padding->shape.dims[last];
    walk_t walk = walk_over(&padding->shape);
    char *to = y->data;
    shape_strides(&x->shape, strides);
    for (bool more = walk_start(&walk); more; more = walk_next(&walk)) {
        int64_t place = s_row(padding, &walk, strides);
        const char *from =
            place < 0 ? NULL : (const char *)x->data + (size_t)place * size;
        int64_t middle = from ? kept : 0;
        s_border(padding, to, 0, begin, from, constant, size);
        if (middle > 0)
            memcpy(to + (size_t)begin * size,
                   from + (size_t)padding->keep[last] * size,
                   (size_t)middle * size);
        s_border(padding, to, begin + middle, count, from, constant, size);
        to += (size_t)count * size;
    }
}

static int
s_pad(const evaluation_t *self)
{
    static const int64_t zero;
    const array_t *x = eval_input(self, 0), *value = eval_input(self, 2);
    const array_t *axes = eval_input(self, 3), *y = self->outputs[0];
    int64_t pads[2 * TENSOR_RANK_MAX], numbers[TENSOR_RANK_MAX];
    int count = eval_ints(eval_input(self, 1), pads, 2 * TENSOR_RANK_MAX);
    if (axes)
        eval_ints(axes, numbers, TENSOR_RANK_MAX);
    padding_t padding;
    const char *why = padding_resolve(&padding, self->node, &x->shape, pads,
                                      count / 2, axes ? numbers : NULL);
    if (why)
        return eval_fault(self, why);
    if (x->shape.rank == 0)
        memcpy(y->data, x->data, dtype_size(x->dtype));
    else
        s_pad_rows(&padding, x, y, value ? value->data : &zero);
    return 0;
}

const eval_row_t eval_rows_pad[] = {
    {"Pad", s_pad, false, NULL},
    {0},
};
