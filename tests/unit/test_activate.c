/* Functions of one element against their definitions in double. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/activate.h"
#include "worker/kernel/exponential.h"

/* The lanes are alike. */
static float
s_exponential(float x)
{
    return exponential(vector_all(x))[0];
}

static float
s_tangent(float x)
{
    return hyperbolic_tangent(vector_all(x))[0];
}

static float
s_error(float x)
{
    return error_function(vector_all(x))[0];
}

static float
s_logarithm(float x)
{
    return logarithm(vector_all(x))[0];
}

static double
s_clamp(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

/* The definitions of activate.h, in double. */
static double
s_function(const activation_t *f, double x)
{
    double a = (double)f->alpha, b = (double)f->beta;
    switch (f->kind) {
    case ACTIVATION_RELU:
        return fmax(x, 0.0);
    case ACTIVATION_CLIP:
        return s_clamp(x, a, b);
    case ACTIVATION_LEAKY_RELU:
        return x < 0.0 ? a * x : x;
    case ACTIVATION_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case ACTIVATION_TANH:
        return tanh(x);
    case ACTIVATION_ERF:
        return erf(x);
    case ACTIVATION_SILU:
        return x / (1.0 + exp(-x));
    case ACTIVATION_GELU:
        return 0.5 * x * (1.0 + erf(x * M_SQRT1_2));
    case ACTIVATION_GELU_TANH:
        return 0.5 * x *
               (1.0 + tanh(sqrt(M_2_PI) * (x + 0.044715 * x * x * x)));
    case ACTIVATION_HARD_SIGMOID:
        return s_clamp(a * x + b, 0.0, 1.0);
    case ACTIVATION_HARD_SWISH:
        return x * s_clamp(x / 6.0 + 0.5, 0.0, 1.0);
    case ACTIVATION_ELU:
        return x < 0.0 ? a * expm1(x) : x;
    case ACTIVATION_SELU:
        return b * (x < 0.0 ? a * expm1(x) : x);
    case ACTIVATION_CELU:
        return x < 0.0 ? a * expm1(x / a) : x;
    case ACTIVATION_SOFTPLUS:
        return log1p(exp(x));
    case ACTIVATION_MISH:
        return x * tanh(log1p(exp(x)));
    case ACTIVATION_EXP:
        return exp(x);
    case ACTIVATION_LOG:
        return log(x);
    case ACTIVATION_FLOOR:
        return floor(x);
    case ACTIVATION_CEIL:
        return ceil(x);
    case ACTIVATION_SQRT:
        return sqrt(x);
    case ACTIVATION_NEGATE:
        return -x;
    case ACTIVATION_ABS:
        return fabs(x);
    case ACTIVATION_RECIPROCAL:
        return 1.0 / x;
    default:
        return x;
    }
}

enum { COUNT = 1003 };

static void
s_check_scale(const activation_t *f, float scale)
{
    naive_random_t random = {21};
    float *x = naive_floats(&random, COUNT);
    float *y = naive_floats(&random, COUNT);
    float *expected = naive_floats(&random, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        bool positive = f->kind == ACTIVATION_SQRT || f->kind == ACTIVATION_LOG;
        x[i] = positive ? fabsf(scale * x[i]) : scale * x[i];
        expected[i] = (float)s_function(f, (double)x[i]);
    }
    kernels()->activate(f, y, x, COUNT);
    if (naive_error(y, expected, COUNT) >= 1e-6)
        fail_msg("activation %d at scale %g: error %g", f->kind, (double)scale,
                 naive_error(y, expected, COUNT));
    kernels()->activate(f, x, x, COUNT);
    assert_memory_equal(x, y, COUNT * sizeof *x);
    free(x);
    free(y);
    free(expected);
}

static void
activations_are_right_for_small_and_large_numbers(void **state)
{
    (void)state;
    for (int kind = 0; kind < ACTIVATIONS; kind++) {
        activation_t f = {(activation_kind_t)kind, 0.2f, 0.5f};
        s_check_scale(&f, 1e-3f);
        s_check_scale(&f, 1.0f);
        s_check_scale(&f, 8.0f);
    }
}

/* Where 1 and exp(x) nearly cancel, or exp(x) would overflow. */
static void
activations_made_of_exponentials_are_right_at_the_edges(void **state)
{
    (void)state;
    const float x[] = {-1e-7f, -1e-3f, -0.3f, -0.4f, -20.0f, -86.0f,
                       1e-3f,  19.0f,  30.5f, 50.0f, 89.0f,  1e30f};
    const int kinds[] = {ACTIVATION_ELU, ACTIVATION_SELU, ACTIVATION_CELU,
                         ACTIVATION_SOFTPLUS, ACTIVATION_MISH};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
            activation_t f = {(activation_kind_t)kinds[k], 1.0f, 1.1f};
            float y, expected = (float)s_function(&f, (double)x[i]);
            if (isinf(expected) || isnan(expected) || x[i] > 80.0f)
                expected = f.kind == ACTIVATION_SELU ? 1.1f * x[i] : x[i];
            kernels()->activate(&f, &y, &x[i], 1);
            if (naive_error(&y, &expected, 1) >= 1e-6)
                fail_msg("activation %d of %g: %g, not %g", kinds[k],
                         (double)x[i], (double)y, (double)expected);
        }
}

static void
activations_keep_what_is_no_number(void **state)
{
    (void)state;
    for (int kind = 0; kind < ACTIVATIONS; kind++) {
        activation_t f = {(activation_kind_t)kind, 0.2f, 0.5f};
        float x[9], y[9];
        for (int i = 0; i < 9; i++)
            x[i] = NAN;
        kernels()->activate(&f, y, x, 9);
        for (int i = 0; i < 9; i++)
            if (!isnan(y[i]))
                fail_msg("activation %d makes %g of NaN", kind, (double)y[i]);
    }
}

