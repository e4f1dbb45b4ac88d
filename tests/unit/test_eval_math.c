/* Arithmetic, comparisons and logic by plain loops, on every dtype. */
#include "tests/support/tests.h"

#include <math.h>
#include <string.h>

#include "tests/support/evaluate.h"
#include "tests/support/naive.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const dtype_t numbers[] = {DTYPE_FLOAT32,  DTYPE_FLOAT64, DTYPE_FLOAT16,
                                  DTYPE_BFLOAT16, DTYPE_INT64,   DTYPE_INT32,
                                  DTYPE_INT16,    DTYPE_INT8,    DTYPE_UINT8};

static bool
s_is_float(dtype_t dtype)
{
    return dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64 ||
           dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16;
}

static void
arithmetic_on_every_dtype(void **state)
{
    (void)state;
    const struct {
        const char *op;
        double expected[3];
        double integers[3];
    } rows[] = {
        {"Add", {9, 6, 5}, {9, 6, 5}},     {"Sub", {5, 2, 1}, {5, 2, 1}},
        {"Mul", {14, 8, 6}, {14, 8, 6}},   {"Div", {3.5, 2, 1.5}, {3, 2, 1}},
        {"Pow", {49, 16, 9}, {49, 16, 9}}, {"Min", {2, 2, 2}, {2, 2, 2}},
        {"Max", {7, 4, 3}, {7, 4, 3}},
    };
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t d = 0; d < COUNT(numbers); d++) {
            evaluate_op(rows[r].op, 1);
            evaluate_computed(numbers[d], SHAPE(3), NUMBERS(7, 4, 3));
            evaluate_computed(numbers[d], SCALAR, NUMBERS(2));
            evaluate();
            evaluate_expect_numbers(numbers[d], SHAPE(3),
                                    s_is_float(numbers[d]) ? rows[r].expected
                                                           : rows[r].integers,
                                    3);
        }
}

static void
comparisons_give_bool(void **state)
{
    (void)state;
    const struct {
        const char *op;
        double expected[3];
    } rows[] = {
        {"Equal", {0, 1, 0}},       {"Greater", {0, 0, 1}},
        {"Less", {1, 0, 0}},        {"GreaterOrEqual", {0, 1, 1}},
        {"LessOrEqual", {1, 1, 0}},
    };
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t d = 0; d < COUNT(numbers); d++) {
            evaluate_op(rows[r].op, 1);
            evaluate_computed(numbers[d], SHAPE(3), NUMBERS(1, 2, 3));
            evaluate_computed(numbers[d], SHAPE(1), NUMBERS(2));
            evaluate();
            evaluate_expect_numbers(DTYPE_BOOL, SHAPE(3), rows[r].expected, 3);
        }
}

static void
nothing_is_equal_to_a_nan(void **state)
{
    (void)state;
    const char *const ops[] = {"Equal", "GreaterOrEqual", "LessOrEqual"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluate_op(ops[i], 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(2), NUMBERS(NAN, INFINITY));
        evaluate_computed(DTYPE_FLOAT32, SHAPE(2), NUMBERS(NAN, INFINITY));
        evaluate();
        evaluate_expect_numbers(DTYPE_BOOL, SHAPE(2), NUMBERS(0, 1));
    }
}

static void
a_nan_wins_minimum_and_maximum(void **state)
{
    (void)state;
    const char *const ops[] = {"Min", "Max"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluate_op(ops[i], 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(NAN, 1, NAN));
        evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(1, NAN, NAN));
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(3),
                                NUMBERS(NAN, NAN, NAN));
    }
}

