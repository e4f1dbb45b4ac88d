/* Pooling kernels against the naive ones. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>

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
        kernels()->pool_max(&w, y, x, PLANES);
        assert_memory_equal(y, expected, outs * sizeof *y);
        for (int padding = 0; padding < 2; padding++) {
            naive_pool_average(&w, padding, expected, x, PLANES);
            kernels()->pool_average(&w, padding, y, x, PLANES);
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
        kernels()->pool_max(&w, y, x, 5);
        assert_memory_equal(y, expected, outs * sizeof *y);
        free(x);
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
        cmocka_unit_test(a_number_that_is_none_wins),
        cmocka_unit_test(global_pools_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
