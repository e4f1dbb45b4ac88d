/* Operators that make tensors out of numbers. */
#include "tests/support/tests.h"

#include <math.h>

#include "tests/support/evaluate.h"

static void
a_shape_and_a_number_make_a_tensor(void **state)
{
    (void)state;
    evaluate_op("ConstantOfShape", 1);
    LIST(2, 2);
    evaluate();
    evaluate_expect(DTYPE_FLOAT32, SHAPE(2, 2), (float[4]){0});
    evaluate_tensor("value", DTYPE_INT16, (int16_t[]){-7});
    evaluate();
    evaluate_expect(DTYPE_INT16, SHAPE(2, 2), (int16_t[]){-7, -7, -7, -7});
    evaluate_op("ConstantOfShape", 1);
    evaluate_list(0, NULL);
    evaluate_tensor("value", DTYPE_BOOL, (char[]){1});
    evaluate();
    evaluate_expect(DTYPE_BOOL, SCALAR, (char[]){1});
    evaluate_op("ConstantOfShape", 1);
    LIST(3, 0);
    evaluate();
    evaluate_expect(DTYPE_FLOAT32, SHAPE(3, 0), NULL);
    evaluate_op("ConstantOfShape", 1);
    LIST(-1);
    evaluate_refuses("-1 in its input 0 is not possible");
    evaluate_op("ConstantOfShape", 1);
    LIST(1LL << 40, 1LL << 40);
    evaluate_refuses("too large");
}

static void
s_range(dtype_t dtype, const void *start, const void *limit, const void *delta)
{
    evaluate_op("Range", 1);
    evaluate_input(dtype, SCALAR, start);
    evaluate_input(dtype, SCALAR, limit);
    evaluate_input(dtype, SCALAR, delta);
}

#define RANGE(dtype, type, start, limit, delta)                                \
    s_range(dtype, &(type){start}, &(type){limit}, &(type){delta})

static void
range_counts_up_and_down(void **state)
{
    (void)state;
    RANGE(DTYPE_INT64, int64_t, 3, 10, 3);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(3), (int64_t[]){3, 6, 9});
    RANGE(DTYPE_INT32, int32_t, 10, 4, -2);
    evaluate();
    evaluate_expect(DTYPE_INT32, SHAPE(3), (int32_t[]){10, 8, 6});
    RANGE(DTYPE_INT16, int16_t, 1, 1, 1);
    evaluate();
    evaluate_expect(DTYPE_INT16, SHAPE(0), NULL);
    RANGE(DTYPE_INT64, int64_t, 5, 1, 2);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(0), NULL);
    RANGE(DTYPE_FLOAT32, float, 1.0f, 2.0f, 0.25f);
    evaluate();
    evaluate_expect(DTYPE_FLOAT32, SHAPE(4),
                    (float[]){1.0f, 1.25f, 1.5f, 1.75f});
    RANGE(DTYPE_FLOAT64, double, 0.5, -1.0, -1.0);
    evaluate();
    evaluate_expect(DTYPE_FLOAT64, SHAPE(2), (double[]){0.5, -0.5});
    const int64_t quarter = 1LL << 62;
    RANGE(DTYPE_INT64, int64_t, INT64_MIN, INT64_MAX, quarter);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(4),
                    (int64_t[]){INT64_MIN, -quarter, 0, quarter});
}

static void
ranges_without_an_end_are_refused(void **state)
{
    (void)state;
    RANGE(DTYPE_INT64, int64_t, 0, 5, 0);
    evaluate_refuses("never gets on by 0");
    RANGE(DTYPE_INT64, int64_t, INT64_MIN, INT64_MAX, 1);
    evaluate_refuses("too large");
    RANGE(DTYPE_FLOAT32, float, 0.0f, INFINITY, 1.0f);
    evaluate_refuses("too large");
    RANGE(DTYPE_FLOAT32, float, NAN, 1.0f, 1.0f);
    evaluate_refuses("too large");
    RANGE(DTYPE_FLOAT32, float, 0.0f, 1.0f, 1e-30f);
    evaluate_refuses("too large");
    RANGE(DTYPE_BOOL, char, 0, 1, 1);
    evaluate_refuses("does not work on bool");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_and_a_number_make_a_tensor),
        cmocka_unit_test(range_counts_up_and_down),
        cmocka_unit_test(ranges_without_an_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
