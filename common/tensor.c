/* Element types, shapes and conversions. */
#include "common/tensor.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/half.h"
#include "common/mem.h"

typedef struct dtype_row {
    dtype_t dtype;
    size_t size;
    const char *name;
} dtype_row_t;

static const dtype_row_t dtype_rows[] = {
    {DTYPE_FLOAT32, 4, "float32"}, {DTYPE_UINT8, 1, "uint8"},
    {DTYPE_INT8, 1, "int8"},       {DTYPE_INT16, 2, "int16"},
    {DTYPE_INT32, 4, "int32"},     {DTYPE_INT64, 8, "int64"},
    {DTYPE_BOOL, 1, "bool"},       {DTYPE_FLOAT16, 2, "float16"},
    {DTYPE_FLOAT64, 8, "float64"}, {DTYPE_BFLOAT16, 2, "bfloat16"},
};

enum { DTYPE_ROWS = sizeof dtype_rows / sizeof dtype_rows[0] };

size_t
dtype_size(dtype_t dtype)
{
    for (size_t i = 0; i < DTYPE_ROWS; i++)
        if (dtype_rows[i].dtype == dtype)
            return dtype_rows[i].size;
    return 0;
}

const char *
dtype_name(dtype_t dtype)
{
    for (size_t i = 0; i < DTYPE_ROWS; i++)
        if (dtype_rows[i].dtype == dtype)
            return dtype_rows[i].name;
    return "unknown";
}

dtype_t
dtype_parse(const char *name)
{
    for (size_t i = 0; i < DTYPE_ROWS; i++)
        if (strcmp(dtype_rows[i].name, name) == 0)
            return dtype_rows[i].dtype;
    return DTYPE_NONE;
}

bool
shape_equal(const shape_t *a, const shape_t *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

int64_t
shape_elements(const shape_t *shape)
{
    int64_t elements = 1;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 0 ||
            __builtin_mul_overflow(elements, shape->dims[i], &elements))
            return -1;
    return elements;
}

bool
shape_matches(const shape_t *declared, const shape_t *actual)
{
    if (declared->rank != actual->rank)
        return false;
    for (int i = 0; i < declared->rank; i++)
        if (declared->dims[i] != actual->dims[i] &&
            declared->dims[i] != DIM_BATCH)
            return false;
    return true;
}

const char *
shape_text(const shape_t *shape, char *text, size_t size)
{
    assert(size > 2);
    size_t used = 0;
    text[used++] = '[';
    for (int i = 0; i < shape->rank && used < size; i++) {
        int wrote;
        const char *comma = i ? ", " : "";
        if (shape->dims[i] == DIM_BATCH)
            wrote = snprintf(text + used, size - used, "%sN", comma);
        else
            wrote = snprintf(text + used, size - used, "%s%lld", comma,
                             (long long)shape->dims[i]);
        used += (size_t)wrote;
    }
    if (used > size - 2)
        used = size - 2;
    text[used] = ']';
    text[used + 1] = '\0';
    return text;
}

size_t
tensor_bytes(dtype_t dtype, const shape_t *shape, int64_t batch)
{
    shape_t concrete = *shape;
    for (int i = 0; i < concrete.rank; i++)
        if (concrete.dims[i] == DIM_BATCH)
            concrete.dims[i] = batch;
    int64_t elements = shape_elements(&concrete);
    size_t bytes;
    if (elements < 0 || !mem_mul((size_t)elements, dtype_size(dtype), &bytes))
        return 0;
    return bytes;
}

int
tensor_init(tensor_t *self, dtype_t dtype, const shape_t *shape, fault_t *fault)
{
    *self = (tensor_t){.dtype = dtype, .shape = *shape};
    char text[128];
    int64_t elements = shape_elements(shape);
    if (dtype_size(dtype) == 0)
        return fault_set(fault, FAULT_BAD_DTYPE, "dtype %d is not known",
                         (int)dtype);
    if (elements < 0 ||
        !mem_mul((size_t)elements, dtype_size(dtype), &self->bytes))
        return fault_set(fault, FAULT_BAD_SHAPE, "shape %s has no size",
                         shape_text(shape, text, sizeof text));
    self->data = mem_aligned(self->bytes, fault);
    if (!self->data)
        return -1;
    memset(self->data, 0, self->bytes);
    return 0;
}

void
tensor_release(tensor_t *self)
{
    free(self->data);
    *self = (tensor_t){.dtype = DTYPE_NONE};
}

/* One element on its way: integers keep all 64 bits, the rest is a double. */
typedef struct number {
    bool integer;
    int64_t i;
    double f;
} number_t;

