/* Reductions and norms: kernels against their naive twins. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/norm.h"
#include "worker/kernel/reduce.h"
#include "worker/kernel/softmax.h"

static void
reductions_of_rows_and_columns(void **state)
{
    (void)state;
    naive_random_t random = {29};
    for (int round = 0; round < 100; round++) {
        reduce_kind_t kind = (reduce_kind_t)(round % 5);
        size_t count = (size_t)naive_int(&random, 1, 300);
        size_t other = (size_t)naive_int(&random, 1, 150);
        float *x = naive_floats(&random, count * other);
        float *y = naive_floats(&random, other);
        float *expected = naive_floats(&random, other);
        for (size_t i = 0; i < count * other; i++)
            x[i] += 5.0f;
        naive_reduce((int)kind, expected, x, other, count, 1);
        kernels()->reduce_rows(kind, y, x, other, count);
        assert_true(naive_error(y, expected, other) < 1e-7);
        naive_reduce((int)kind, expected, x, 1, count, other);
        kernels()->reduce_columns(kind, y, x, count, other, other);
        assert_true(naive_error(y, expected, other) < 1e-7);
        free(x);
        free(y);
        free(expected);
    }
}

static void
a_nan_is_found_wherever_it_is(void **state)
{
    (void)state;
    float x[37], y[37];
    for (size_t at = 0; at < 37; at++) {
        for (size_t i = 0; i < 37; i++)
            x[i] = i == at ? NAN : (float)i;
        for (int kind = REDUCE_SUM; kind <= REDUCE_LENGTH; kind++) {
            kernels()->reduce_rows((reduce_kind_t)kind, y, x, 1, 37);
            assert_true(isnan(y[0]));
            kernels()->reduce_columns((reduce_kind_t)kind, y, x, 37, 1, 1);
            assert_true(isnan(y[0]));
        }
    }
}

/* What a test of a kernel works on. */
typedef struct arrays {
    float *x, *y, *expected, *scale, *shift;
} arrays_t;

static arrays_t
s_arrays(naive_random_t *random, size_t count, size_t channels)
{
    return (arrays_t){naive_floats(random, count), naive_floats(random, count),
                      naive_floats(random, count),
                      naive_floats(random, channels),
                      naive_floats(random, channels)};
}

static void
s_release(arrays_t *arrays)
{
    free(arrays->x);
    free(arrays->y);
    free(arrays->expected);
    free(arrays->scale);
    free(arrays->shift);
}

static void
rows_are_normalised(void **state)
{
    (void)state;
    naive_random_t random = {31};
    for (int round = 0; round < 60; round++) {
        size_t rows = (size_t)naive_int(&random, 1, 5);
        size_t count = (size_t)naive_int(&random, 1, 800);
        arrays_t a = s_arrays(&random, rows * count, count);
        const float *shift = round % 2 ? a.shift : NULL;
        naive_norm(a.expected, a.x, a.scale, shift, rows, count, count, 1,
                   1e-5);
        kernels()->norm_rows(a.y, a.x, a.scale, shift, rows, count, 1e-5f);
        assert_true(naive_error(a.y, a.expected, rows * count) < 1e-6);
        kernels()->norm_rows(a.x, a.x, a.scale, shift, rows, count, 1e-5f);
        assert_memory_equal(a.x, a.y, rows * count * sizeof *a.x);
        s_release(&a);
    }
}

static void
groups_of_channels_are_normalised(void **state)
{
    (void)state;
    naive_random_t random = {32};
    for (int round = 0; round < 60; round++) {
        size_t channels = (size_t)naive_int(&random, 1, 9);
        size_t inner = (size_t)naive_int(&random, 1, 130);
        size_t count = channels * inner;
        arrays_t a = s_arrays(&random, count, channels);
        naive_norm(a.expected, a.x, a.scale, a.shift, 1, count, channels, inner,
                   1e-3);
        kernels()->norm_group(a.y, a.x, a.scale, a.shift, channels, inner,
                              1e-3f);
        assert_true(naive_error(a.y, a.expected, count) < 1e-6);
        kernels()->norm_group(a.x, a.x, a.scale, a.shift, channels, inner,
                              1e-3f);
        assert_memory_equal(a.x, a.y, count * sizeof *a.x);
        s_release(&a);
    }
}

