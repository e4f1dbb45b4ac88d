/* Arithmetic, comparisons and logic by plain loops, on every dtype. */
#include "tests/support/tests.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/evaluation.h"
#include "tests/support/naive.h"

#define SCALAR ((shape_t){.rank = 0})
#define LIST(n) ((shape_t){1, {n}})
#define COUNT(list) (sizeof(list) / sizeof *(list))
#define EXPECT(test, dtype, shape, ...)                                        \
    evaluation_expect(test, dtype, shape, (const double[]){__VA_ARGS__},       \
                      COUNT(((const double[]){__VA_ARGS__})))
#define INPUT(test, dtype, shape, ...)                                         \
    evaluation_input(test, dtype, shape, (const double[]){__VA_ARGS__},        \
                     COUNT(((const double[]){__VA_ARGS__})))

static evaluation_test_t test;

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
            evaluation_begin(&test);
            INPUT(&test, numbers[d], LIST(3), 7, 4, 3);
            INPUT(&test, numbers[d], SCALAR, 2);
            evaluation_node(&test, rows[r].op, 1);
            evaluation_expect(&test, numbers[d], LIST(3),
                              s_is_float(numbers[d]) ? rows[r].expected
                                                     : rows[r].integers,
                              3);
            evaluation_end(&test);
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
            evaluation_begin(&test);
            INPUT(&test, numbers[d], LIST(3), 1, 2, 3);
            INPUT(&test, numbers[d], LIST(1), 2);
            evaluation_node(&test, rows[r].op, 1);
            evaluation_expect(&test, DTYPE_BOOL, LIST(3), rows[r].expected, 3);
            evaluation_end(&test);
        }
}

static void
nothing_is_equal_to_a_nan(void **state)
{
    (void)state;
    const char *const ops[] = {"Equal", "GreaterOrEqual", "LessOrEqual"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, LIST(2), NAN, INFINITY);
        INPUT(&test, DTYPE_FLOAT32, LIST(2), NAN, INFINITY);
        evaluation_node(&test, ops[i], 1);
        EXPECT(&test, DTYPE_BOOL, LIST(2), 0, 1);
        evaluation_end(&test);
    }
}

static void
a_nan_wins_minimum_and_maximum(void **state)
{
    (void)state;
    const char *const ops[] = {"Min", "Max"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, LIST(3), NAN, 1, NAN);
        INPUT(&test, DTYPE_FLOAT32, LIST(3), 1, NAN, NAN);
        evaluation_node(&test, ops[i], 1);
        EXPECT(&test, DTYPE_FLOAT32, LIST(3), NAN, NAN, NAN);
        evaluation_end(&test);
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
        evaluation_begin(&test);
        INPUT(&test, DTYPE_BOOL, ((shape_t){2, {2, 1}}), 0, 1);
        INPUT(&test, DTYPE_BOOL, LIST(2), 0, 1);
        evaluation_node(&test, rows[r].op, 1);
        evaluation_expect(&test, DTYPE_BOOL, (shape_t){2, {2, 2}},
                          rows[r].expected, 4);
        evaluation_end(&test);
    }
    evaluation_begin(&test);
    INPUT(&test, DTYPE_BOOL, LIST(2), 0, 1);
    evaluation_node(&test, "Not", 1);
    EXPECT(&test, DTYPE_BOOL, LIST(2), 1, 0);
    evaluation_end(&test);

    const char *const others[] = {"And", "Or"};
    for (size_t i = 0; i < COUNT(others); i++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_INT64, LIST(2), 0, 1);
        INPUT(&test, DTYPE_INT64, LIST(2), 0, 1);
        evaluation_node(&test, others[i], 1);
        evaluation_refused(&test, "it does not work on int64");
    }
    evaluation_begin(&test);
    INPUT(&test, DTYPE_BOOL, LIST(2), 0, 1);
    INPUT(&test, DTYPE_BOOL, LIST(2), 0, 1);
    evaluation_node(&test, "Add", 1);
    evaluation_refused(&test, "it does not work on bool");
}

