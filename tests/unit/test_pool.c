/* Pooling kernels against the naive ones. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/pool.h"

/* Output positions as PyTorch counts them; with `ceiling` the last one may
 * hang over, but must begin inside the input or the left padding. */
static int
s_outs(int size, int kernel, int stride, int dilation, int before, int after,
       int ceiling)
{
    int room = size + before + after - dilation * (kernel - 1) - 1;
    if (room < 0)
        return 0;
    int outs = (room + (ceiling ? stride - 1 : 0)) / stride + 1;
    return ceiling && (outs - 1) * stride >= size + before ? outs - 1 : outs;
}

static window_t
s_random_window(naive_random_t *random)
{
    window_t w;
    do {
        int ceiling = naive_int(random, 0, 1);
        w = (window_t){
            .height = naive_int(random, 1, 19),
            .width = naive_int(random, 1, 19),
            .kernel_y = naive_int(random, 1, 4),
            .kernel_x = naive_int(random, 1, 4),
            .stride_y = naive_int(random, 1, 3),
            .stride_x = naive_int(random, 1, 3),
            .dilation_y = naive_int(random, 1, 2),
            .dilation_x = naive_int(random, 1, 2),
        };
        w.pad_top = w.pad_bottom = naive_int(random, 0, w.kernel_y / 2);
        w.pad_left = w.pad_right = naive_int(random, 0, w.kernel_x / 2);
        w.out_height = s_outs(w.height, w.kernel_y, w.stride_y, w.dilation_y,
                              w.pad_top, w.pad_bottom, ceiling);
        w.out_width = s_outs(w.width, w.kernel_x, w.stride_x, w.dilation_x,
                             w.pad_left, w.pad_right, ceiling);
    } while (w.out_height < 1 || w.out_width < 1);
    return w;
}

/* With scratch that holds anything. */
static float *
s_scratch(const pool_t *pool)
{
    size_t bytes = kernels()->pool_scratch_floats(pool) * sizeof(float);
    float *scratch = aligned_alloc(64, (bytes + 64) / 64 * 64);
    memset(scratch, 0xff, bytes);
    return scratch;
}

static void
s_pool_max(const window_t *w, float *y, const float *x, size_t planes)
{
    pool_t pool;
    kernels()->pool_init(&pool, w);
    float *scratch = s_scratch(&pool);
    kernels()->pool_max(&pool, y, x, planes, scratch);
    free(scratch);
}

static void
s_pool_average(const window_t *w, bool count_padding, float *y, const float *x,
               size_t planes)
{
    pool_t pool;
    kernels()->pool_init(&pool, w);
    float *scratch = s_scratch(&pool);
    kernels()->pool_average(&pool, count_padding, y, x, planes, scratch);
    free(scratch);
}

static void
windows_of_every_kind_are_right(void **state)
{
    (void)state;
    enum { PLANES = 3 };
    naive_random_t random = {7};
    for (int round = 0; round < 400; round++) {
        window_t w = s_random_window(&random);
        size_t outs = (size_t)(PLANES * w.out_height * w.out_width);
        float *x = naive_floats(&random, (size_t)(PLANES * w.height * w.width));
        float *y = naive_floats(&random, outs);
        float *expected = naive_floats(&random, outs);
        naive_pool_max(&w, expected, x, PLANES);
        s_pool_max(&w, y, x, PLANES);
        assert_memory_equal(y, expected, outs * sizeof *y);
        for (int padding = 0; padding < 2; padding++) {
            naive_pool_average(&w, padding, expected, x, PLANES);
            s_pool_average(&w, padding, y, x, PLANES);
            assert_true(naive_error(y, expected, outs) < 2e-6);
        }
        free(x);
        free(y);
        free(expected);
    }
}

static void
halving_windows_are_right(void **state)
{
    (void)state;
    naive_random_t random = {8};
    for (int side = 2; side < 20; side++) {
        window_t w = {.height = side,
                      .width = side + 1,
                      .out_height = side / 2,
                      .out_width = (side + 1) / 2,
                      .kernel_y = 2,
                      .kernel_x = 2,
                      .stride_y = 2,
                      .stride_x = 2,
                      .dilation_y = 1,
                      .dilation_x = 1};
        size_t outs = (size_t)(5 * w.out_height * w.out_width);
        float *x = naive_floats(&random, (size_t)(5 * w.height * w.width));
        float *y = naive_floats(&random, outs);
        float *expected = naive_floats(&random, outs);
        naive_pool_max(&w, expected, x, 5);
        s_pool_max(&w, y, x, 5);
        assert_memory_equal(y, expected, outs * sizeof *y);
        free(x);
        free(y);
        free(expected);
    }
}

