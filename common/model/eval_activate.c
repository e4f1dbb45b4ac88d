/* Activations: functions of one number with parameters, on any dtype. */
#include <math.h>
#include <string.h>

#include "common/model/eval_numbers.h"
#include "common/model/eval_ops.h"

/* a and b are the attributes alpha and beta (of Selu: gamma), or the bounds
 * of Clip. */
typedef struct function {
    double (*real)(double x, double a, double b);
    int64_t (*whole)(int64_t x, int64_t a, int64_t b);
    float alpha, beta; /* where the node has none */
} function_t;

/* Comparisons are written so that a NaN is kept. */
static double
s_relu(double x, double a, double b)
{
    (void)a;
    (void)b;
    return x < 0.0 ? 0.0 : x;
}

static int64_t
s_relu_whole(int64_t x, int64_t a, int64_t b)
{
    (void)a;
    (void)b;
    return x < 0 ? 0 : x;
}

static double
s_clip(double x, double a, double b)
{
    x = x < a ? a : x;
    return x > b ? b : x;
}

static int64_t
s_clip_whole(int64_t x, int64_t a, int64_t b)
{
    x = x < a ? a : x;
    return x > b ? b : x;
}

static double
s_leaky_relu(double x, double a, double b)
{
    (void)b;
    return x < 0.0 ? a * x : x;
}

static double
s_elu(double x, double a, double b)
{
    (void)b;
    return x < 0.0 ? a * expm1(x) : x;
}

static double
s_selu(double x, double a, double b)
{
    return b * s_elu(x, a, b);
}

static double
s_celu(double x, double a, double b)
{
    (void)b;
    return x < 0.0 ? a * expm1(x / a) : x;
}

static double
s_sigmoid(double x, double a, double b)
{
    (void)a;
    (void)b;
    return 1.0 / (1.0 + exp(-x));
}

static double
s_silu(double x, double a, double b)
{
    return x * s_sigmoid(x, a, b);
}

static double
s_hard_sigmoid(double x, double a, double b)
{
    return s_clip(a * x + b, 0.0, 1.0);
}

static double
s_hard_swish(double x, double a, double b)
{
    return x * s_hard_sigmoid(x, a, b);
}

/* The larger exponential is taken out, so that none overflows. */
static double
s_softplus(double x, double a, double b)
{
    (void)a;
    (void)b;
    return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double
s_mish(double x, double a, double b)
{
    return x * tanh(s_softplus(x, a, b));
}

static double
s_gelu(double x, double a, double b)
{
    (void)a;
    (void)b;
    return 0.5 * x * erfc(-x * M_SQRT1_2);
}

static double
s_gelu_tanh(double x, double a, double b)
{
    (void)a;
    (void)b;
    double inner = M_SQRT2 * 0.5 * M_2_SQRTPI * (x + 0.044715 * x * x * x);
    return 0.5 * x * (1.0 + tanh(inner));
}

/* --- applying one ----------------------------------------------------------
 */

/* a and b are numbers of the input's kind. */
static void
s_apply(const evaluation_t *self, const function_t *f, const numbers_t *a,
        const numbers_t *b)
{
    const array_t *x = self->inputs[0];
    size_t total = (size_t)shape_elements(&x->shape);
    numbers_t numbers = {.whole = a->whole};
    for (size_t at = 0; at < total; at += numbers.count) {
        size_t left = total - at;
        numbers.count = left < NUMBERS_MAX ? left : NUMBERS_MAX;
        numbers_load(&numbers, x, at, 1);
        for (size_t i = 0; numbers.whole && i < numbers.count; i++)
            numbers.wholes[i] =
                f->whole(numbers.wholes[i], a->wholes[0], b->wholes[0]);
        for (size_t i = 0; !numbers.whole && i < numbers.count; i++)
            numbers.reals[i] =
                f->real(numbers.reals[i], a->reals[0], b->reals[0]);
        numbers_store(&numbers, self->outputs[0], at);
    }
}

static int
s_run_with(const evaluation_t *self, const function_t *f, const char *second)
{
    numbers_t a = {.whole = numbers_are_whole(self->inputs[0]->dtype)}, b = a;
    if (!a.whole) {
        a.reals[0] = (double)node_float(self->node, "alpha", f->alpha);
        b.reals[0] = (double)node_float(self->node, second, f->beta);
    }
    s_apply(self, f, &a, &b);
    return 0;
}

static int
s_run(const evaluation_t *self)
{
    return s_run_with(self, self->detail, "beta");
}

static int
s_run_selu(const evaluation_t *self)
{
    return s_run_with(self, self->detail, "gamma");
}

/* Its numbers are not for the node to choose. */
static int
s_run_hard_swish(const evaluation_t *self)
{
    const numbers_t a = {.reals = {1.0 / 6.0}}, b = {.reals = {0.5}};
    s_apply(self, self->detail, &a, &b);
    return 0;
}

static int
s_run_gelu(const evaluation_t *self)
{
    static const function_t exact = {s_gelu, NULL, 0.0f, 0.0f},
                            approximate = {s_gelu_tanh, NULL, 0.0f, 0.0f};
    const char *text = node_text(self->node, "approximate", "none");
    return s_run_with(self, strcmp(text, "tanh") == 0 ? &approximate : &exact,
                      "beta");
}

static int
s_run_clip(const evaluation_t *self)
{
    static const function_t clip = {s_clip, s_clip_whole, 0.0f, 0.0f};
    const array_t *low = eval_input(self, 1), *high = eval_input(self, 2);
    numbers_t a = {1, numbers_are_whole(self->inputs[0]->dtype), {{0}}}, b = a;
    if (a.whole) {
        a.wholes[0] = INT64_MIN;
        b.wholes[0] = INT64_MAX;
    } else {
        a.reals[0] = -HUGE_VAL;
        b.reals[0] = HUGE_VAL;
    }
    if (low)
        numbers_load(&a, low, 0, 0);
    if (high)
        numbers_load(&b, high, 0, 0);
    s_apply(self, &clip, &a, &b);
    return 0;
}

#define F &(const function_t)

const eval_row_t eval_rows_activate[] = {
    {"Celu", s_run, false, F{s_celu, NULL, 1.0f, 0.0f}},
    {"Clip", s_run_clip, false, NULL},
    {"Elu", s_run, false, F{s_elu, NULL, 1.0f, 0.0f}},
    {"Gelu", s_run_gelu, false, NULL},
    {"HardSigmoid", s_run, false, F{s_hard_sigmoid, NULL, 0.2f, 0.5f}},
    {"HardSwish", s_run_hard_swish, false, F{s_hard_swish, NULL, 0.0f, 0.0f}},
    {"LeakyRelu", s_run, false, F{s_leaky_relu, NULL, 0.01f, 0.0f}},
    {"Mish", s_run, false, F{s_mish, NULL, 0.0f, 0.0f}},
    {"Relu", s_run, false, F{s_relu, s_relu_whole, 0.0f, 0.0f}},
    {"Selu", s_run_selu, false, F{s_selu, NULL, 1.67326319f, 1.05070102f}},
    {"Sigmoid", s_run, false, F{s_sigmoid, NULL, 0.0f, 0.0f}},
    {"Silu", s_run, false, F{s_silu, NULL, 0.0f, 0.0f}},
    {"Softplus", s_run, false, F{s_softplus, NULL, 0.0f, 0.0f}},
    {0},
};
