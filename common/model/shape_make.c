/* Shapes of what makes tensors out of shapes and numbers. */
#include "common/model/shape_ops.h"

#include <math.h>

int
shape_shape(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    int rank = shaping_input(self, 0)->shape.rank;
    int64_t start = node_int(self->node, "start", 0);
    int64_t end = node_int(self->node, "end", rank);
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    return shaping_give(self, 0, DTYPE_INT64, &(shape_t){1, {end - start}});
}

int
shape_size(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    return shaping_give(self, 0, DTYPE_INT64, &(shape_t){.rank = 0});
}

int
shape_constant_of_shape(const shaping_t *self)
{
    shape_t shape;
    dtype_t dtype = DTYPE_FLOAT32;
    const attribute_t *value = node_attribute(self->node, "value");
    if (shaping_arity(self, 1, 1) != 0 || shaping_dims(self, 0, &shape) != 0)
        return -1;
    if (value) {
        dtype = value->tensor.dtype;
        if (value->kind != ATTRIBUTE_TENSOR || dtype_size(dtype) == 0 ||
            shape_elements(&value->tensor.shape) != 1)
            return shaping_fault(self, "its value is not a single number");
    }
    return shaping_give(self, 0, dtype, &shape);
}

/* --- Range ----------------------------------------------------------------
 */

/* How many numbers lie in [start, limit); -1 if too many. Without overflow:
 * the way is unsigned. */
static int64_t
s_count_whole(const int64_t *number)
{
    int64_t start = number[0], limit = number[1], delta = number[2];
    bool up = delta > 0;
    if (up ? start >= limit : start <= limit)
        return 0;
    uint64_t way = up ? (uint64_t)limit - (uint64_t)start
                      : (uint64_t)start - (uint64_t)limit;
    uint64_t stride = up ? (uint64_t)delta : 0 - (uint64_t)delta;
    uint64_t count = (way - 1) / stride + 1;
    return count > (uint64_t)SHAPING_ELEMENTS_MAX ? -1 : (int64_t)count;
}

static int64_t
s_count_real(const double *number)
{
    double count = ceil((number[1] - number[0]) / number[2]);
    if (isnan(count) || count > (double)SHAPING_ELEMENTS_MAX)
        return -1;
    return count > 0 ? (int64_t)count : 0;
}

int
shape_range(const shaping_t *self)
{
    int64_t whole[3];
    double real[3];
    if (shaping_arity(self, 3, 3) != 0)
        return -1;
    dtype_t dtype = shaping_input(self, 0)->dtype;
    bool floats = dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64;
    if (!floats && dtype != DTYPE_INT64 && dtype != DTYPE_INT32 &&
        dtype != DTYPE_INT16)
        return shaping_fault(self, "it does not work on %s", dtype_name(dtype));
    for (int i = 0; i < 3; i++) {
        const value_type_t *input = shaping_input(self, i);
        if (input->dtype != dtype || shape_elements(&input->shape) != 1)
            return shaping_fault(self, "its input %d is not a single %s", i,
                                 dtype_name(dtype));
        if (!input->known)
            return shaping_fault(self,
                                 "its input %d is not known before the "
                                 "model runs",
                                 i);
        tensor_convert(DTYPE_INT64, &whole[i], dtype, input->elements, 1);
        tensor_convert(DTYPE_FLOAT64, &real[i], dtype, input->elements, 1);
    }
    if (floats ? real[2] == 0 : whole[2] == 0)
        return shaping_fault(self, "it never gets on by 0");
    int64_t count = floats ? s_count_real(real) : s_count_whole(whole);
    if (count < 0)
        return shaping_fault(self, "its output is too large");
    return shaping_give(self, 0, dtype, &(shape_t){1, {count}});
}
