/* Elements as float64 or int64, and rows of operands that broadcast. */
#include "common/model/eval_numbers.h"

#include <assert.h>
#include <string.h>

bool
numbers_are_whole(dtype_t dtype)
{
    switch (dtype) {
    case DTYPE_FLOAT32:
    case DTYPE_FLOAT64:
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        return false;
    default:
        return true;
    }
}

void
numbers_load(numbers_t *self, const array_t *from, size_t at, size_t step)
{
    const char *source = from->data;
    assert(self->count <= NUMBERS_MAX);
    tensor_convert(self->whole ? DTYPE_INT64 : DTYPE_FLOAT64, self->wholes,
                   from->dtype, source + at * dtype_size(from->dtype),
                   step ? self->count : 1);
    for (size_t i = 1; step == 0 && i < self->count; i++)
        self->wholes[i] = self->wholes[0];
}

void
numbers_store(const numbers_t *self, const array_t *to, size_t at)
{
    size_t size = dtype_size(to->dtype);
    char *place = (char *)to->data + at * size;
    bool wraps =
        self->whole && numbers_are_whole(to->dtype) && to->dtype != DTYPE_BOOL;
    if (!wraps)
        tensor_convert(to->dtype, place,
                       self->whole ? DTYPE_INT64 : DTYPE_FLOAT64, self->wholes,
                       self->count);
    for (size_t i = 0; wraps && i < self->count; i++)
        memcpy(place + i * size, &self->wholes[i], size); /* its low bytes */
}

/* The product of an operand's dims from an axis of the output on. */
static size_t
s_inner(const shape_t *operand, const shape_t *output, int axis)
{
    size_t product = 1;
    for (int i = axis; i < output->rank; i++) {
        int own = i - (output->rank - operand->rank);
        product *= own < 0 ? 1 : (size_t)operand->dims[own];
    }
    return product;
}

rows_t
rows_find(const shape_t *output, const array_t *const *inputs, int count)
{
    rows_t rows = {1, 1, output->rank};
    bool fits = true;
    while (fits && rows.axes > 0) {
        size_t length = s_inner(output, output, rows.axes - 1);
        for (int i = 0; fits && i < count; i++) {
            size_t own = inputs[i]
                             ? s_inner(&inputs[i]->shape, output, rows.axes - 1)
                             : 1;
            fits = own == 1 || own == length;
        }
        if (fits) {
            rows.axes--;
            rows.length = length;
        }
    }
    for (int i = 0; i < rows.axes; i++)
        rows.count *= (size_t)output->dims[i];
    return rows;
}

size_t
rows_start(const rows_t *self, const shape_t *output, const shape_t *operand,
           size_t row, size_t *step)
{
    size_t block = s_inner(operand, output, self->axes);
    size_t start = 0;
    *step = block > 1;
    for (int i = self->axes - 1; i >= 0; i--) {
        int own = i - (output->rank - operand->rank);
        size_t dim = (size_t)output->dims[i];
        if (own >= 0 && operand->dims[own] > 1) {
            start += row % dim * block;
            block *= (size_t)operand->dims[own];
        }
        row /= dim;
    }
    return start;
}