static void
logic_works_on_bool_alone(void **state)
{
    (void)state;
    const struct {
        const char *op;
        double expected[4];
    } rows[] = {{"And", {0, 0, 0, 1}}, {"Or", {0, 1, 1, 1}}};
    for (size_t r = 0; r < COUNT(rows); r++) {
        evaluate_op(rows[r].op, 1);
        evaluate_computed(DTYPE_BOOL, SHAPE(2, 1), NUMBERS(0, 1));
        evaluate_computed(DTYPE_BOOL, SHAPE(2), NUMBERS(0, 1));
        evaluate();
        evaluate_expect_numbers(DTYPE_BOOL, SHAPE(2, 2), rows[r].expected, 4);
    }
    evaluate_op("Not", 1);
    evaluate_computed(DTYPE_BOOL, SHAPE(2), NUMBERS(0, 1));
    evaluate();
    evaluate_expect_numbers(DTYPE_BOOL, SHAPE(2), NUMBERS(1, 0));

    const char *const others[] = {"And", "Or"};
    for (size_t i = 0; i < COUNT(others); i++) {
        evaluate_op(others[i], 1);
        evaluate_computed(DTYPE_INT64, SHAPE(2), NUMBERS(0, 1));
        evaluate_computed(DTYPE_INT64, SHAPE(2), NUMBERS(0, 1));
        evaluate_refuses("it does not work on int64");
    }
    evaluate_op("Add", 1);
    evaluate_computed(DTYPE_BOOL, SHAPE(2), NUMBERS(0, 1));
    evaluate_computed(DTYPE_BOOL, SHAPE(2), NUMBERS(0, 1));
    evaluate_refuses("it does not work on bool");
}

/* op(a, b), of numbers that no double can carry exactly. */
static int64_t
s_whole(const char *op, int64_t a, int64_t b)
{
    evaluate_op(op, 1);
    evaluate_input(DTYPE_INT64, SCALAR, &a);
    evaluate_input(DTYPE_INT64, SCALAR, &b);
    evaluate();
    int64_t result;
    memcpy(&result, evaluated[0].data, sizeof result);
    return result;
}

static void
integers_wrap_around(void **state)
{
    (void)state;
    assert_true(s_whole("Add", INT64_MAX, 1) == INT64_MIN);
    assert_true(s_whole("Sub", INT64_MIN, 1) == INT64_MAX);
    assert_true(s_whole("Mul", INT64_MIN, -1) == INT64_MIN);
    assert_true(s_whole("Div", INT64_MIN, -1) == INT64_MIN);
    assert_true(s_whole("Mod", INT64_MIN, -1) == 0);
    assert_true(s_whole("Pow", 2, 64) == 0);
    assert_true(s_whole("Pow", -1, INT64_MIN) == 1);
    assert_true(s_whole("Pow", -1, INT64_MIN + 1) == -1);
    assert_true(s_whole("Pow", 0, -1) == 0);
    assert_true(s_whole("Pow", 3, 39) == 4052555153018976267);

    evaluate_op("Add", 1);
    evaluate_computed(DTYPE_UINT8, SHAPE(2), NUMBERS(250, 3));
    evaluate_computed(DTYPE_UINT8, SHAPE(2), NUMBERS(10, 250));
    evaluate();
    evaluate_expect_numbers(DTYPE_UINT8, SHAPE(2), NUMBERS(4, 253));

    const char *const ops[] = {"Neg", "Abs"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluate_op(ops[i], 1);
        evaluate_computed(DTYPE_INT64, SHAPE(2), NUMBERS(-0x1p63, -5));
        evaluate();
        evaluate_expect_numbers(DTYPE_INT64, SHAPE(2), NUMBERS(-0x1p63, 5));
    }
}

static void
an_integer_divided_by_zero_is_a_fault(void **state)
{
    (void)state;
    const char *const ops[] = {"Div", "Mod"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluate_op(ops[i], 1);
        evaluate_computed(DTYPE_INT32, SHAPE(3), NUMBERS(1, 2, 3));
        evaluate_computed(DTYPE_INT32, SHAPE(3), NUMBERS(1, 2, 0));
        evaluate_refuses("an integer is divided by zero");
    }
    evaluate_op("Div", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(1, 0, -1));
    evaluate_computed(DTYPE_FLOAT32, SCALAR, NUMBERS(0));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(3),
                            NUMBERS(INFINITY, NAN, -INFINITY));
}

