/* Functions of one element, a loop each. */
#include "worker/kernel/activate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "worker/kernel/exponential.h"
#include "worker/kernel/vector.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = VECTOR_LANES };

typedef vector_t function_t(const activation_t *f, vector_t x);

/* Written once, inlined for each function. What the last vector has in common
 * with the one before is read before that is written: y may be x. */
INLINE void
s_each(function_t *function, const activation_t *f, float *y, const float *x,
       size_t count)
{
    if (count < LANES) {
        float few[LANES] = {0};
        for (size_t i = 0; i < count; i++)
            few[i] = x[i];
        vector_store(few, function(f, vector_load(few)));
        for (size_t i = 0; i < count; i++)
            y[i] = few[i];
        return;
    }
    vector_t last = vector_load(x + count - LANES);
    for (size_t i = 0; i + LANES <= count; i += LANES)
        vector_store(y + i, function(f, vector_load(x + i)));
    if (count % LANES != 0)
        vector_store(y + count - LANES, function(f, last));
}

/* Comparisons are written so that a NaN is kept. */
INLINE vector_t
s_relu(const activation_t *f, vector_t x)
{
    (void)f;
    return VECTOR_CHOOSE(x < 0.0f, (vector_t){0}, x);
}

INLINE vector_t
s_leaky_relu(const activation_t *f, vector_t x)
{
    return VECTOR_CHOOSE(x < 0.0f, f->alpha * x, x);
}

INLINE vector_t
s_sigmoid(const activation_t *f, vector_t x)
{
    (void)f;
    return 1.0f / (1.0f + exponential(-x));
}

INLINE vector_t
s_tanh(const activation_t *f, vector_t x)
{
    (void)f;
    return hyperbolic_tangent(x);
}

INLINE vector_t
s_erf(const activation_t *f, vector_t x)
{
    (void)f;
    return error_function(x);
}

INLINE vector_t
s_silu(const activation_t *f, vector_t x)
{
    (void)f;
    return x / (1.0f + exponential(-x));
}

INLINE vector_t
s_gelu(const activation_t *f, vector_t x)
{
    (void)f;
    return 0.5f * x * (1.0f + error_function(x * 0.70710678f));
}

/* (1 + tanh u) / 2 is the sigmoid of 2 u. */
INLINE vector_t
s_gelu_tanh(const activation_t *f, vector_t x)
{
    (void)f;
    vector_t inner = x + 0.044715f * x * x * x;
    return x / (1.0f + exponential(-1.59576912f * inner));
}

INLINE vector_t
s_hard_sigmoid(const activation_t *f, vector_t x)
{
    return vector_between(f->alpha * x + f->beta, (vector_t){0},
                          vector_all(1.0f));
}

INLINE vector_t
s_hard_swish(const activation_t *f, vector_t x)
{
    (void)f;
    return x * vector_between(x * (1.0f / 6.0f) + 0.5f, (vector_t){0},
                              vector_all(1.0f));
}

INLINE vector_t
s_elu(const activation_t *f, vector_t x)
{
    return VECTOR_CHOOSE(x < 0.0f, f->alpha * exponential_less_one(x), x);
}

INLINE vector_t
s_selu(const activation_t *f, vector_t x)
{
    return f->beta * s_elu(f, x);
}

INLINE vector_t
s_celu(const activation_t *f, vector_t x)
{
    return VECTOR_CHOOSE(x < 0.0f,
                         f->alpha * exponential_less_one(x / f->alpha), x);
}

/* The larger exponential is taken out, so that none overflows. */
INLINE vector_t
s_softplus(const activation_t *f, vector_t x)
{
    (void)f;
    vector_t rest = logarithm_of_one_more(exponential(-vector_absolute(x)));
    return VECTOR_CHOOSE(x > 0.0f, x + rest, rest);
}

/* With e = exp(x): tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2), and 1
 * long before e^2 overflows. */
INLINE vector_t
s_mish(const activation_t *f, vector_t x)
{
    (void)f;
    vector_t most = vector_all(30.0f);
    vector_t e = exponential(VECTOR_CHOOSE(x > most, most, x));
    vector_t v = e * (e + 2.0f);
    return x * (v / (v + 2.0f));
}

INLINE vector_t
s_exp(const activation_t *f, vector_t x)
{
    (void)f;
    return exponential(x);
}

INLINE vector_t
s_log(const activation_t *f, vector_t x)
{
    (void)f;
    return logarithm(x);
}

INLINE vector_t
s_negate(const activation_t *f, vector_t x)
{
    (void)f;
    return -x;
}

