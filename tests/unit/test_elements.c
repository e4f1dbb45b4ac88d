/* Functions of two elements, softmax, affine and layout. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/affine.h"
#include "worker/kernel/binary.h"
#include "worker/kernel/layout.h"
#include "worker/kernel/softmax.h"

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
        kernels()->binary(kind, &shape, y, a, b);
        assert_memory_equal(y, expected, count * sizeof *y);
        memset(y, 0, count * sizeof *y);
        kernels()->binary_simplify(&shape);
        kernels()->binary(kind, &shape, y, a, b);
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
        kernels()->binary(kinds[k], &shape, y, a, b);
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
        kernels()->binary(BINARY_POW, &shape, y, x, &exponents[k]);
        for (int i = 0; i < 3; i++)
            assert_true(y[i] == expected[k][i] ||
                        (isnan(y[i]) && isnan(expected[k][i])));
    }
}

/* A root is not quite a power: pow(-inf, 0.5) is inf, pow(-0, 0.5) is 0. */
static void
powers_of_a_half_are_those_of_c(void **state)
{
    (void)state;
    const float x[] = {-INFINITY, INFINITY, -0.0f, 0.0f, -1.0f, 9.0f, NAN};
    enum { COUNT = sizeof x / sizeof x[0] };
    const binary_shape_t shape = {1, {COUNT}, {1}, {0}};
    const float half = 0.5f;
    float y[COUNT];
    kernels()->binary(BINARY_POW, &shape, y, x, &half);
    for (int i = 0; i < COUNT; i++) {
        float expected = powf(x[i], half);
        assert_int_equal(isnan(y[i]) != 0, isnan(expected) != 0);
        if (!isnan(expected))
            assert_memory_equal(&y[i], &expected, sizeof expected);
    }
}

static void
axes_that_lie_together_become_one(void **state)
{
    (void)state;
    binary_shape_t shape = {4, {2, 3, 4, 5}, {60, 20, 5, 1}, {0, 1, 0, 0}};
    kernels()->binary_simplify(&shape);
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
        kernels()->softmax(y, x, outer, count, inner);
        assert_true(naive_error(y, expected, all) < 2e-6);
        kernels()->softmax(x, x, outer, count, inner);
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
    const activation_t none = {.kind = ACTIVATION_NONE};
    kernels()->affine(y, x, scale, shift, &none, 2, 3);
    assert_memory_equal(y, expected, sizeof y);
}

/* In blocks, of which the last is not whole. */
static void
a_scale_and_a_shift_end_in_an_activation(void **state)
{
    (void)state;
    enum { INNER = 5001 };
    naive_random_t random = {8};
    float *x = naive_floats(&random, 2 * INNER), y[2 * INNER];
    float scale[2] = {2.0f, -0.5f}, shift[2] = {0.25f, -0.125f};
    const activation_t clip = {ACTIVATION_CLIP, -0.5f, 1.5f};
    kernels()->affine(y, x, scale, shift, &clip, 2, INNER);
    for (int i = 0; i < 2 * INNER; i++) {
        double exact =
            (double)x[i] * (double)scale[i / INNER] + (double)shift[i / INNER];
        assert_true(fabs((double)y[i] - fmin(fmax(exact, -0.5), 1.5)) < 1e-6);
    }
    kernels()->affine(x, x, scale, shift, &clip, 2, INNER);
    assert_memory_equal(x, y, sizeof y);
    free(x);
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
            kernels()->layout_plane(y, x + (size_t)rows[i].start * size, size,
                                    ROWS, COLUMNS, 23, rows[i].row,
                                    rows[i].column);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_are_repeated_along_any_axes),
        cmocka_unit_test(a_nan_wins_minimum_and_maximum),
        cmocka_unit_test(squares_and_roots_are_powers_done_quickly),
        cmocka_unit_test(powers_of_a_half_are_those_of_c),
        cmocka_unit_test(axes_that_lie_together_become_one),
        cmocka_unit_test(softmax_is_right_along_any_axis),
        cmocka_unit_test(a_scale_and_a_shift_go_to_their_channel),
        cmocka_unit_test(a_scale_and_a_shift_end_in_an_activation),
        cmocka_unit_test(planes_are_copied_along_any_strides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
