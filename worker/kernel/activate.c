/* Functions of one element, a loop each. */
#include "worker/kernel/activate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "worker/kernel/exponential.h"

typedef void loop_t(const activation_t *f, float *y, const float *x,
                    size_t count);

static void
s_none(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    if (y != x)
        memcpy(y, x, count * sizeof *y);
}

/* Comparisons are written so that a NaN is kept. */
static void
s_relu(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

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
s_leaky_relu(const activation_t *f, float *y, const float *x, size_t count)
{
    float slope = f->alpha;
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0.0f ? slope * x[i] : x[i];
}

static void
s_sigmoid(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = 1.0f / (1.0f + exponential(-x[i]));
}

static void
s_tanh(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = hyperbolic_tangent(x[i]);
}

static void
s_erf(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = error_function(x[i]);
}

static void
s_silu(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] / (1.0f + exponential(-x[i]));
}

static void
s_gelu(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = 0.5f * x[i] * (1.0f + error_function(x[i] * 0.70710678f));
}

/* (1 + tanh u) / 2 is the sigmoid of 2 u. */
static void
s_gelu_tanh(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++) {
        float inner = x[i] + 0.044715f * x[i] * x[i] * x[i];
        y[i] = x[i] / (1.0f + exponential(-1.59576912f * inner));
    }
}

static void
s_hard_sigmoid(const activation_t *f, float *y, const float *x, size_t count)
{
    float slope = f->alpha, shift = f->beta;
    for (size_t i = 0; i < count; i++) {
        float v = slope * x[i] + shift;
        v = v < 0.0f ? 0.0f : v;
        y[i] = v > 1.0f ? 1.0f : v;
    }
}

static void
s_hard_swish(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++) {
        float v = x[i] * (1.0f / 6.0f) + 0.5f;
        v = v < 0.0f ? 0.0f : v;
        y[i] = x[i] * (v > 1.0f ? 1.0f : v);
    }
}

static void
s_elu(const activation_t *f, float *y, const float *x, size_t count)
{
    float alpha = f->alpha;
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0.0f ? alpha * exponential_less_one(x[i]) : x[i];
}

static void
s_selu(const activation_t *f, float *y, const float *x, size_t count)
{
    float alpha = f->alpha, beta = f->beta;
    for (size_t i = 0; i < count; i++) {
        float v = x[i] < 0.0f ? alpha * exponential_less_one(x[i]) : x[i];
        y[i] = beta * v;
    }
}

static void
s_celu(const activation_t *f, float *y, const float *x, size_t count)
{
    float alpha = f->alpha;
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0.0f ? alpha * exponential_less_one(x[i] / alpha) : x[i];
}

/* The larger exponential is taken out, so that none overflows. */
static void
s_softplus(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++) {
        float rest = log1pf(exponential(-fabsf(x[i])));
        y[i] = x[i] > 0.0f ? x[i] + rest : rest;
    }
}

/* With e = exp(x): tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2), and 1
 * long before e^2 overflows. */
static void
s_mish(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++) {
        float e = exponential(x[i] > 30.0f ? 30.0f : x[i]);
        float v = e * (e + 2.0f);
        y[i] = x[i] * (v / (v + 2.0f));
    }
}

static void
s_exp(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = exponential(x[i]);
}

static void
s_log(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = logf(x[i]);
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

static void
s_negate(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = -x[i];
}

static void
s_abs(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = fabsf(x[i]);
}

static void
s_reciprocal(const activation_t *f, float *y, const float *x, size_t count)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        y[i] = 1.0f / x[i];
}

static loop_t *const loops[ACTIVATIONS] = {
    [ACTIVATION_NONE] = s_none,
    [ACTIVATION_RELU] = s_relu,
    [ACTIVATION_CLIP] = s_clip,
    [ACTIVATION_LEAKY_RELU] = s_leaky_relu,
    [ACTIVATION_SIGMOID] = s_sigmoid,
    [ACTIVATION_TANH] = s_tanh,
    [ACTIVATION_ERF] = s_erf,
    [ACTIVATION_SILU] = s_silu,
    [ACTIVATION_GELU] = s_gelu,
    [ACTIVATION_GELU_TANH] = s_gelu_tanh,
    [ACTIVATION_HARD_SIGMOID] = s_hard_sigmoid,
    [ACTIVATION_HARD_SWISH] = s_hard_swish,
    [ACTIVATION_ELU] = s_elu,
    [ACTIVATION_SELU] = s_selu,
    [ACTIVATION_CELU] = s_celu,
    [ACTIVATION_SOFTPLUS] = s_softplus,
    [ACTIVATION_MISH] = s_mish,
    [ACTIVATION_EXP] = s_exp,
    [ACTIVATION_LOG] = s_log,
    [ACTIVATION_FLOOR] = s_floor,
    [ACTIVATION_CEIL] = s_ceil,
    [ACTIVATION_SQRT] = s_sqrt,
    [ACTIVATION_NEGATE] = s_negate,
    [ACTIVATION_ABS] = s_abs,
    [ACTIVATION_RECIPROCAL] = s_reciprocal,
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
