/* Operators that put elements elsewhere: views, Concat, Cast, and what walks
 * describe. */
#include <string.h>

#include "common/model/eval_numbers.h"
#include "common/model/eval_ops.h"
#include "common/model/moves.h"
#include "common/model/walk.h"

/* The output is the input under another shape. */
static int
s_same(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0), *y = self->outputs[0];
    size_t bytes = tensor_bytes(x->dtype, &x->shape, 0);
    if (y && bytes)
        memcpy(y->data, x->data, bytes);
    return 0;
}

/* --- Cast -----------------------------------------------------------------
 */

/* Integers that do not fit keep their low bytes, as opset 19 says. */
static void
s_wrap(const array_t *x, const array_t *y, size_t count)
{
    numbers_t numbers = {.whole = true};
    for (size_t at = 0; at < count; at += numbers.count) {
        size_t left = count - at;
        numbers.count = left < NUMBERS_MAX ? left : NUMBERS_MAX;
        numbers_load(&numbers, x, at, 1);
        numbers_store(&numbers, y, at);
    }
}

static int
s_cast(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0), *y = self->outputs[0];
    size_t count = (size_t)shape_elements(&x->shape);
    if (numbers_are_whole(x->dtype) && numbers_are_whole(y->dtype))
        s_wrap(x, y, count);
    else
        tensor_convert(y->dtype, y->data, x->dtype, x->data, count);
    return 0;
}

/* --- Concat ---------------------------------------------------------------
 */

/* In how many rows an axis cuts a tensor. */
static size_t
s_rows(const shape_t *shape, int64_t axis)
{
    size_t rows = 1;
    for (int i = 0; i < axis; i++)
        rows *= (size_t)shape->dims[i];
    return rows;
}

static int
s_concat(const evaluation_t *self)
{
    const array_t *y = self->outputs[0];
    int64_t axis = node_int(self->node, "axis", 0);
    axis = axis < 0 ? axis + y->shape.rank : axis;
    size_t rows = s_rows(&y->shape, axis), bytes = 0;
    if (shape_elements(&y->shape) == 0)
        return 0;
    size_t stride = tensor_bytes(y->dtype, &y->shape, 0) / rows;
    for (int i = 0; i < self->node->inputs_count; i++) {
        const array_t *x = eval_input(self, i);
        char *to = (char *)y->data + bytes;
        size_t own = tensor_bytes(x->dtype, &x->shape, 0) / rows;
        for (size_t row = 0; own && row < rows; row++)
            memcpy(to + row * stride, (const char *)x->data + row * own, own);
        bytes += own;
    }
    return 0;
}

/* --- what walks describe --------------------------------------------------
 */

static int
s_move(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0);
    for (int i = 0; i < self->node->outputs_count; i++) {
        const array_t *y = self->outputs[i];
        walk_t walk;
        const char *why = NULL;
        if (y)
            why = moves_find(self->node, self->inputs, i, &y->shape, &walk);
        if (why)
            return eval_fault(self, why);
        if (y)
            walk_copy(&walk, y->data, x->data, dtype_size(x->dtype));
    }
    return 0;
}

/* Nothing is dropped but in training. */
static int
s_dropout(const evaluation_t *self)
{
    const array_t *mask = NULL;
    if (self->node->outputs_count > 1)
        mask = self->outputs[1];
    if (mask && shape_elements(&mask->shape) > 0)
        memset(mask->data, 1, (size_t)shape_elements(&mask->shape));
    return s_same(self);
}

const eval_row_t eval_rows_move[] = {
    {"Cast", s_cast, false, NULL},
    {"Concat", s_concat, false, NULL},
    {"DepthToSpace", s_move, false, NULL},
    {"Dropout", s_dropout, false, NULL},
    {"Expand", s_move, false, NULL},
    {"Flatten", s_same, false, NULL},
    {"Identity", s_same, false, NULL},
    {"Reshape", s_same, false, NULL},
    {"Slice", s_move, false, NULL},
    {"SpaceToDepth", s_move, false, NULL},
    {"Split", s_move, false, NULL},
    {"Squeeze", s_same, false, NULL},
    {"Tile", s_move, false, NULL},
    {"Transpose", s_move, false, NULL},
    {"Unsqueeze", s_same, false, NULL},
    {0},
};