/* A variance by squares would be off by far: 1000^2 has seven digits. */
static void
a_small_variance_around_a_large_mean_keeps_its_digits(void **state)
{
    (void)state;
    enum { COUNT = 777 };
    naive_random_t random = {33};
    arrays_t a = s_arrays(&random, COUNT, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        a.x[i] = 1000.0f + 0.0625f * floorf(a.x[i] * 4.0f);
    naive_norm(a.expected, a.x, a.scale, a.shift, 1, COUNT, COUNT, 1, 1e-5);
    kernels()->norm_rows(a.y, a.x, a.scale, a.shift, 1, COUNT, 1e-5f);
    assert_true(naive_error(a.y, a.expected, COUNT) < 1e-4);
    s_release(&a);
}

static void
channels_are_normalised_by_those_around_them(void **state)
{
    (void)state;
    naive_random_t random = {34};
    for (int round = 0; round < 60; round++) {
        int channels = naive_int(&random, 1, 12);
        size_t inner = (size_t)naive_int(&random, 1, 150);
        size_t count = (size_t)channels * inner;
        norm_window_t window = {(size_t)naive_int(&random, 1, 15), 0.3f,
                                round % 2 ? 0.75f : 0.6f, 1.5f};
        arrays_t a = s_arrays(&random, count, 1);
        naive_lrn(a.expected, a.x, channels, inner, (int)window.size,
                  (double)window.alpha, (double)window.beta,
                  (double)window.bias);
        kernels()->norm_channels(&window, a.y, a.x, (size_t)channels, inner,
                                 inner);
        assert_true(naive_error(a.y, a.expected, count) < 1e-6);
        s_release(&a);
    }
}

static void
logarithms_of_softmax_are_right_along_any_axis(void **state)
{
    (void)state;
    naive_random_t random = {35};
    for (int round = 0; round < 80; round++) {
        size_t outer = (size_t)naive_int(&random, 1, 4);
        size_t count = (size_t)naive_int(&random, 1, 200);
        size_t inner = round % 2 ? 1 : (size_t)naive_int(&random, 2, 150);
        size_t all = outer * count * inner;
        arrays_t a = s_arrays(&random, all, 1);
        for (size_t i = 0; i < all; i++)
            a.x[i] *= 20.0f;
        naive_log_softmax(a.expected, a.x, outer, count, inner);
        kernels()->log_softmax(a.y, a.x, outer, count, inner);
        assert_true(naive_error(a.y, a.expected, all) < 1e-6);
        kernels()->log_softmax(a.x, a.x, outer, count, inner);
        assert_memory_equal(a.x, a.y, all * sizeof *a.x);
        s_release(&a);
    }
}

static void
a_nan_spoils_its_own_softmax_only(void **state)
{
    (void)state;
    enum { ROWS = 3, MOST = 40 };
    for (size_t count = 1; count <= MOST; count++)
        for (size_t at = 0; at < count; at++) {
            float x[ROWS * MOST], y[ROWS * MOST];
            for (size_t i = 0; i < ROWS * count; i++)
                x[i] = (float)(i % 7);
            x[count + at] = NAN;
            kernels()->softmax(y, x, ROWS, count, 1);
            for (size_t i = 0; i < ROWS * count; i++)
                assert_int_equal(!!isnan(y[i]), i / count == 1);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions_of_rows_and_columns),
        cmocka_unit_test(a_nan_is_found_wherever_it_is),
        cmocka_unit_test(rows_are_normalised),
        cmocka_unit_test(groups_of_channels_are_normalised),
        cmocka_unit_test(a_small_variance_around_a_large_mean_keeps_its_digits),
        cmocka_unit_test(channels_are_normalised_by_those_around_them),
        cmocka_unit_test(a_nan_spoils_its_own_softmax_only),
        cmocka_unit_test(logarithms_of_softmax_are_right_along_any_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