static void
the_exponential_is_close_over_its_whole_range(void **state)
{
    (void)state;
    double worst = 0.0;
    for (float x = -87.0f; x < 88.0f; x += 0.00317f) {
        double right = exp((double)x);
        worst = fmax(worst, fabs((double)s_exponential(x) - right) / right);
    }
    assert_true(worst < 3e-7);
    assert_true(s_exponential(0.0f) == 1.0f);
    assert_true(s_exponential(-88.0f) == 0.0f);
    assert_true(s_exponential(-INFINITY) == 0.0f);
    assert_true(isinf(s_exponential(1000.0f)));
    assert_true(isfinite(s_exponential(88.7f)));
    assert_true(isnan(s_exponential(NAN)));
}

static void
tangents_and_errors_are_close_over_their_whole_range(void **state)
{
    (void)state;
    double tangent = 0.0, error = 0.0;
    for (float x = 1e-20f; x < 20.0f; x = x * 1.0003f) {
        double right = tanh((double)x), erf_right = erf((double)x);
        tangent = fmax(tangent, fabs((double)s_tangent(x) / right - 1));
        error = fmax(error, fabs((double)s_error(x) / erf_right - 1));
        assert_true(s_tangent(-x) == -s_tangent(x));
        assert_true(s_error(-x) == -s_error(x));
    }
    assert_true(tangent < 4e-7);
    assert_true(error < 5e-7);
    assert_true(s_tangent(INFINITY) == 1.0f);
    for (float x = 3.92f; x < 1e38f; x *= 1.5f)
        assert_true(s_error(-x) == -1.0f);
    assert_true(s_error(INFINITY) == 1.0f);
    assert_true(isnan(s_tangent(NAN)) && isnan(s_error(NAN)));
}

static void
the_logarithm_is_close_over_its_whole_range(void **state)
{
    (void)state;
    double worst = 0.0;
    for (float x = 1e-44f; x < 3e38f; x *= x < 1e-40f ? 2.0f : 1.0007f)
        if (x != 1.0f)
            worst = fmax(worst,
                         fabs((double)s_logarithm(x) / log((double)x) - 1.0));
    assert_true(worst < 3e-7);
    assert_true(s_logarithm(1.0f) == 0.0f);
    assert_true(s_logarithm(INFINITY) == INFINITY);
    assert_true(s_logarithm(0.0f) == -INFINITY);
    assert_true(s_logarithm(-0.0f) == -INFINITY);
    assert_true(isnan(s_logarithm(-1e-40f)) && isnan(s_logarithm(-INFINITY)));
    assert_true(isnan(s_logarithm(NAN)));
}

static void
activations_are_the_same_in_any_company(void **state)
{
    (void)state;
    enum { MOST = 70 };
    naive_random_t random = {22};
    float *x = naive_floats(&random, MOST), y[MOST], single[MOST];
    for (int kind = 0; kind < ACTIVATIONS; kind++) {
        activation_t f = {(activation_kind_t)kind, 0.2f, 0.5f};
        for (size_t i = 0; i < MOST; i++)
            kernels()->activate(&f, &single[i], &x[i], 1);
        for (size_t count = 0; count <= MOST; count++) {
            kernels()->activate(&f, y, x, count);
            assert_memory_equal(y, single, count * sizeof *y);
            memcpy(y, x, sizeof y);
            kernels()->activate(&f, y, y, count);
            assert_memory_equal(y, single, count * sizeof *y);
            assert_memory_equal(y + count, x + count,
                                (MOST - count) * sizeof *y);
        }
    }
    free(x);
}

/* What erf misses to -1 is multiplied by x. */
static void
gelu_is_nothing_far_below_zero(void **state)
{
    (void)state;
    activation_t gelu = {ACTIVATION_GELU, 0.0f, 0.0f};
    const float x[3] = {-6.0f, -1e6f, -3e38f};
    float y[3];
    kernels()->activate(&gelu, y, x, 3);
    for (int i = 0; i < 3; i++)
        assert_true(y[i] == 0.0f);
}

static void
the_end_of_a_row_adds_bias_and_residual_first(void **state)
{
    (void)state;
    activation_t relu = {ACTIVATION_RELU, 0.0f, 0.0f};
    float y[3] = {1.0f, -2.0f, 3.0f}, residual[3] = {0.5f, 0.5f, -9.0f};
    float bias[3] = {1.0f, 2.0f, 3.0f};
    kernels()->activate_row(&relu, y, 1.0f, residual, 3);
    assert_true(y[0] == 2.5f && y[1] == 0.0f && y[2] == 0.0f);
    kernels()->activate_column(&relu, y, bias, NULL, 3);
    assert_true(y[0] == 3.5f && y[1] == 2.0f && y[2] == 3.0f);
    kernels()->activate_column(&relu, y, bias, residual, 3);
    assert_true(y[0] == 5.0f && y[1] == 4.5f && y[2] == 0.0f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_are_right_for_small_and_large_numbers),
        cmocka_unit_test(
            activations_made_of_exponentials_are_right_at_the_edges),
        cmocka_unit_test(activations_keep_what_is_no_number),
        cmocka_unit_test(the_exponential_is_close_over_its_whole_range),
        cmocka_unit_test(tangents_and_errors_are_close_over_their_whole_range),
        cmocka_unit_test(the_logarithm_is_close_over_its_whole_range),
        cmocka_unit_test(activations_are_the_same_in_any_company),
        cmocka_unit_test(gelu_is_nothing_far_below_zero),
        cmocka_unit_test(the_end_of_a_row_adds_bias_and_residual_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
