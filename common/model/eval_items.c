/* Operators of one tensor, element by element, on any dtype. */
#include <math.h>

#include "common/model/eval_numbers.h"
#include "common/model/eval_ops.h"

/* A function of one number. */
typedef struct function {
    double (*real)(double x);
    int64_t (*whole)(int64_t x);
} function_t;

static double
s_negate(double x)
{
    return -x;
}

static int64_t
s_negate_whole(int64_t x)
{
    return (int64_t)(0 - (uint64_t)x);
}

static int64_t
s_abs_whole(int64_t x)
{
    return x < 0 ? s_negate_whole(x) : x;
}

static int64_t
s_not_whole(int64_t x)
{
    return !x;
}

static double
s_reciprocal(double x)
{
    return 1.0 / x;
}

static int
s_run(const evaluation_t *self)
{
    const function_t *f = self->detail;
    const array_t *x = self->inputs[0];
    size_t total = (size_t)shape_elements(&x->shape);
    numbers_t numbers = {.whole = numbers_are_whole(x->dtype)};
    for (size_t at = 0; at < total; at += numbers.count) {
        size_t left = total - at;
        numbers.count = left < NUMBERS_MAX ? left : NUMBERS_MAX;
        numbers_load(&numbers, x, at, 1);
        for (size_t i = 0; numbers.whole && i < numbers.count; i++)
            numbers.wholes[i] = f->whole(numbers.wholes[i]);
        for (size_t i = 0; !numbers.whole && i < numbers.count; i++)
            numbers.reals[i] = f->real(numbers.reals[i]);
        numbers_store(&numbers, self->outputs[0], at);
    }
    return 0;
}

#define F &(const function_t)

const eval_row_t eval_rows_items[] = {
    {"Abs", s_run, false, F{fabs, s_abs_whole}},
    {"Ceil", s_run, false, F{.real = ceil}},
    {"Erf", s_run, false, F{.real = erf}},
    {"Exp", s_run, false, F{.real = exp}},
    {"Floor", s_run, false, F{.real = floor}},
    {"Log", s_run, false, F{.real = log}},
    {"Neg", s_run, false, F{s_negate, s_negate_whole}},
    {"Not", s_run, false, F{.whole = s_not_whole}},
    {"Reciprocal", s_run, false, F{.real = s_reciprocal}},
    {"Sqrt", s_run, false, F{.real = sqrt}},
    {"Tanh", s_run, false, F{.real = tanh}},
    {0},
};
