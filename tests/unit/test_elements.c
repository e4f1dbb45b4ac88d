/* Element-wise kernels, softmax, affine, layout and linear. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "worker/kernel/activate.h"
#include "worker/kernel/affine.h"
#include "worker/kernel/binary.h"
#include "worker/kernel/exponential.h"
#include "worker/kernel/gemm.h"
#include "worker/kernel/layout.h"
#include "worker/kernel/linear.h"
#include "worker/kernel/softmax.h"
#include "worker/kernel/vector_matrix.h"

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
    activate(f, y, x, COUNT);
    if (naive_error(y, expected, COUNT) >= 1e-6)
        fail_msg("activation %d at scale %g: error %g", f->kind, (double)scale,
                 naive_error(y, expected, COUNT));
    activate(f, x, x, COUNT);
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
            activate(&f, &y, &x[i], 1);
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
        activate(&f, y, x, 9);
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
        worst = fmax(worst, fabs((double)exponential(x) - right) / right);
    }
    assert_true(worst < 3e-7);
    assert_true(exponential(0.0f) == 1.0f);
    assert_true(exponential(-88.0f) == 0.0f);
    assert_true(exponential(-INFINITY) == 0.0f);
    assert_true(isinf(exponential(1000.0f)));
    assert_true(isfinite(exponential(88.7f)));
    assert_true(isnan(exponential(NAN)));
}

static void
tangents_and_errors_are_close_over_their_whole_range(void **state)
{
    (void)state;
    double tangent = 0.0, error = 0.0;
    for (float x = 1e-20f; x < 20.0f; x = x * 1.0003f) {
        double right = tanh((double)x), erf_right = erf((double)x);
        tangent =
            fmax(tangent, fabs((double)hyperbolic_tangent(x) / right - 1));
        error = fmax(error, fabs((double)error_function(x) / erf_right - 1));
        assert_true(hyperbolic_tangent(-x) == -hyperbolic_tangent(x));
        assert_true(error_function(-x) == -error_function(x));
    }
    assert_true(tangent < 4e-7);
    assert_true(error < 5e-7);
    assert_true(hyperbolic_tangent(INFINITY) == 1.0f);
    for (float x = 3.92f; x < 1e38f; x *= 1.5f)
        assert_true(error_function(-x) == -1.0f);
    assert_true(error_function(INFINITY) == 1.0f);
    assert_true(isnan(hyperbolic_tangent(NAN)) && isnan(error_function(NAN)));
}

/* What erf misses to -1 is multiplied by x. */
static void
gelu_is_nothing_far_below_zero(void **state)
{
    (void)state;
    activation_t gelu = {ACTIVATION_GELU, 0.0f, 0.0f};
    const float x[3] = {-6.0f, -1e6f, -3e38f};
    float y[3];
    activate(&gelu, y, x, 3);
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
    activate_row(&relu, y, 1.0f, residual, 3);
    assert_true(y[0] == 2.5f && y[1] == 0.0f && y[2] == 0.0f);
    activate_column(&relu, y, bias, NULL, 3);
    assert_true(y[0] == 3.5f && y[1] == 2.0f && y[2] == 3.0f);
    activate_column(&relu, y, bias, residual, 3);
    assert_true(y[0] == 5.0f && y[1] == 4.5f && y[2] == 0.0f);
}

static float
s_apply(binary_kind_t kind, float a, float b)
{
    switch (kind) {
    case BINARY_ADD:
        return a + b;
    case BINARY_SUB:
        return a - b;
    case BINARY_MUL:
        return a * b;
    case BINARY_DIV:
        return a / b;
    case BINARY_MAX:
        return a > b ? a : b;
    case BINARY_MIN:
        return a < b ? a : b;
    case BINARY_PRELU:
        return a < 0.0f ? a * b : a;
    default:
        return powf(a, b);
    }
}

