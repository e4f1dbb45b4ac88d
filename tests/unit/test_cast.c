/* One type for another: what is allowed, and what does not fit. */
#include "tests/support/tests.h"

#include <math.h>
#include <string.h>

#include "common/cast.h"

static tensor_t
s_tensor(dtype_t dtype, size_t count, const void *elements)
{
    tensor_t tensor;
    fault_t fault;
    shape_t shape = {1, {(int64_t)count}};
    assert_ok(tensor_init(&tensor, dtype, &shape, &fault), &fault);
    memcpy(tensor.data, elements, tensor.bytes);
    return tensor;
}

static void
kinds_do_not_mix(void **state)
{
    (void)state;
    static const dtype_t kinds[3][5] = {
        {DTYPE_FLOAT16, DTYPE_BFLOAT16, DTYPE_FLOAT32, DTYPE_FLOAT64},
        {DTYPE_UINT8, DTYPE_INT8, DTYPE_INT16, DTYPE_INT32, DTYPE_INT64},
        {DTYPE_BOOL},
    };
    for (int a = 0; a < 15; a++)
        for (int b = 0; b < 15; b++) {
            dtype_t from = kinds[a / 5][a % 5], to = kinds[b / 5][b % 5];
            if (from != DTYPE_NONE && to != DTYPE_NONE)
                assert_int_equal(cast_allowed(from, to), a / 5 == b / 5);
        }
}

static void
floats_are_rounded_to_nearest_even(void **state)
{
    (void)state;
    const double values[] = {0.1,      -0.0, 1 + 0x1p-24, 1 + 0x3p-24,
                             INFINITY, NAN,  1e-60};
    fault_t fault;
    tensor_t tensor = s_tensor(DTYPE_FLOAT64, 7, values);
    assert_ok(cast_tensor(&tensor, DTYPE_FLOAT32, &fault), &fault);
    assert_int_equal(tensor.dtype, DTYPE_FLOAT32);
    assert_int_equal(tensor.bytes, 28);
    const float *f = tensor.data;
    assert_true(f[0] == 0.1f);
    assert_true(f[1] == 0.0f && signbit(f[1]));
    assert_true(f[2] == 1.0f);
    assert_true(f[3] == 1 + 0x1p-22f);
    assert_true(isinf(f[4]) && isnan(f[5]) && f[6] == 0.0f);
    assert_ok(cast_tensor(&tensor, DTYPE_FLOAT64, &fault), &fault);
    assert_true(((double *)tensor.data)[0] == (double)0.1f);
    tensor_release(&tensor);
}

static void
s_refused(dtype_t from, size_t count, const void *elements, dtype_t to,
          const char *sentence)
{
    fault_t fault = {0};
    tensor_t tensor = s_tensor(from, count, elements);
    assert_int_equal(cast_tensor(&tensor, to, &fault), -1);
    assert_int_equal(fault.code, FAULT_INPUT);
    assert_string_equal(fault.text, sentence);
    assert_int_equal(tensor.dtype, from);
    assert_memory_equal(tensor.data, elements, tensor.bytes);
    tensor_release(&tensor);
}

static void
what_does_not_fit_is_refused(void **state)
{
    (void)state;
    int64_t many[1000] = {0};
    many[999] = 2147483648;
    s_refused(DTYPE_INT64, 1000, many, DTYPE_INT32, "2147483648 is no int32");
    s_refused(DTYPE_INT32, 2, (int32_t[]){1, -1}, DTYPE_UINT8,
              "-1 is no uint8");
    s_refused(DTYPE_UINT8, 1, (uint8_t[]){128}, DTYPE_INT8, "128 is no int8");
    s_refused(DTYPE_FLOAT64, 1, (double[]){-1e39}, DTYPE_FLOAT32,
              "-1e+39 is too large for float32");
    s_refused(DTYPE_FLOAT32, 1, (float[]){65520}, DTYPE_FLOAT16,
              "65520 is too large for float16");
    fault_t fault;
    tensor_t tensor = s_tensor(DTYPE_INT64, 2, (int64_t[]){-2147483648, 5});
    assert_ok(cast_tensor(&tensor, DTYPE_INT32, &fault), &fault);
    assert_int_equal(((int32_t *)tensor.data)[0], INT32_MIN);
    tensor_release(&tensor);
    tensor = s_tensor(DTYPE_INT64, 0, "");
    assert_ok(cast_tensor(&tensor, DTYPE_UINT8, &fault), &fault);
    assert_int_equal(tensor.bytes, 0);
    tensor_release(&tensor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_do_not_mix),
        cmocka_unit_test(floats_are_rounded_to_nearest_even),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