/* b of INT64_MIN, the numbers no double can carry exactly, set by hand. */
static int64_t
s_whole(const char *op, int64_t a, int64_t b)
{
    evaluation_begin(&test);
    INPUT(&test, DTYPE_INT64, SCALAR, 0);
    INPUT(&test, DTYPE_INT64, SCALAR, 0);
    memcpy(test.x[0].data, &a, sizeof a);
    memcpy(test.x[1].data, &b, sizeof b);
    evaluation_node(&test, op, 1);
    assert_ok(evaluation_run(&test), &test.fault);
    int64_t result;
    memcpy(&result, test.y[0].data, sizeof result);
    evaluation_end(&test);
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

    evaluation_begin(&test);
    INPUT(&test, DTYPE_UINT8, LIST(2), 250, 3);
    INPUT(&test, DTYPE_UINT8, LIST(2), 10, 250);
    evaluation_node(&test, "Add", 1);
    EXPECT(&test, DTYPE_UINT8, LIST(2), 4, 253);
    evaluation_end(&test);

    const char *const ops[] = {"Neg", "Abs"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_INT64, LIST(2), -0x1p63, -5);
        evaluation_node(&test, ops[i], 1);
        EXPECT(&test, DTYPE_INT64, LIST(2), -0x1p63, 5);
        evaluation_end(&test);
    }
}

static void
an_integer_divided_by_zero_is_a_fault(void **state)
{
    (void)state;
    const char *const ops[] = {"Div", "Mod"};
    for (size_t i = 0; i < COUNT(ops); i++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_INT32, LIST(3), 1, 2, 3);
        INPUT(&test, DTYPE_INT32, LIST(3), 1, 2, 0);
        evaluation_node(&test, ops[i], 1);
        evaluation_refused(&test, "an integer is divided by zero");
    }
    evaluation_begin(&test);
    INPUT(&test, DTYPE_FLOAT32, LIST(3), 1, 0, -1);
    INPUT(&test, DTYPE_FLOAT32, SCALAR, 0);
    evaluation_node(&test, "Div", 1);
    EXPECT(&test, DTYPE_FLOAT32, LIST(3), INFINITY, NAN, -INFINITY);
    evaluation_end(&test);
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
        evaluation_begin(&test);
        INPUT(&test, DTYPE_INT32, LIST(4), -7, -7, 7, 7);
        if (r == 0)
            INPUT(&test, DTYPE_INT32, LIST(4), 3, 3, 3, 3);
        else
            INPUT(&test, DTYPE_INT32, LIST(4), 3, -3, 3, -3);
        evaluation_node(&test, rows[r].op, 1);
        graph_set_int(test.graph, test.node, "fmod", rows[r].fmod, &test.fault);
        evaluation_expect(&test, DTYPE_INT32, LIST(4), rows[r].expected, 4);
        evaluation_end(&test);
    }
    evaluation_begin(&test);
    INPUT(&test, DTYPE_FLOAT32, LIST(2), -7.5, 7.5);
    INPUT(&test, DTYPE_FLOAT32, SCALAR, 2);
    evaluation_node(&test, "Mod", 1);
    graph_set_int(test.graph, test.node, "fmod", 1, &test.fault);
    EXPECT(&test, DTYPE_FLOAT32, LIST(2), -1.5, 1.5);
    evaluation_end(&test);

    evaluation_begin(&test);
    INPUT(&test, DTYPE_FLOAT32, LIST(2), -7.5, 7.5);
    INPUT(&test, DTYPE_FLOAT32, SCALAR, 2);
    evaluation_node(&test, "Mod", 1);
    evaluation_refused(&test, "floating point needs fmod = 1");
}