/* Some shape; each operand repeats along some axes. */
static size_t
s_random_broadcast(naive_random_t *random, binary_shape_t *shape)
{
    size_t count = 1, a = 1, b = 1;
    shape->rank = naive_int(random, 0, 5);
    for (int i = shape->rank - 1; i >= 0; i--) {
        shape->dims[i] = (size_t)naive_int(random, 1, 6);
        bool a_has = naive_int(random, 0, 3), b_has = naive_int(random, 0, 2);
        shape->a_strides[i] = a_has && shape->dims[i] > 1 ? a : 0;
        shape->b_strides[i] = b_has && shape->dims[i] > 1 ? b : 0;
        a *= a_has ? shape->dims[i] : 1;
        b *= b_has ? shape->dims[i] : 1;
        count *= shape->dims[i];
    }
    return count;
}

static void
operands_are_repeated_along_any_axes(void **state)
{
    (void)state;
    naive_random_t random = {22};
    for (int round = 0; round < 500; round++) {
        binary_shape_t shape = {0};
        size_t count = s_random_broadcast(&random, &shape);
        binary_kind_t kind = (binary_kind_t)naive_int(&random, 0, BINARIES - 1);
        float *a = naive_floats(&random, count);
        float *b = naive_floats(&random, count);
        float *y = naive_floats(&random, count);
        float *expected = naive_floats(&random, count);
        for (size_t i = 0; kind == BINARY_POW && i < count; i++)
            a[i] = fabsf(a[i]);
        for (size_t i = 0; i < count; i++) {
            size_t rest = i, at_a = 0, at_b = 0;
            for (int k = shape.rank - 1; k >= 0; k--) {
                at_a += rest % shape.dims[k] * shape.a_strides[k];
                at_b += rest % shape.dims[k] * shape.b_strides[k];
                rest /= shape.dims[k];
            }
            expected[i] = s_apply(kind, a[at_a], b[at_b]);
        }
        binary(kind, &shape, y, a, b);
        assert_memory_equal(y, expected, count * sizeof *y);
        memset(y, 0, count * sizeof *y);
        binary_simplify(&shape);
        binary(kind, &shape, y, a, b);
        assert_memory_equal(y, expected, count * sizeof *y);
        free(a);
        free(b);
        free(y);
        free(expected);
    }
}

static void
a_nan_wins_minimum_and_maximum(void **state)
{
    (void)state;
    const float a[3] = {NAN, 1.0f, NAN}, b[3] = {1.0f, NAN, NAN};
    const binary_shape_t shape = {1, {3}, {1}, {1}};
    const binary_kind_t kinds[] = {BINARY_MAX, BINARY_MIN};
    for (size_t k = 0; k < 2; k++) {
        float y[3];
        binary(kinds[k], &shape, y, a, b);
        assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
    }
}

static void
squares_and_roots_are_powers_done_quickly(void **state)
{
    (void)state;
    const float x[3] = {-3.0f, 0.25f, 2.0f}, exponents[] = {2.0f, 0.5f, 3.0f};
    const float expected[3][3] = {{9.0f, 0.0625f, 4.0f},
                                  {NAN, 0.5f, 1.41421356f},
                                  {-27.0f, 0.015625f, 8.0f}};
    const binary_shape_t shape = {1, {3}, {1}, {0}};
    for (size_t k = 0; k < 3; k++) {
        float y[3];
        binary(BINARY_POW, &shape, y, x, &exponents[k]);
        for (int i = 0; i < 3; i++)
            assert_true(y[i] == expected[k][i] ||
                        (isnan(y[i]) && isnan(expected[k][i])));
    }
}

static void
axes_that_lie_together_become_one(void **state)
{
    (void)state;
    binary_shape_t shape = {4, {2, 3, 4, 5}, {60, 20, 5, 1}, {0, 1, 0, 0}};
    binary_simplify(&shape);
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dims[2], 20);
    assert_int_equal(shape.b_strides[2], 0);
}

static void
softmax_is_right_along_any_axis(void **state)
{
    (void)state;
    naive_random_t random = {23};
    for (int round = 0; round < 50; round++) {
        size_t outer = (size_t)naive_int(&random, 1, 4);
        size_t count = (size_t)naive_int(&random, 1, 200);
        size_t inner = round % 2 ? 1 : (size_t)naive_int(&random, 2, 150);
        size_t all = outer * count * inner;
        float *x = naive_floats(&random, all);
        float *y = naive_floats(&random, all);
        float *expected = naive_floats(&random, all);
        for (size_t i = 0; i < all; i++)
            x[i] *= 20.0f;
        naive_softmax(expected, x, outer, count, inner);
        softmax(y, x, outer, count, inner);
        assert_true(naive_error(y, expected, all) < 2e-6);
        softmax(x, x, outer, count, inner);
        assert_memory_equal(x, y, all * sizeof *x);
        free(x);
        free(y);
        free(expected);
    }
}