static void
division_truncates_and_modulo_has_its_divisors_sign(void **state)
{
    (void)state;
    const struct {
        const char *op;
        int64_t fmod;
        double expected[4];
    } rows[] = {{"Div", 0, {-2, -2, 2, 2}},
                {"Mod", 0, {2, -1, 1, -2}},
                {"Mod", 1, {-1, -1, 1, 1}}};
    for (size_t r = 0; r < COUNT(rows); r++) {
        evaluate_op(rows[r].op, 1);
        evaluate_computed(DTYPE_INT32, SHAPE(4), NUMBERS(-7, -7, 7, 7));
        if (r == 0)
            evaluate_computed(DTYPE_INT32, SHAPE(4), NUMBERS(3, 3, 3, 3));
        else
            evaluate_computed(DTYPE_INT32, SHAPE(4), NUMBERS(3, -3, 3, -3));
        evaluate_int("fmod", rows[r].fmod);
        evaluate();
        evaluate_expect_numbers(DTYPE_INT32, SHAPE(4), rows[r].expected, 4);
    }
    evaluate_op("Mod", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(2), NUMBERS(-7.5, 7.5));
    evaluate_computed(DTYPE_FLOAT32, SCALAR, NUMBERS(2));
    evaluate_int("fmod", 1);
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(2), NUMBERS(-1.5, 1.5));

    evaluate_op("Mod", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(2), NUMBERS(-7.5, 7.5));
    evaluate_computed(DTYPE_FLOAT32, SCALAR, NUMBERS(2));
    evaluate_refuses("floating point needs fmod = 1");
}

static void
an_exponent_may_be_of_another_dtype(void **state)
{
    (void)state;
    evaluate_op("Pow", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(1.5, 2, -2));
    evaluate_computed(DTYPE_INT64, SHAPE(3), NUMBERS(2, -1, 3));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(3), NUMBERS(2.25, 0.5, -8));
    evaluate_op("Pow", 1);
    evaluate_computed(DTYPE_INT32, SHAPE(3), NUMBERS(4, 9, 2));
    evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(0.5, 1.5, 40));
    evaluate();
    evaluate_expect_numbers(DTYPE_INT32, SHAPE(3), NUMBERS(2, 27, INT32_MAX));
}

static void
sums_and_means_take_any_number_of_tensors(void **state)
{
    (void)state;
    const struct {
        const char *op;
        double expected[2];
    } rows[] = {
        {"Sum", {9, 12}}, {"Mean", {3, 4}}, {"Max", {5, 6}}, {"Min", {1, 2}}};
    for (size_t r = 0; r < COUNT(rows); r++) {
        evaluate_op(rows[r].op, 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(2), NUMBERS(1, 2));
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 2), NUMBERS(3, 4));
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 2), NUMBERS(5, 6));
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(1, 1, 2), rows[r].expected,
                                2);

        evaluate_op(rows[r].op, 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(2), NUMBERS(1, 2));
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(2), NUMBERS(1, 2));
    }
}

/* An element of a tensor that is broadcast to dims[], the plain way. */
static float
s_broadcast(const tensor_t *x, const shape_t *out, size_t at)
{
    size_t index = 0, step = 1;
    for (int i = out->rank - 1; i >= 0; i--) {
        size_t place = at % (size_t)out->dims[i];
        int own = i - (out->rank - x->shape.rank);
        at /= (size_t)out->dims[i];
        if (own < 0)
            continue;
        index += x->shape.dims[own] == 1 ? 0 : place * step;
        step *= (size_t)x->shape.dims[own];
    }
    return ((const float *)x->data)[index];
}