static number_t
s_load(dtype_t dtype, const char *at, size_t size)
{
    number_t number = {.integer = true};
    union {
        float f32;
        double f64;
        uint16_t u16;
        int16_t i16;
        int32_t i32;
        int64_t i64;
    } raw = {0};
    memcpy(&raw, at, size);
    switch (dtype) {
    case DTYPE_UINT8:
    case DTYPE_BOOL:
        number.i = (uint8_t)*at;
        return number;
    case DTYPE_INT8:
        number.i = (int8_t)*at;
        return number;
    case DTYPE_INT16:
        number.i = raw.i16;
        return number;
    case DTYPE_INT32:
        number.i = raw.i32;
        return number;
    case DTYPE_INT64:
        number.i = raw.i64;
        return number;
    default:
        break;
    }
    number.integer = false;
    if (dtype == DTYPE_FLOAT64) {
        number.f = raw.f64;
        return number;
    }
    float value = raw.f32;
    if (dtype == DTYPE_FLOAT16)
        half_to_floats(&value, &raw.u16, 1);
    else if (dtype == DTYPE_BFLOAT16)
        bfloat_to_floats(&value, &raw.u16, 1);
    number.f = (double)value;
    return number;
}

static int64_t
s_saturate(number_t number, int64_t low, int64_t high)
{
    if (number.integer)
        return number.i < low ? low : number.i > high ? high : number.i;
    if (isnan(number.f))
        return 0;
    if (number.f <= (double)low)
        return low;
    return number.f >= (double)high ? high : (int64_t)number.f;
}

static void
s_store(dtype_t dtype, char *at, size_t size, number_t number)
{
    double f = number.integer ? (double)number.i : number.f;
    float nearest = (float)f;
    union {
        float f32;
        double f64;
        uint16_t u16;
        int64_t i64;
    } raw = {.i64 = 0};
    switch (dtype) {
    case DTYPE_FLOAT32:
        raw.f32 = nearest;
        break;
    case DTYPE_FLOAT64:
        raw.f64 = f;
        break;
    case DTYPE_FLOAT16:
        half_from_floats(&raw.u16, &nearest, 1);
        break;
    case DTYPE_BFLOAT16:
        bfloat_from_floats(&raw.u16, &nearest, 1);
        break;
    case DTYPE_BOOL:
        raw.i64 = number.integer ? number.i != 0 : number.f != 0.0;
        break;
    case DTYPE_UINT8:
        raw.i64 = s_saturate(number, 0, UINT8_MAX);
        break;
    case DTYPE_INT8:
        raw.i64 = s_saturate(number, INT8_MIN, INT8_MAX);
        break;
    case DTYPE_INT16:
        raw.i64 = s_saturate(number, INT16_MIN, INT16_MAX);
        break;
    case DTYPE_INT32:
        raw.i64 = s_saturate(number, INT32_MIN, INT32_MAX);
        break;
    default:
        raw.i64 = s_saturate(number, INT64_MIN, INT64_MAX);
        break;
    }
    memcpy(at, &raw, size); /* little endian: low bytes first */
}

/* The conversions that whole checkpoints go through, without the detour. */
typedef void (*convert_t)(void *to, const void *from, size_t count);

static void
s_halves_to_floats(void *to, const void *from, size_t count)
{
    half_to_floats(to, from, count);
}

static void
s_bfloats_to_floats(void *to, const void *from, size_t count)
{
    bfloat_to_floats(to, from, count);
}

static void
s_floats_to_halves(void *to, const void *from, size_t count)
{
    half_from_floats(to, from, count);
}

static void
s_doubles_to_floats(void *to, const void *from, size_t count)
{
    const double *in = from;
    float *out = to;
    for (size_t i = 0; i < count; i++)
        out[i] = (float)in[i];
}

static void
s_floats_to_doubles(void *to, const void *from, size_t count)
{
    const float *in = from;
    double *out = to;
    for (size_t i = 0; i < count; i++)
        out[i] = (double)in[i];
}

/* NULL where there is none, or where a range is not aligned for it. */
static convert_t
s_find_direct(dtype_t to, const void *destination, dtype_t from,
              const void *source)
{
    static const struct {
        dtype_t to, from;
        convert_t convert;
    } rows[] = {
        {DTYPE_FLOAT32, DTYPE_FLOAT16, s_halves_to_floats},
        {DTYPE_FLOAT32, DTYPE_BFLOAT16, s_bfloats_to_floats},
        {DTYPE_FLOAT32, DTYPE_FLOAT64, s_doubles_to_floats},
        {DTYPE_FLOAT64, DTYPE_FLOAT32, s_floats_to_doubles},
        {DTYPE_FLOAT16, DTYPE_FLOAT32, s_floats_to_halves},
    };
    if ((uintptr_t)destination % dtype_size(to) ||
        (uintptr_t)source % dtype_size(from))
        return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].to == to && rows[i].from == from)
            return rows[i].convert;
    return NULL;
}

void
tensor_convert(dtype_t to, void *destination, dtype_t from, const void *source,
               size_t count)
{
    size_t to_size = dtype_size(to), from_size = dtype_size(from);
    assert(to_size > 0);
    assert(from_size > 0);
    if (to == from) {
        if (count)
            memcpy(destination, source, count * to_size);
        return;
    }
    convert_t direct = s_find_direct(to, destination, from, source);
    if (direct) {
        direct(destination, source, count);
        return;
    }
    const char *in = source;
    char *out = destination;
    for (size_t i = 0; i < count; i++)
        s_store(to, out + i * to_size, to_size,
                s_load(from, in + i * from_size, from_size));
}