static void
a_scale_and_a_shift_go_to_their_channel(void **state)
{
    (void)state;
    float x[6] = {1, 2, 3, 4, 5, 6}, y[6];
    float scale[2] = {2.0f, -1.0f}, shift[2] = {0.5f, 10.0f};
    const float expected[6] = {2.5f, 4.5f, 6.5f, 6.0f, 5.0f, 4.0f};
    affine(y, x, scale, shift, 2, 3);
    assert_memory_equal(y, expected, sizeof y);
}

/* Element r, c of a plane of any element size lies where the strides say. */
static void
planes_are_copied_along_any_strides(void **state)
{
    (void)state;
    enum { ROWS = 37, COLUMNS = 21, ROOM = ROWS * COLUMNS * 2 };
    const struct {
        ptrdiff_t start, row, column;
    } rows[] = {
        {0, 1, ROWS},        /* a transpose */
        {0, COLUMNS, 1},     /* rows as they are */
        {0, 2 * COLUMNS, 2}, /* every other one */
        {COLUMNS - 1, COLUMNS, -1},
        {0, 0, 1},
        {5, 1, 0},
    };
    char x[ROOM * 8], y[(ROWS * 23 + 1) * 8];
    for (size_t i = 0; i < sizeof x; i++)
        x[i] = (char)(i * 7 + i / 256);
    for (size_t size = 1; size <= 8; size *= 2)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            memset(y, 0x55, sizeof y);
            layout_plane(y, x + (size_t)rows[i].start * size, size, ROWS,
                         COLUMNS, 23, rows[i].row, rows[i].column);
            for (ptrdiff_t r = 0; r < ROWS; r++)
                for (ptrdiff_t c = 0; c < 23; c++) {
                    ptrdiff_t at =
                        rows[i].start + r * rows[i].row + c * rows[i].column;
                    const char *to = y + (size_t)(r * 23 + c) * size;
                    if (c < COLUMNS)
                        assert_memory_equal(to, x + (size_t)at * size, size);
                    else
                        assert_int_equal(*to, 0x55);
                }
        }
}

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static float *
s_turned(const float *weights, size_t depth, size_t outs)
{
    float *turned = malloc(depth * outs * sizeof *turned);
    for (size_t k = 0; k < depth; k++)
        for (size_t o = 0; o < outs; o++)
            turned[o * depth + k] = weights[k * outs + o];
    return turned;
}

/* As a file that has them the other way round is read: two panels at a time. */
static void
s_pack_outs(const linear_shape_t *shape, const float *weights, float *packed)
{
    size_t some = 2 * (size_t)gemm_columns()->width;
    float *turned = s_turned(weights, shape->depth, shape->outs);
    for (size_t o = 0; o < shape->outs; o += some)
        linear_pack_outs(shape, turned + o * shape->depth, o,
                         s_smaller(some, shape->outs - o), packed);
    free(turned);
}

static void
s_check_linear(naive_random_t *random, size_t rows, size_t depth, size_t outs)
{
    linear_shape_t shape = {depth, outs};
    float *x = naive_floats(random, rows * depth);
    float *weights = naive_floats(random, depth * outs);
    float *bias = naive_floats(random, outs);
    float *y = naive_floats(random, rows * outs);
    float *expected = naive_floats(random, rows * outs);
    size_t floats = linear_weights_floats(&shape);
    float *packed = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
    float *scratch =
        aligned_alloc(64, (linear_scratch_floats() * 4 + 63) / 64 * 64);
    naive_matmul(expected, x, weights, rows, depth, outs);
    for (size_t i = 0; i < rows * outs; i++)
        expected[i] += bias[i % outs];

    if (rows % 2)
        s_pack_outs(&shape, weights, packed);
    else
        for (size_t k = 0; k < depth; k += gemm_step(depth))
            linear_pack_steps(&shape, weights + k * outs, k,
                              s_smaller(gemm_step(depth), depth - k), packed);
    linear_end_t end = {bias, NULL, {ACTIVATION_NONE, 0.0f, 0.0f}};
    size_t step = 2 * (size_t)gemm_columns()->width;
    for (size_t out = 0; out < outs; out += step) {
        linear_range_t range = {rows, out,
                                outs - out < step ? outs - out : step};
        linear(&shape, &range, &end, y, x, packed, scratch);
    }
    assert_true(naive_error(y, expected, rows * outs) < 1e-6);
    free(x);
    free(weights);
    free(bias);
    free(y);
    free(expected);
    free(packed);
    free(scratch);
}