static void
an_exponent_may_be_of_another_dtype(void **state)
{
    (void)state;
    evaluation_begin(&test);
    INPUT(&test, DTYPE_FLOAT32, LIST(3), 1.5, 2, -2);
    INPUT(&test, DTYPE_INT64, LIST(3), 2, -1, 3);
    evaluation_node(&test, "Pow", 1);
    EXPECT(&test, DTYPE_FLOAT32, LIST(3), 2.25, 0.5, -8);
    evaluation_end(&test);
    evaluation_begin(&test);
    INPUT(&test, DTYPE_INT32, LIST(3), 4, 9, 2);
    INPUT(&test, DTYPE_FLOAT32, LIST(3), 0.5, 1.5, 40);
    evaluation_node(&test, "Pow", 1);
    EXPECT(&test, DTYPE_INT32, LIST(3), 2, 27, INT32_MAX);
    evaluation_end(&test);
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
        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, LIST(2), 1, 2);
        INPUT(&test, DTYPE_FLOAT32, ((shape_t){2, {1, 2}}), 3, 4);
        INPUT(&test, DTYPE_FLOAT32, ((shape_t){3, {1, 1, 2}}), 5, 6);
        evaluation_node(&test, rows[r].op, 1);
        evaluation_expect(&test, DTYPE_FLOAT32, (shape_t){3, {1, 1, 2}},
                          rows[r].expected, 2);
        evaluation_end(&test);

        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, LIST(2), 1, 2);
        evaluation_node(&test, rows[r].op, 1);
        EXPECT(&test, DTYPE_FLOAT32, LIST(2), 1, 2);
        evaluation_end(&test);
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
    naive_random_t random = {7};
    for (int round = 0; round < 300; round++) {
        shape_t out = {.rank = naive_int(&random, 0, 5)}, in[2];
        double elements[97];
        for (size_t i = 0; i < COUNT(elements); i++)
            elements[i] = (double)naive_float(&random);
        for (int i = 0; i < out.rank; i++)
            out.dims[i] = naive_int(&random, 1, i == out.rank - 1 ? 200 : 4);
        evaluation_begin(&test);
        for (int n = 0; n < 2; n++) {
            int dropped = naive_int(&random, 0, n ? out.rank : 0);
            in[n].rank = out.rank - dropped;
            for (int i = 0; i < in[n].rank; i++)
                in[n].dims[i] =
                    naive_int(&random, 0, 2) ? out.dims[i + dropped] : 1;
            evaluation_input(&test, DTYPE_FLOAT32, in[n], elements + n, 95);
        }
        static const char *const ops[] = {"Add", "Sub", "Mul", "Div"};
        evaluation_node(&test, ops[round % 4], 1);
        assert_ok(evaluation_run(&test), &test.fault);
        out = test.y[0].shape;
        for (size_t i = 0; i < (size_t)shape_elements(&out); i++) {
            float a = s_broadcast(&test.x[0], &out, i);
            float b = s_broadcast(&test.x[1], &out, i);
            const float expected[] = {a + b, a - b, a * b, a / b};
            assert_memory_equal(&expected[round % 4],
                                (float *)test.y[0].data + i, sizeof a);
        }
        evaluation_end(&test);
    }
}

static void
no_elements_are_no_work(void **state)
{
    (void)state;
    evaluation_begin(&test);
    INPUT(&test, DTYPE_INT64, ((shape_t){2, {0, 3}}), 0);
    INPUT(&test, DTYPE_INT64, ((shape_t){2, {1, 3}}), 1);
    evaluation_node(&test, "Div", 1);
    assert_ok(evaluation_run(&test), &test.fault);
    assert_int_equal(test.y[0].shape.dims[0], 0);
    evaluation_end(&test);
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
        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, LIST(3), 0.25, 1, 2.25);
        evaluation_node(&test, rows[r].op, 1);
        evaluation_expect(&test, DTYPE_FLOAT32, LIST(3), rows[r].expected, 3);
        evaluation_end(&test);
    }
    evaluation_begin(&test);
    INPUT(&test, DTYPE_INT64, LIST(1), 4);
    evaluation_node(&test, "Sqrt", 1);
    evaluation_refused(&test, "it does not work on int64");
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
    return cmocka_run_group_tests(tests, NULL, NULL);
}
