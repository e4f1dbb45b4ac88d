/* Operators of two or more tensors, element by element with broadcasting:
 * arithmetic, comparisons, logic.
 *
 * Floating point is computed in float64, integers in int64, and both are
 * brought back to the output's dtype: see eval_numbers.h.
 */
#include <math.h>

#include "common/model/eval_numbers.h"
#include "common/model/eval_ops.h"

enum {
    DIVIDES = 1, /* no integer can be divided by zero */
    MEANS = 2,   /* over the operands, at the end */
};

/* A function of two numbers, applied from the first operand to the last. */
typedef struct function {
    double (*real)(double a, double b);
    int64_t (*whole)(int64_t a, int64_t b);
    unsigned flags;
} function_t;

static double
s_add(double a, double b)
{
    return a + b;
}

/* Integers wrap around, as numpy's do; the detour is for C, where only
 * unsigned ones may. */
static int64_t
s_add_whole(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static double
s_sub(double a, double b)
{
    return a - b;
}

static int64_t
s_sub_whole(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static double
s_mul(double a, double b)
{
    return a * b;
}

static int64_t
s_mul_whole(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static double
s_div(double a, double b)
{
    return a / b;
}

/* The smallest number over -1 would trap. */
static int64_t
s_div_whole(int64_t a, int64_t b)
{
    return b == -1 ? s_sub_whole(0, a) : a / b;
}

/* With the sign of the dividend. */
static int64_t
s_remainder_whole(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b;
}

/* With the sign of the divisor. */
static int64_t
s_modulo_whole(int64_t a, int64_t b)
{
    int64_t rest = s_remainder_whole(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Of a negative exponent, what is left of the fraction. */
static int64_t
s_pow_whole(int64_t a, int64_t b)
{
    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    uint64_t power = 1, factor = (uint64_t)a;
    for (; b > 0; b /= 2) {
        if (b % 2)
            power *= factor;
        factor *= factor;
    }
    return (int64_t)power;
}

/* A NaN wins, whichever operand it is. */
static double
s_min(double a, double b)
{
    return a < b || isnan(a) ? a : b;
}

static int64_t
s_min_whole(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static double
s_max(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

static int64_t
s_max_whole(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static double
s_prelu(double x, double slope)
{
    return x < 0.0 ? x * slope : x;
}

static double
s_equal(double a, double b)
{
    return a == b;
}

static int64_t
s_equal_whole(int64_t a, int64_t b)
{
    return a == b;
}

static double
s_greater(double a, double b)
{
    return a > b;
}

static int64_t
s_greater_whole(int64_t a, int64_t b)
{
    return a > b;
}

static double
s_less(double a, double b)
{
    return a < b;
}

static int64_t
s_less_whole(int64_t a, int64_t b)
{
    return a < b;
}

static double
s_at_least(double a, double b)
{
    return a >= b;
}

static int64_t
s_at_least_whole(int64_t a, int64_t b)
{
    return a >= b;
}

static double
s_at_most(double a, double b)
{
    return a <= b;
}

static int64_t
s_at_most_whole(int64_t a, int64_t b)
{
    return a <= b;
}

static int64_t
s_and_whole(int64_t a, int64_t b)
{
    return a && b;
}

static int64_t
s_or_whole(int64_t a, int64_t b)
{
    return a || b;
}

/* --- applying one ----------------------------------------------------------
 */

/* a = f(a, b); false where an integer would be divided by zero. */
static bool
s_combine(const function_t *f, numbers_t *a, const numbers_t *b)
{
    bool fits = true;
    for (size_t i = 0; !a->whole && i < a->count; i++)
        a->reals[i] = f->real(a->reals[i], b->reals[i]);
    for (size_t i = 0; a->whole && fits && i < a->count; i++) {
        fits = !(f->flags & DIVIDES) || b->wholes[i] != 0;
        if (fits)
            a->wholes[i] = f->whole(a->wholes[i], b->wholes[i]);
    }
    return fits;
}

static int
s_apply(const evaluation_t *self, const function_t *f)
{
    const array_t *out = self->outputs[0];
    int count = self->node->inputs_count;
    rows_t rows = rows_find(&out->shape, self->inputs, count);
    numbers_t sum = {.whole = true}, next;
    for (int i = 0; i < count; i++)
        sum.whole &= numbers_are_whole(self->inputs[i]->dtype);
    next.whole = sum.whole;
    for (size_t at = 0; at < rows.count * rows.length; at += sum.count) {
        size_t done = at % rows.length, left = rows.length - done;
        sum.count = next.count = left < NUMBERS_MAX ? left : NUMBERS_MAX;
        for (int i = 0; i < count; i++) {
            const array_t *in = self->inputs[i];
            size_t step, start = rows_start(&rows, &out->shape, &in->shape,
                                            at / rows.length, &step);
            numbers_load(i ? &next : &sum, in, start + done * step, step);
            if (i && !s_combine(f, &sum, &next))
                return eval_fault(self, "an integer is divided by zero");
        }
        for (size_t i = 0; f->flags & MEANS && i < sum.count; i++)
            sum.reals[i] /= count;
        numbers_store(&sum, out, at);
    }
    return 0;
}

static int
s_run(const evaluation_t *self)
{
    return s_apply(self, self->detail);
}

static int
s_run_mod(const evaluation_t *self)
{
    static const function_t remainder_ = {fmod, s_remainder_whole, DIVIDES},
                            modulo = {fmod, s_modulo_whole, DIVIDES};
    return s_apply(self,
                   node_int(self->node, "fmod", 0) ? &remainder_ : &modulo);
}

#define F &(const function_t)

const eval_row_t eval_rows_math[] = {
    {"Add", s_run, false, F{s_add, s_add_whole, 0}},
    {"And", s_run, false, F{NULL, s_and_whole, 0}},
    {"Div", s_run, false, F{s_div, s_div_whole, DIVIDES}},
    {"Equal", s_run, false, F{s_equal, s_equal_whole, 0}},
    {"Greater", s_run, false, F{s_greater, s_greater_whole, 0}},
    {"GreaterOrEqual", s_run, false, F{s_at_least, s_at_least_whole, 0}},
    {"Less", s_run, false, F{s_less, s_less_whole, 0}},
    {"LessOrEqual", s_run, false, F{s_at_most, s_at_most_whole, 0}},
    {"Max", s_run, false, F{s_max, s_max_whole, 0}},
    {"Mean", s_run, false, F{s_add, NULL, MEANS}},
    {"Min", s_run, false, F{s_min, s_min_whole, 0}},
    {"Mod", s_run_mod, false, NULL},
    {"Mul", s_run, false, F{s_mul, s_mul_whole, 0}},
    {"Or", s_run, false, F{NULL, s_or_whole, 0}},
    {"Pow", s_run, false, F{pow, s_pow_whole, 0}},
    {"PRelu", s_run, false, F{s_prelu, NULL, 0}},
    {"Sub", s_run, false, F{s_sub, s_sub_whole, 0}},
    {"Sum", s_run, false, F{s_add, NULL, 0}},
    {0},
};