static void
linear_layers_of_odd_sizes_are_right(void **state)
{
    (void)state;
    naive_random_t random = {24};
    for (int round = 0; round < 40; round++)
        s_check_linear(&random, (size_t)naive_int(&random, 1, LINEAR_ROWS_MAX),
                       (size_t)naive_int(&random, 1, 700),
                       (size_t)naive_int(&random, 1, 90));
}

static void
single_rows_are_right_and_the_same_in_any_company(void **state)
{
    (void)state;
    enum { SAMPLES = 5 };
    naive_random_t random = {25};
    for (int round = 0; round < 40; round++) {
        size_t depth = (size_t)naive_int(&random, 1, 700);
        size_t outs = (size_t)naive_int(&random, 1, 90);
        size_t floats = vector_matrix_floats(depth, outs);
        float *x = naive_floats(&random, SAMPLES * depth);
        float *weights = naive_floats(&random, depth * outs);
        float *y = naive_floats(&random, SAMPLES * outs);
        float *expected = naive_floats(&random, SAMPLES * outs);
        float *packed = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
        naive_matmul(expected, x, weights, SAMPLES, depth, outs);
        float *other = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
        float *turned = s_turned(weights, depth, outs);
        size_t some = 2 * VECTOR_MATRIX_WIDTH, steps = 1 + depth / 3;
        for (size_t o = 0; o < outs; o += some)
            vector_matrix_pack_outs(turned + o * depth, depth, o,
                                    s_smaller(some, outs - o), packed);
        for (size_t k = 0; k < depth; k += steps)
            vector_matrix_pack_steps(weights + k * outs, depth, outs, k,
                                     s_smaller(steps, depth - k), other);
        assert_memory_equal(packed, other, floats * sizeof *packed);
        vector_matrix(y, x, packed, depth, outs, 0, outs, SAMPLES);
        assert_true(naive_error(y, expected, SAMPLES * outs) < 1e-6);
        for (size_t s = 0; s < SAMPLES; s++)
            for (size_t o = 0; o < outs; o += VECTOR_MATRIX_WIDTH)
                vector_matrix(
                    expected + s * outs, x + s * depth, packed, depth, outs, o,
                    outs - o < VECTOR_MATRIX_WIDTH ? outs - o
                                                   : VECTOR_MATRIX_WIDTH,
                    1);
        assert_memory_equal(y, expected, SAMPLES * outs * sizeof *y);
        free(x);
        free(weights);
        free(y);
        free(expected);
        free(packed);
        free(other);
        free(turned);
    }
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
        cmocka_unit_test(gelu_is_nothing_far_below_zero),
        cmocka_unit_test(the_end_of_a_row_adds_bias_and_residual_first),
        cmocka_unit_test(operands_are_repeated_along_any_axes),
        cmocka_unit_test(a_nan_wins_minimum_and_maximum),
        cmocka_unit_test(squares_and_roots_are_powers_done_quickly),
        cmocka_unit_test(axes_that_lie_together_become_one),
        cmocka_unit_test(softmax_is_right_along_any_axis),
        cmocka_unit_test(a_scale_and_a_shift_go_to_their_channel),
        cmocka_unit_test(planes_are_copied_along_any_strides),
        cmocka_unit_test(linear_layers_of_odd_sizes_are_right),
        cmocka_unit_test(single_rows_are_right_and_the_same_in_any_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
