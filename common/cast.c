/* Elements of one type where another one is wanted. */
#include "common/cast.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

enum { BLOCK = 512 }; /* elements that are compared at a time */

typedef enum kind {
    KIND_NEITHER,
    KIND_FLOATING,
    KIND_INTEGER,
} kind_t;

static kind_t
s_kind(dtype_t dtype)
{
    switch (dtype) {
    case DTYPE_FLOAT32:
    case DTYPE_FLOAT64:
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        return KIND_FLOATING;
    case DTYPE_UINT8:
    case DTYPE_INT8:
    case DTYPE_INT16:
    case DTYPE_INT32:
    case DTYPE_INT64:
        return KIND_INTEGER;
    default:
        return KIND_NEITHER;
    }
}

bool
cast_allowed(dtype_t from, dtype_t to)
{
    return from == to ||
           (s_kind(from) != KIND_NEITHER && s_kind(from) == s_kind(to));
}

static int
s_check_floats(const tensor_t *from, const tensor_t *to, size_t first,
               size_t count, fault_t *fault)
{
    double before[BLOCK], after[BLOCK];
    tensor_convert(DTYPE_FLOAT64, before, from->dtype,
                   (char *)from->data + first * dtype_size(from->dtype), count);
    tensor_convert(DTYPE_FLOAT64, after, to->dtype,
                   (char *)to->data + first * dtype_size(to->dtype), count);
    for (size_t i = 0; i < count; i++)
        if (isfinite(before[i]) && !isfinite(after[i]))
            return fault_set(fault, FAULT_INPUT, "%g is too large for %s",
                             before[i], dtype_name(to->dtype));
    return 0;
}

static int
s_check_integers(const tensor_t *from, const tensor_t *to, size_t first,
                 size_t count, fault_t *fault)
{
    int64_t before[BLOCK], after[BLOCK];
    tensor_convert(DTYPE_INT64, before, from->dtype,
                   (char *)from->data + first * dtype_size(from->dtype), count);
    tensor_convert(DTYPE_INT64, after, to->dtype,
                   (char *)to->data + first * dtype_size(to->dtype), count);
    for (size_t i = 0; i < count; i++)
        if (before[i] != after[i])
            return fault_set(fault, FAULT_INPUT, "%" PRId64 " is no %s",
                             before[i], dtype_name(to->dtype));
    return 0;
}

int
cast_tensor(tensor_t *self, dtype_t dtype, fault_t *fault)
{
    assert(cast_allowed(self->dtype, dtype));
    tensor_t cast;
    if (self->dtype == dtype)
        return 0;
    if (tensor_init(&cast, dtype, &self->shape, fault))
        return -1;
    size_t elements = cast.bytes / dtype_size(dtype);
    tensor_convert(dtype, cast.data, self->dtype, self->data, elements);
    bool floating = s_kind(dtype) == KIND_FLOATING;
    for (size_t first = 0; first < elements; first += BLOCK) {
        size_t count = elements - first < BLOCK ? elements - first : BLOCK;
        if ((floating ? s_check_floats : s_check_integers)(self, &cast, first,
                                                           count, fault)) {
            tensor_release(&cast);
            return -1;
        }
    }
    tensor_release(self);
    *self = cast;
    return 0;
}
