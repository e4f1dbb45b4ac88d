/* Reductions by plain loops against sums over indices. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/evaluation.h"
#include "tests/support/naive.h"

#define LIST(n) ((shape_t){1, {n}})
#define COUNT(list) (sizeof(list) / sizeof *(list))
#define EXPECT(test, dtype, shape, ...)                                        \
    evaluation_expect(test, dtype, shape, (const double[]){__VA_ARGS__},       \
                      COUNT(((const double[]){__VA_ARGS__})))
#define INPUT(test, dtype, shape, ...)                                         \
    evaluation_input(test, dtype, shape, (const double[]){__VA_ARGS__},        \
                     COUNT(((const double[]){__VA_ARGS__})))
#define CONSTANT(test, dtype, shape, ...)                                      \
    evaluation_constant(test, dtype, shape, (const double[]){__VA_ARGS__},     \
                        COUNT(((const double[]){__VA_ARGS__})))

static const char *const ops[] = {"ReduceSum", "ReduceMean", "ReduceMax",
                                  "ReduceMin", "ReduceL2"};
enum { SUM, MEAN, MAX, MIN, L2 };

static evaluation_test_t test;

static double
s_start(int op)
{
    return op == MAX ? -INFINITY : op == MIN ? INFINITY : 0.0;
}

static double
s_step(int op, double sum, double x)
{
    const double all[] = {sum + x, sum + x, fmax(sum, x), fmin(sum, x),
                          sum + x * x};
    return all[op];
}

static double
s_end(int op, double sum, size_t count)
{
    return op == MEAN ? sum / (double)count : op == L2 ? sqrt(sum) : sum;
}

/* Output `at` of dims with the axes of the set reduced. */
static double
s_expected(int op, const tensor_t *x, unsigned set, size_t at)
{
    double sum = s_start(op);
    size_t reduced = 0, total = (size_t)shape_elements(&x->shape);
    for (size_t i = 0; i < total; i++) {
        size_t rest = i, place = 0, step = 1;
        for (int axis = x->shape.rank - 1; axis >= 0; axis--) {
            size_t dim = (size_t)x->shape.dims[axis];
            if (!(set >> axis & 1)) {
                place += rest % dim * step;
                step *= dim;
            }
            rest /= dim;
        }
        if (place != at)
            continue;
        sum = s_step(op, sum, (double)((const float *)x->data)[i]);
        reduced++;
    }
    return s_end(op, sum, reduced);
}

static void
any_axes_of_any_shape(void **state)
{
    (void)state;
    naive_random_t random = {3};
    for (int round = 0; round < 400; round++) {
        int op = round % 5, rank = naive_int(&random, 1, 5), named = 0;
        unsigned set = (unsigned)naive_int(&random, 1, (1 << rank) - 1);
        shape_t shape = {.rank = rank};
        double axes[8], elements[61];
        for (int i = 0; i < rank; i++)
            shape.dims[i] =
                naive_int(&random, 1, i + 1 == rank && rank < 3 ? 300 : 4);
        for (int i = 0; i < rank; i++)
            if (set >> i & 1)
                axes[named++] = naive_int(&random, 0, 1) ? i : i - rank;
        for (size_t i = 0; i < COUNT(elements); i++)
            elements[i] = (double)naive_float(&random);
        evaluation_begin(&test);
        evaluation_input(&test, DTYPE_FLOAT32, shape, elements,
                         COUNT(elements));
        evaluation_constant(&test, DTYPE_INT64, LIST(named), axes,
                            (size_t)named);
        evaluation_node(&test, ops[op], 1);
        graph_set_int(test.graph, test.node, "keepdims", round & 1,
                      &test.fault);
        assert_ok(evaluation_run(&test), &test.fault);
        const shape_t *out = &test.y[0].shape;
        assert_int_equal(out->rank, round & 1 ? rank : rank - named);
        for (size_t i = 0; i < (size_t)shape_elements(out); i++) {
            double expected = s_expected(op, &test.x[0], set, i);
            double y = evaluation_element(&test, 0, i);
            if (!(fabs(y - expected) <= 1e-7 * fabs(expected) + 1e-12))
                fail_msg("%s: %.9g, not %.9g", ops[op], y, expected);
        }
        evaluation_end(&test);
    }
}

static void
no_axes_are_all_axes_unless_it_says_none(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++)
        for (int64_t none = 0; none < 2; none++) {
            evaluation_begin(&test);
            INPUT(&test, DTYPE_INT64, ((shape_t){2, {2, 2}}), 1, 2, 3, 4);
            if (named)
                CONSTANT(&test, DTYPE_INT64, LIST(0), 0);
            evaluation_node(&test, "ReduceSum", 1);
            graph_set_int(test.graph, test.node, "noop_with_empty_axes", none,
                          &test.fault);
            if (none)
                EXPECT(&test, DTYPE_INT64, ((shape_t){2, {2, 2}}), 1, 2, 3, 4);
            else
                EXPECT(&test, DTYPE_INT64, ((shape_t){2, {1, 1}}), 10);
            evaluation_end(&test);
        }
}

