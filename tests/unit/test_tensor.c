/* Shapes, sizes and conversions. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"

static void
names_and_dtypes_are_inverse(void **state)
{
    (void)state;
    static const struct {
        dtype_t dtype;
        size_t size;
    } rows[] = {
        {DTYPE_FLOAT32, 4},  {DTYPE_UINT8, 1},   {DTYPE_INT8, 1},
        {DTYPE_INT16, 2},    {DTYPE_INT32, 4},   {DTYPE_INT64, 8},
        {DTYPE_BOOL, 1},     {DTYPE_FLOAT16, 2}, {DTYPE_FLOAT64, 8},
        {DTYPE_BFLOAT16, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(dtype_size(rows[i].dtype), rows[i].size);
        assert_int_equal(dtype_parse(dtype_name(rows[i].dtype)), rows[i].dtype);
    }
    assert_int_equal(dtype_size(DTYPE_NONE), 0);
    assert_int_equal(dtype_size((dtype_t)99), 0);
    assert_string_equal(dtype_name((dtype_t)99), "unknown");
    assert_int_equal(dtype_parse("float31"), DTYPE_NONE);
}

static void
shapes_have_sizes_and_texts(void **state)
{
    (void)state;
    char text[64];
    shape_t shape = {3, {DIM_BATCH, 3, 32}}, scalar = {0, {0}};
    assert_string_equal(shape_text(&shape, text, sizeof text), "[N, 3, 32]");
    assert_string_equal(shape_text(&shape, text, 8), "[N, 3,]");
    assert_string_equal(shape_text(&scalar, text, sizeof text), "[]");
    assert_int_equal(shape_elements(&scalar), 1);
    assert_int_equal(shape_elements(&shape), -1);
    assert_int_equal(tensor_bytes(DTYPE_FLOAT32, &shape, 2), 768);
    assert_int_equal(tensor_bytes(DTYPE_NONE, &shape, 2), 0);
    shape_t huge = {2, {INT64_MAX, 2}};
    assert_int_equal(shape_elements(&huge), -1);
    assert_int_equal(tensor_bytes(DTYPE_FLOAT32, &huge, 1), 0);
    shape_t wide = {1, {INT64_MAX}};
    assert_int_equal(tensor_bytes(DTYPE_FLOAT32, &wide, 1), 0);
}

static void
a_declared_batch_matches_any_number(void **state)
{
    (void)state;
    shape_t declared = {2, {DIM_BATCH, 3}}, actual = {2, {7, 3}};
    assert_true(shape_matches(&declared, &actual));
    assert_false(shape_equal(&declared, &actual));
    assert_true(shape_equal(&actual, &actual));
    actual.dims[1] = 4;
    assert_false(shape_matches(&declared, &actual));
    actual = (shape_t){1, {7}};
    assert_false(shape_matches(&declared, &actual));
}

static void
a_new_tensor_is_zero_and_aligned(void **state)
{
    (void)state;
    tensor_t tensor;
    fault_t fault;
    shape_t shape = {2, {3, 5}};
    assert_ok(tensor_init(&tensor, DTYPE_INT16, &shape, &fault), &fault);
    assert_int_equal(tensor.bytes, 30);
    assert_int_equal((uintptr_t)tensor.data % 64, 0);
    for (size_t i = 0; i < tensor.bytes; i++)
        assert_int_equal(((char *)tensor.data)[i], 0);
    tensor_release(&tensor);
    assert_null(tensor.data);
    shape.dims[0] = DIM_BATCH;
    assert_int_equal(tensor_init(&tensor, DTYPE_INT16, &shape, &fault), -1);
    assert_int_equal(fault.code, FAULT_BAD_SHAPE);
    shape.dims[0] = 1;
    assert_int_equal(tensor_init(&tensor, (dtype_t)4, &shape, &fault), -1);
    assert_int_equal(fault.code, FAULT_BAD_DTYPE);
}

/* The value of a float16 by its definition. */
static double
s_half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double sign = bits & 0x8000 ? -1.0 : 1.0;
    if (exponent == 31)
        return mantissa ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, -24);
    return sign * ldexp(1024 + mantissa, exponent - 25);
}