/* One window that no band holds, and planes of several bands. */
static void
planes_that_are_large_are_right(void **state)
{
    (void)state;
    naive_random_t random = {11};
    for (int stride = 1; stride <= 3; stride++)
        for (int kernel = 2; kernel <= BAND_COLUMNS_MAX + 1;
             kernel += kernel < 4 ? 1 : BAND_COLUMNS_MAX + 1 - 4) {
            window_t w = {.height = 90,
                          .width = 211,
                          .kernel_y = kernel < 4 ? kernel : 2,
                          .kernel_x = kernel,
                          .stride_y = stride,
                          .stride_x = stride,
                          .dilation_y = 1,
                          .dilation_x = 1,
                          .pad_top = 1,
                          .pad_left = 1};
            w.out_height = s_outs(90, w.kernel_y, stride, 1, 1, 0, 0);
            w.out_width = s_outs(211, kernel, stride, 1, 1, 0, 0);
            size_t outs = (size_t)(2 * w.out_height * w.out_width);
            float *x = naive_floats(&random, 2 * 90 * 211);
            float *y = naive_floats(&random, outs);
            float *expected = naive_floats(&random, outs);
            naive_pool_max(&w, expected, x, 2);
            s_pool_max(&w, y, x, 2);
            assert_memory_equal(y, expected, outs * sizeof *y);
            naive_pool_average(&w, false, expected, x, 2);
            s_pool_average(&w, false, y, x, 2);
            assert_true(naive_error(y, expected, outs) < 2e-6);
            free(x);
            free(y);
            free(expected);
        }
}

/* Outputs that see one, and only they, are NaN; others what they were. */
static void
numbers_that_are_none_win_their_windows(void **state)
{
    (void)state;
    naive_random_t random = {12};
    for (int round = 0; round < 100; round++) {
        window_t w = s_random_window(&random);
        size_t ins = (size_t)(3 * w.height * w.width);
        size_t outs = (size_t)(3 * w.out_height * w.out_width);
        float *x = naive_floats(&random, ins);
        float *marks = calloc(ins, sizeof *marks);
        float *marked = naive_floats(&random, outs);
        float *y = naive_floats(&random, outs);
        float *expected = naive_floats(&random, outs);
        naive_pool_max(&w, expected, x, 3);
        for (int i = 0; i < 3; i++) {
            size_t at = (size_t)naive_int(&random, 0, (int)ins - 1);
            x[at] = NAN;
            marks[at] = 1.0f;
        }
        naive_pool_max(&w, marked, marks, 3);
        s_pool_max(&w, y, x, 3);
        for (size_t i = 0; i < outs; i++)
            assert_true(marked[i] == 1.0f ? isnan(y[i]) : y[i] == expected[i]);
        naive_pool_average(&w, false, marked, marks, 3);
        s_pool_average(&w, false, y, x, 3);
        for (size_t i = 0; i < outs; i++)
            assert_int_equal(isnan(y[i]) != 0, marked[i] > 0.0f);
        free(x);
        free(marks);
        free(marked);
        free(y);
        free(expected);
    }
}

static void
a_number_that_is_none_wins(void **state)
{
    (void)state;
    float x[9] = {1, 2, 3, 4, NAN, 6, 7, 8, 9}, y = 0.0f;
    kernels()->pool_largest(&y, x, 1, 9);
    assert_true(isnan(y));
    kernels()->pool_mean(&y, x, 1, 9);
    assert_true(isnan(y));
}

static void
global_pools_are_right(void **state)
{
    (void)state;
    naive_random_t random = {9};
    for (size_t count = 1; count < 70; count += 7) {
        float *x = naive_floats(&random, 3 * count), y[3], expected[3];
        for (size_t p = 0; p < 3; p++) {
            double sum = 0.0;
            for (size_t i = 0; i < count; i++)
                sum += (double)x[p * count + i];
            expected[p] = (float)(sum / (double)count);
        }
        kernels()->pool_mean(y, x, 3, count);
        assert_true(naive_error(y, expected, 3) < 1e-6);
        free(x);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_every_kind_are_right),
        cmocka_unit_test(halving_windows_are_right),
        cmocka_unit_test(planes_that_are_large_are_right),
        cmocka_unit_test(numbers_that_are_none_win_their_windows),
        cmocka_unit_test(a_number_that_is_none_wins),
        cmocka_unit_test(global_pools_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
