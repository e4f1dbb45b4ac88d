/* Functions of two tensors: loops over the outer axes around a row. */
#include "worker/kernel/binary.h"

#include <assert.h>
#include <math.h>

typedef void row_t(float *y, const float *a, size_t a_step, const float *b,
                   size_t b_step, size_t count);

/* Steps are 0 or 1 nearly always; constant steps make loops that vectorise. */
#define ROW(name, expression)                                                  \
    static void name(float *y, const float *a, size_t a_step, const float *b,  \
                     size_t b_step, size_t count)                              \
    {                                                                          \
        if (a_step == 1 && b_step == 1) {                                      \
            for (size_t i = 0; i < count; i++) {                               \
                float u = a[i], v = b[i];                                      \
                y[i] = expression;                                             \
            }                                                                  \
        } else if (a_step == 1 && b_step == 0) {                               \
            float v = b[0];                                                    \
            for (size_t i = 0; i < count; i++) {                               \
                float u = a[i];                                                \
                y[i] = expression;                                             \
            }                                                                  \
        } else if (a_step == 0 && b_step == 1) {                               \
            float u = a[0];                                                    \
            for (size_t i = 0; i < count; i++) {                               \
                float v = b[i];                                                \
                y[i] = expression;                                             \
            }                                                                  \
        } else {                                                               \
            for (size_t i = 0; i < count; i++) {                               \
                float u = a[i * a_step], v = b[i * b_step];                    \
                y[i] = expression;                                             \
            }                                                                  \
        }                                                                      \
    }

ROW(s_add, u + v)
ROW(s_sub, u - v)
ROW(s_mul, u *v)
ROW(s_div, u / v)
ROW(s_max, u < v || v != v ? v : u)
ROW(s_min, u > v || v != v ? v : u)
ROW(s_pow_any, powf(u, v))
ROW(s_prelu, u < 0.0f ? u * v : u)

/* The exponents that networks have. */
static void
s_pow(float *y, const float *a, size_t a_step, const float *b, size_t b_step,
      size_t count)
{
    if (b_step == 0 && b[0] == 2.0f)
        s_mul(y, a, a_step, a, a_step, count);
    else if (b_step == 0 && b[0] == 0.5f)
        for (size_t i = 0; i < count; i++) {
            /* C's pow: -0 to 0, and minus infinity to infinity */
            float u = a[i * a_step] + 0.0f;
            y[i] = u == -INFINITY ? INFINITY : sqrtf(u);
        }
    else
        s_pow_any(y, a, a_step, b, b_step, count);
}

static row_t *const rows[BINARIES] = {
    [BINARY_ADD] = s_add, [BINARY_SUB] = s_sub,     [BINARY_MUL] = s_mul,
    [BINARY_DIV] = s_div, [BINARY_MAX] = s_max,     [BINARY_MIN] = s_min,
    [BINARY_POW] = s_pow, [BINARY_PRELU] = s_prelu,
};

void
binary_simplify(binary_shape_t *shape)
{
    binary_shape_t old = *shape;
    int rank = 0;
    for (int i = 0; i < old.rank; i++) {
        size_t dim = old.dims[i];
        if (dim == 1 && old.rank > 1)
            continue;
        if (rank > 0 && shape->a_strides[rank - 1] == old.a_strides[i] * dim &&
            shape->b_strides[rank - 1] == old.b_strides[i] * dim) {
            shape->dims[rank - 1] *= dim;
            shape->a_strides[rank - 1] = old.a_strides[i];
            shape->b_strides[rank - 1] = old.b_strides[i];
            continue;
        }
        shape->dims[rank] = dim;
        shape->a_strides[rank] = old.a_strides[i];
        shape->b_strides[rank] = old.b_strides[i];
        rank++;
    }
    shape->rank = rank;
}

void
binary(binary_kind_t kind, const binary_shape_t *shape, float *y,
       const float *a, const float *b)
{
    assert(kind < BINARIES && shape->rank <= BINARY_RANK_MAX);
    int last = shape->rank - 1;
    if (last < 0) {
        rows[kind](y, a, 0, b, 0, 1);
        return;
    }
    for (int i = 0; i <= last; i++)
        if (shape->dims[i] == 0)
            return;

    size_t index[BINARY_RANK_MAX] = {0};
    for (;;) {
        rows[kind](y, a, shape->a_strides[last], b, shape->b_strides[last],
                   shape->dims[last]);
        y += shape->dims[last];
        int axis = last - 1;
        while (axis >= 0 && index[axis] + 1 == shape->dims[axis]) {
            a -= index[axis] * shape->a_strides[axis];
            b -= index[axis] * shape->b_strides[axis];
            index[axis--] = 0;
        }
        if (axis < 0)
            return;
        index[axis]++;
        a += shape->a_strides[axis];
        b += shape->b_strides[axis];
    }
}