static void
every_float16_survives_the_way_through_float32(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits, again;
        float value;
        tensor_convert(DTYPE_FLOAT32, &value, DTYPE_FLOAT16, &half, 1);
        tensor_convert(DTYPE_FLOAT16, &again, DTYPE_FLOAT32, &value, 1);
        if (isnan(s_half(half))) {
            assert_true(isnan(value));
            assert_true(isnan(s_half(again)));
        } else {
            assert_true((double)value == s_half(half));
            assert_int_equal(again, half);
        }
    }
}

static void
float16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x7bff; bits++) {
        double low = s_half((uint16_t)bits);
        double high = s_half((uint16_t)(bits + 1));
        float middle = (float)((low + high) / 2);
        float above = nextafterf(middle, INFINITY);
        float below = nextafterf(middle, 0.0f);
        const float values[] = {middle, above, below};
        uint16_t halves[3];
        tensor_convert(DTYPE_FLOAT16, halves, DTYPE_FLOAT32, values, 3);
        assert_int_equal(halves[0], bits + (bits & 1));
        assert_int_equal(halves[1], bits + 1);
        assert_int_equal(halves[2], bits);
    }
    const float edges[] = {65519.0f, 65520.0f, -1e9f, 0x1p-25f, 0x1.1p-25f};
    uint16_t halves[5];
    tensor_convert(DTYPE_FLOAT16, halves, DTYPE_FLOAT32, edges, 5);
    assert_int_equal(halves[0], 0x7bff);
    assert_int_equal(halves[1], 0x7c00);
    assert_int_equal(halves[2], 0xfc00);
    assert_int_equal(halves[3], 0);
    assert_int_equal(halves[4], 1);
}

static void
bfloat16_is_the_upper_half_of_float32_rounded_to_even(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits, again;
        uint32_t whole = (uint32_t)bits << 16, got;
        float value;
        tensor_convert(DTYPE_FLOAT32, &value, DTYPE_BFLOAT16, &half, 1);
        memcpy(&got, &value, sizeof got);
        if (isnan(value)) /* its payload may change on the way */
            continue;
        assert_int_equal(got, whole);
        tensor_convert(DTYPE_BFLOAT16, &again, DTYPE_FLOAT32, &value, 1);
        assert_int_equal(again, half);
    }
    const uint32_t words[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x7f800001};
    static const uint16_t expected[] = {0x3f80, 0x3f82, 0x3f81, 0x7fc0};
    uint16_t halves[4];
    float values[4];
    memcpy(values, words, sizeof words);
    tensor_convert(DTYPE_BFLOAT16, halves, DTYPE_FLOAT32, values, 4);
    assert_memory_equal(halves, expected, sizeof expected);
}

static void
integers_truncate_and_saturate(void **state)
{
    (void)state;
    const double values[] = {-1e30, -1.9, -0.5, 0.5, 1.9, 300.0, 1e30, NAN};
    uint8_t bytes[8];
    int8_t chars[8];
    int32_t words[8];
    int64_t longs[8];
    bool truths[8];
    tensor_convert(DTYPE_UINT8, bytes, DTYPE_FLOAT64, values, 8);
    tensor_convert(DTYPE_INT8, chars, DTYPE_FLOAT64, values, 8);
    tensor_convert(DTYPE_INT32, words, DTYPE_FLOAT64, values, 8);
    tensor_convert(DTYPE_INT64, longs, DTYPE_FLOAT64, values, 8);
    tensor_convert(DTYPE_BOOL, truths, DTYPE_FLOAT64, values, 8);
    assert_memory_equal(bytes, ((uint8_t[]){0, 0, 0, 0, 1, 255, 255, 0}), 8);
    assert_memory_equal(chars, ((int8_t[]){-128, -1, 0, 0, 1, 127, 127, 0}), 8);
    assert_memory_equal(
        words, ((int32_t[]){INT32_MIN, -1, 0, 0, 1, 300, INT32_MAX, 0}),
        sizeof words);
    assert_memory_equal(
        longs, ((int64_t[]){INT64_MIN, -1, 0, 0, 1, 300, INT64_MAX, 0}),
        sizeof longs);
    for (int i = 0; i < 8; i++)
        assert_true(truths[i]);
}

