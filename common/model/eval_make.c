/* Operators that make tensors out of types and numbers: Shape, Size,
 * ConstantOfShape, Range. */
#include <string.h>

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

static int
s_constant_of_shape(const evaluation_t *self)
{
    const array_t *y = self->outputs[0];
    const attribute_t *value = node_attribute(self->node, "value");
    size_t size = dtype_size(y->dtype);
    size_t count = (size_t)shape_elements(&y->shape);
    for (size_t i = 0; value && i < count; i++)
        memcpy((char *)y->data + i * size, value->tensor.data, size);
    if (!value && count)
        memset(y->data, 0, count * size); /* of float32 */
    return 0;
}

/* start + i * delta: no error adds up. Unsigned, for i * delta alone may not
 * fit where their sum does. */
static int
s_range(const evaluation_t *self)
{
    const array_t *y = self->outputs[0], *start = eval_input(self, 0);
    const array_t *delta = eval_input(self, 2);
    size_t size = dtype_size(y->dtype);
    bool floats = y->dtype == DTYPE_FLOAT32 || y->dtype == DTYPE_FLOAT64;
    int64_t whole[2];
    double real[2];
    tensor_convert(DTYPE_INT64, &whole[0], y->dtype, start->data, 1);
    tensor_convert(DTYPE_INT64, &whole[1], y->dtype, delta->data, 1);
    tensor_convert(DTYPE_FLOAT64, &real[0], y->dtype, start->data, 1);
    tensor_convert(DTYPE_FLOAT64, &real[1], y->dtype, delta->data, 1);
    for (int64_t i = 0; i < y->shape.dims[0]; i++) {
        char *to = (char *)y->data + (size_t)i * size;
        double number = real[0] + (double)i * real[1];
        int64_t integer =
            (int64_t)((uint64_t)whole[0] + (uint64_t)i * (uint64_t)whole[1]);
        if (floats)
            tensor_convert(y->dtype, to, DTYPE_FLOAT64, &number, 1);
        else
            tensor_convert(y->dtype, to, DTYPE_INT64, &integer, 1);
    }
    return 0;
}

const eval_row_t eval_rows_make[] = {
    {"ConstantOfShape", s_constant_of_shape, false, NULL},
    {"Range", s_range, false, NULL},
    {"Shape", s_shape, true, NULL},
    {"Size", s_size, true, NULL},
    {0},
};
