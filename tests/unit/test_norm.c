/* Reductions and norms: kernels against their naive twins. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "worker/kernel/reduce.h"

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
        reduce_rows(kind, y, x, other, count);
        assert_true(naive_error(y, expected, other) < 1e-7);
        naive_reduce((int)kind, expected, x, 1, count, other);
        reduce_columns(kind, y, x, count, other, other);
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
            reduce_rows((reduce_kind_t)kind, y, x, 1, 37);
            assert_true(isnan(y[0]));
            reduce_columns((reduce_kind_t)kind, y, x, 37, 1, 1);
            assert_true(isnan(y[0]));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions_of_rows_and_columns),
        cmocka_unit_test(a_nan_is_found_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