static void
shapes_of_all_kinds_broadcast_and_float32_stays_exact(void **state)
{
    (void)state;
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div"};
    naive_random_t random = {7};
    for (int round = 0; round < 300; round++) {
        shape_t out = {.rank = naive_int(&random, 0, 5)}, in[2];
        double elements[97];
        for (size_t i = 0; i < COUNT(elements); i++)
            elements[i] = (double)naive_float(&random);
        for (int i = 0; i < out.rank; i++)
            out.dims[i] = naive_int(&random, 1, i == out.rank - 1 ? 200 : 4);
        evaluate_op(ops[round % 4], 1);
        for (int n = 0; n < 2; n++) {
            int dropped = naive_int(&random, 0, n ? out.rank : 0);
            in[n].rank = out.rank - dropped;
            for (int i = 0; i < in[n].rank; i++)
                in[n].dims[i] =
                    naive_int(&random, 0, 2) ? out.dims[i + dropped] : 1;
            evaluate_computed(DTYPE_FLOAT32, &in[n], elements + n, 95);
        }
        evaluate();
        out = evaluated[0].shape;
        for (size_t i = 0; i < (size_t)shape_elements(&out); i++) {
            float a = s_broadcast(evaluate_operand(0), &out, i);
            float b = s_broadcast(evaluate_operand(1), &out, i);
            const float expected[] = {a + b, a - b, a * b, a / b};
            assert_memory_equal(&expected[round % 4],
                                (float *)evaluated[0].data + i, sizeof a);
        }
    }
}

static void
no_elements_are_no_work(void **state)
{
    (void)state;
    evaluate_op("Div", 1);
    evaluate_computed(DTYPE_INT64, SHAPE(0, 3), NUMBERS(0));
    evaluate_computed(DTYPE_INT64, SHAPE(1, 3), NUMBERS(1));
    evaluate();
    assert_int_equal(evaluated[0].shape.dims[0], 0);
}

static void
functions_of_one_number(void **state)
{
    (void)state;
    const struct {
        const char *op;
        double expected[3];
    } rows[] = {
        {"Sqrt", {0.5, 1, 1.5}},
        {"Floor", {0, 1, 2}},
        {"Ceil", {1, 1, 3}},
        {"Reciprocal", {4, 1, (double)(1 / 2.25f)}},
        {"Exp",
         {(double)(float)exp(0.25), (double)(float)exp(1),
          (double)(float)exp(2.25)}},
        {"Log", {(double)(float)log(0.25), 0, (double)(float)log(2.25)}},
        {"Neg", {-0.25, -1, -2.25}},
        {"Abs", {0.25, 1, 2.25}},
    };
    for (size_t r = 0; r < COUNT(rows); r++) {
        evaluate_op(rows[r].op, 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(0.25, 1, 2.25));
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(3), rows[r].expected, 3);
    }
    evaluate_op("Sqrt", 1);
    evaluate_computed(DTYPE_INT64, SHAPE(1), NUMBERS(4));
    evaluate_refuses("it does not work on int64");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_on_every_dtype),
        cmocka_unit_test(comparisons_give_bool),
        cmocka_unit_test(nothing_is_equal_to_a_nan),
        cmocka_unit_test(a_nan_wins_minimum_and_maximum),
        cmocka_unit_test(logic_works_on_bool_alone),
        cmocka_unit_test(integers_wrap_around),
        cmocka_unit_test(an_integer_divided_by_zero_is_a_fault),
        cmocka_unit_test(division_truncates_and_modulo_has_its_divisors_sign),
        cmocka_unit_test(an_exponent_may_be_of_another_dtype),
        cmocka_unit_test(sums_and_means_take_any_number_of_tensors),
        cmocka_unit_test(shapes_of_all_kinds_broadcast_and_float32_stays_exact),
        cmocka_unit_test(no_elements_are_no_work),
        cmocka_unit_test(functions_of_one_number),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