INLINE vector_t
s_abs(const activation_t *f, vector_t x)
{
    (void)f;
    return vector_absolute(x);
}

INLINE vector_t
s_reciprocal(const activation_t *f, vector_t x)
{
    (void)f;
    return 1.0f / x;
}

typedef void loop_t(const activation_t *f, float *y, const float *x,
                    size_t count);

#define LOOP(name)                                                             \
    static void name##_loop(const activation_t *f, float *y, const float *x,   \
                            size_t count)                                      \
    {                                                                          \
        s_each(name, f, y, x, count);                                          \
    }

LOOP(s_relu)
LOOP(s_leaky_relu)
LOOP(s_sigmoid)
LOOP(s_tanh)
LOOP(s_erf)
LOOP(s_silu)
LOOP(s_gelu)
LOOP(s_gelu_tanh)
LOOP(s_hard_sigmoid)
LOOP(s_hard_swish)
LOOP(s_elu)
LOOP(s_selu)
LOOP(s_celu)
LOOP(s_softplus)
LOOP(s_mish)
LOOP(s_exp)
LOOP(s_log)
LOOP(s_negate)
LOOP(s_abs)
LOOP(s_reciprocal)

static void
s_none(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    if (y != x)
        memcpy(y, x, count * sizeof *y);
}

/* GCC makes instructions of these that vectors have no operators for. */
static void
s_clip(const activation_t *f, float *y, const float *x, size_t count)
{
    float low = f->alpha, high = f->beta;
    for (size_t i = 0; i < count; i++) {
        float v = x[i] < low ? low : x[i];
        y[i] = v > high ? high : v;
    }
}

static void
s_floor(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = floorf(x[i]);
}

static void
s_ceil(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = ceilf(x[i]);
}

static void
s_sqrt(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = sqrtf(x[i]);
}

static loop_t *const loops[ACTIVATIONS] = {
    [ACTIVATION_NONE] = s_none,
    [ACTIVATION_RELU] = s_relu_loop,
    [ACTIVATION_CLIP] = s_clip,
    [ACTIVATION_LEAKY_RELU] = s_leaky_relu_loop,
    [ACTIVATION_SIGMOID] = s_sigmoid_loop,
    [ACTIVATION_TANH] = s_tanh_loop,
    [ACTIVATION_ERF] = s_erf_loop,
    [ACTIVATION_SILU] = s_silu_loop,
    [ACTIVATION_GELU] = s_gelu_loop,
    [ACTIVATION_GELU_TANH] = s_gelu_tanh_loop,
    [ACTIVATION_HARD_SIGMOID] = s_hard_sigmoid_loop,
    [ACTIVATION_HARD_SWISH] = s_hard_swish_loop,
    [ACTIVATION_ELU] = s_elu_loop,
    [ACTIVATION_SELU] = s_selu_loop,
    [ACTIVATION_CELU] = s_celu_loop,
    [ACTIVATION_SOFTPLUS] = s_softplus_loop,
    [ACTIVATION_MISH] = s_mish_loop,
    [ACTIVATION_EXP] = s_exp_loop,
    [ACTIVATION_LOG] = s_log_loop,
    [ACTIVATION_FLOOR] = s_floor,
    [ACTIVATION_CEIL] = s_ceil,
    [ACTIVATION_SQRT] = s_sqrt,
    [ACTIVATION_NEGATE] = s_negate_loop,
    [ACTIVATION_ABS] = s_abs_loop,
    [ACTIVATION_RECIPROCAL] = s_reciprocal_loop,
};

void
activate(const activation_t *f, float *y, const float *x, size_t count)
{
    assert(f->kind < ACTIVATIONS);
    loops[f->kind](f, y, x, count);
}

void
activate_row(const activation_t *f, float *y, float bias, const float *residual,
             size_t count)
{
    if (residual)
        for (size_t i = 0; i < count; i++)
            y[i] = y[i] + bias + residual[i];
    else
        for (size_t i = 0; i < count; i++)
            y[i] += bias;
    if (f->kind != ACTIVATION_NONE)
        activate(f, y, y, count);
}

void
activate_column(const activation_t *f, float *y, const float *bias,
                const float *residual, size_t count)
{
    if (residual)
        for (size_t i = 0; i < count; i++)
            y[i] = y[i] + bias[i] + residual[i];
    else
        for (size_t i = 0; i < count; i++)
            y[i] += bias[i];
    if (f->kind != ACTIVATION_NONE)
        activate(f, y, y, count);
}