static void
wide_integers_keep_all_their_bits(void **state)
{
    (void)state;
    const int64_t values[] = {INT64_MAX - 1, INT64_MIN + 1, -129, 128};
    int64_t same[4];
    int32_t words[4];
    int8_t chars[4];
    tensor_convert(DTYPE_INT64, same, DTYPE_INT64, values, 4);
    tensor_convert(DTYPE_INT32, words, DTYPE_INT64, values, 4);
    tensor_convert(DTYPE_INT8, chars, DTYPE_INT64, values, 4);
    assert_memory_equal(same, values, sizeof values);
    assert_memory_equal(words, ((int32_t[]){INT32_MAX, INT32_MIN, -129, 128}),
                        sizeof words);
    assert_memory_equal(chars, ((int8_t[]){127, -128, -128, 127}), 4);
    float number;
    tensor_convert(DTYPE_FLOAT32, &number, DTYPE_INT8, chars + 1, 1);
    assert_true(number == -128.0f);
}

static void
every_pair_of_dtypes_carries_small_numbers(void **state)
{
    (void)state;
    static const dtype_t dtypes[] = {
        DTYPE_FLOAT32, DTYPE_UINT8,   DTYPE_INT8,    DTYPE_INT16,   DTYPE_INT32,
        DTYPE_INT64,   DTYPE_FLOAT16, DTYPE_FLOAT64, DTYPE_BFLOAT16};
    enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };
    const float values[] = {0.0f, 1.0f, 2.0f, 100.0f};
    for (size_t i = 0; i < DTYPES; i++)
        for (size_t j = 0; j < DTYPES; j++) {
            uint64_t from[4], to[4];
            float back[4];
            tensor_convert(dtypes[i], from, DTYPE_FLOAT32, values, 4);
            tensor_convert(dtypes[j], to, dtypes[i], from, 4);
            tensor_convert(DTYPE_FLOAT32, back, dtypes[j], to, 4);
            assert_memory_equal(back, values, sizeof values);
        }
}

static void
the_quick_ways_give_what_the_general_one_gives(void **state)
{
    (void)state;
    static const struct {
        dtype_t to, from;
    } rows[] = {
        {DTYPE_FLOAT32, DTYPE_FLOAT16},
        {DTYPE_FLOAT32, DTYPE_BFLOAT16},
        {DTYPE_FLOAT32, DTYPE_FLOAT64},
        {DTYPE_FLOAT16, DTYPE_FLOAT32},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double values[64];
        union {
            uint64_t align;
            char bytes[1 + sizeof values];
        } source, aligned, shifted;
        for (int j = 0; j < 64; j++)
            values[j] = ldexp(j % 2 ? -1.1 * j : 1.3 * j, j - 40);
        size_t from = 64 * dtype_size(rows[i].from);
        size_t to = 64 * dtype_size(rows[i].to);
        tensor_convert(rows[i].from, source.bytes, DTYPE_FLOAT64, values, 64);
        tensor_convert(rows[i].to, aligned.bytes, rows[i].from, source.bytes,
                       64);
        memmove(source.bytes + 1, source.bytes, from);
        tensor_convert(rows[i].to, shifted.bytes + 1, rows[i].from,
                       source.bytes + 1, 64);
        assert_memory_equal(aligned.bytes, shifted.bytes + 1, to);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_dtypes_are_inverse),
        cmocka_unit_test(shapes_have_sizes_and_texts),
        cmocka_unit_test(a_declared_batch_matches_any_number),
        cmocka_unit_test(a_new_tensor_is_zero_and_aligned),
        cmocka_unit_test(every_float16_survives_the_way_through_float32),
        cmocka_unit_test(float16_rounds_to_nearest_even),
        cmocka_unit_test(bfloat16_is_the_upper_half_of_float32_rounded_to_even),
        cmocka_unit_test(integers_truncate_and_saturate),
        cmocka_unit_test(wide_integers_keep_all_their_bits),
        cmocka_unit_test(every_pair_of_dtypes_carries_small_numbers),
        cmocka_unit_test(the_quick_ways_give_what_the_general_one_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