static void
nothing_reduced_keeps_its_sign(void **state)
{
    (void)state;
    for (size_t op = 0; op < COUNT(ops); op++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, LIST(3), -3, 2, -2);
        evaluation_node(&test, ops[op], 1);
        graph_set_int(test.graph, test.node, "noop_with_empty_axes", 1,
                      &test.fault);
        EXPECT(&test, DTYPE_FLOAT32, LIST(3), -3, 2, -2);
        evaluation_end(&test);
    }
}

static void
integers_and_bools_where_they_make_sense(void **state)
{
    (void)state;
    const double expected[] = {-3, -1, 2, -3, 3};
    for (size_t op = 0; op < COUNT(ops); op++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_INT32, LIST(3), -3, 2, -2);
        evaluation_node(&test, ops[op], 1);
        graph_set_int(test.graph, test.node, "keepdims", 0, &test.fault);
        if (op == L2)
            EXPECT(&test, DTYPE_INT32, (shape_t){.rank = 0}, 4);
        else
            evaluation_expect(&test, DTYPE_INT32, (shape_t){.rank = 0},
                              &expected[op], 1);
        evaluation_end(&test);
    }
    for (int op = MAX; op <= MIN; op++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_BOOL, ((shape_t){2, {3, 2}}), 0, 0, 0, 1, 1, 1);
        CONSTANT(&test, DTYPE_INT64, LIST(1), 1);
        evaluation_node(&test, ops[op], 1);
        EXPECT(&test, DTYPE_BOOL, ((shape_t){2, {3, 1}}), 0, op == MAX, 1);
        evaluation_end(&test);
    }
    evaluation_begin(&test);
    INPUT(&test, DTYPE_BOOL, LIST(2), 0, 1);
    evaluation_node(&test, "ReduceSum", 1);
    evaluation_refused(&test, "it does not work on bool");
}

static void
nothing_has_a_sum_and_an_extremum(void **state)
{
    (void)state;
    const double expected[] = {0, NAN, -INFINITY, INFINITY, 0};
    const double whole[] = {0, 0, INT32_MIN, INT32_MAX, 0};
    for (size_t op = 0; op < COUNT(ops); op++)
        for (int kind = 0; kind < 2; kind++) {
            dtype_t dtype = kind ? DTYPE_INT32 : DTYPE_FLOAT32;
            evaluation_begin(&test);
            INPUT(&test, dtype, ((shape_t){2, {1, 0}}), 0);
            CONSTANT(&test, DTYPE_INT64, LIST(1), 1);
            evaluation_node(&test, ops[op], 1);
            evaluation_expect(&test, dtype, (shape_t){2, {1, 1}},
                              kind ? &whole[op] : &expected[op], 1);
            evaluation_end(&test);
        }
}

static void
a_nan_is_the_largest_and_the_smallest(void **state)
{
    (void)state;
    for (int op = MAX; op <= MIN; op++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, LIST(3), 1, NAN, 2);
        evaluation_node(&test, ops[op], 1);
        EXPECT(&test, DTYPE_FLOAT32, LIST(1), NAN);
        evaluation_end(&test);
    }
}

static void
axes_that_are_not_there_are_refused(void **state)
{
    (void)state;
    const double axes[] = {2, -3, 0x1p62};
    for (size_t i = 0; i < COUNT(axes); i++) {
        evaluation_begin(&test);
        INPUT(&test, DTYPE_FLOAT32, ((shape_t){2, {2, 2}}), 1);
        CONSTANT(&test, DTYPE_INT64, LIST(1), axes[i]);
        evaluation_node(&test, "ReduceMean", 1);
        evaluation_refused(&test, "of a tensor of rank 2");
    }
    evaluation_begin(&test);
    INPUT(&test, DTYPE_FLOAT32, ((shape_t){2, {2, 2}}), 1);
    CONSTANT(&test, DTYPE_INT64, LIST(1000), 0);
    evaluation_node(&test, "ReduceMean", 1);
    evaluation_refused(&test, "is not a list of at most 8");

    evaluation_begin(&test);
    INPUT(&test, DTYPE_FLOAT32, ((shape_t){2, {2, 2}}), 1);
    INPUT(&test, DTYPE_INT64, LIST(1), 0);
    evaluation_node(&test, "ReduceMean", 1);
    evaluation_refused(&test, "is computed while the model runs");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_axes_of_any_shape),
        cmocka_unit_test(no_axes_are_all_axes_unless_it_says_none),
        cmocka_unit_test(nothing_reduced_keeps_its_sign),
        cmocka_unit_test(integers_and_bools_where_they_make_sense),
        cmocka_unit_test(nothing_has_a_sum_and_an_extremum),
        cmocka_unit_test(a_nan_is_the_largest_and_the_smallest),
        cmocka_unit_test(axes_that_are_not_there_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
