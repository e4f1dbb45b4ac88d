/* Reductions by plain loops against sums over indices. */
#include "tests/support/tests.h"

#include <math.h>

#include "tests/support/evaluate.h"
#include "tests/support/naive.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const ops[] = {"ReduceSum", "ReduceMean", "ReduceMax",
                                  "ReduceMin", "ReduceL2"};
enum { SUM, MEAN, MAX, MIN, L2 };

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
        evaluate_op(ops[op], 1);
        evaluate_computed(DTYPE_FLOAT32, &shape, elements, COUNT(elements));
        evaluate_numbers(DTYPE_INT64, SHAPE(named), axes, (size_t)named);
        evaluate_int("keepdims", round & 1);
        evaluate();
        const shape_t *out = &evaluated[0].shape;
        assert_int_equal(out->rank, round & 1 ? rank : rank - named);
        for (size_t i = 0; i < (size_t)shape_elements(out); i++) {
            double expected = s_expected(op, evaluate_operand(0), set, i);
            double y = evaluate_element(0, i);
            if (!(fabs(y - expected) <= 1e-7 * fabs(expected) + 1e-12))
                fail_msg("%s: %.9g, not %.9g", ops[op], y, expected);
        }
    }
}

static void
no_axes_are_all_axes_unless_it_says_none(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++)
        for (int64_t none = 0; none < 2; none++) {
            evaluate_op("ReduceSum", 1);
            evaluate_computed(DTYPE_INT64, SHAPE(2, 2), NUMBERS(1, 2, 3, 4));
            if (named)
                evaluate_numbers(DTYPE_INT64, SHAPE(0), NUMBERS(0));
            evaluate_int("noop_with_empty_axes", none);
            evaluate();
            if (none)
                evaluate_expect_numbers(DTYPE_INT64, SHAPE(2, 2),
                                        NUMBERS(1, 2, 3, 4));
            else
                evaluate_expect_numbers(DTYPE_INT64, SHAPE(1, 1), NUMBERS(10));
        }
}

static void
nothing_reduced_keeps_its_sign(void **state)
{
    (void)state;
    for (size_t op = 0; op < COUNT(ops); op++) {
        evaluate_op(ops[op], 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(-3, 2, -2));
        evaluate_int("noop_with_empty_axes", 1);
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(3), NUMBERS(-3, 2, -2));
    }
}

static void
integers_and_bools_where_they_make_sense(void **state)
{
    (void)state;
    const double expected[] = {-3, -1, 2, -3, 3};
    for (size_t op = 0; op < COUNT(ops); op++) {
        evaluate_op(ops[op], 1);
        evaluate_computed(DTYPE_INT32, SHAPE(3), NUMBERS(-3, 2, -2));
        evaluate_int("keepdims", 0);
        evaluate();
        if (op == L2)
            evaluate_expect_numbers(DTYPE_INT32, SCALAR, NUMBERS(4));
        else
            evaluate_expect_numbers(DTYPE_INT32, SCALAR, &expected[op], 1);
    }
    for (int op = MAX; op <= MIN; op++) {
        evaluate_op(ops[op], 1);
        evaluate_computed(DTYPE_BOOL, SHAPE(3, 2), NUMBERS(0, 0, 0, 1, 1, 1));
        evaluate_numbers(DTYPE_INT64, SHAPE(1), NUMBERS(1));
        evaluate();
        evaluate_expect_numbers(DTYPE_BOOL, SHAPE(3, 1),
                                NUMBERS(0, op == MAX, 1));
    }
    evaluate_op("ReduceSum", 1);
    evaluate_computed(DTYPE_BOOL, SHAPE(2), NUMBERS(0, 1));
    evaluate_refuses("it does not work on bool");
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
            evaluate_op(ops[op], 1);
            evaluate_computed(dtype, SHAPE(1, 0), NUMBERS(0));
            evaluate_numbers(DTYPE_INT64, SHAPE(1), NUMBERS(1));
            evaluate();
            evaluate_expect_numbers(dtype, SHAPE(1, 1),
                                    kind ? &whole[op] : &expected[op], 1);
        }
}

static void
a_nan_is_the_largest_and_the_smallest(void **state)
{
    (void)state;
    for (int op = MAX; op <= MIN; op++) {
        evaluate_op(ops[op], 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(1, NAN, 2));
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(1), NUMBERS(NAN));
    }
}

static void
axes_that_are_not_there_are_refused(void **state)
{
    (void)state;
    const double axes[] = {2, -3, 0x1p62};
    for (size_t i = 0; i < COUNT(axes); i++) {
        evaluate_op("ReduceMean", 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(2, 2), NUMBERS(1));
        evaluate_numbers(DTYPE_INT64, SHAPE(1), NUMBERS(axes[i]));
        evaluate_refuses("of a tensor of rank 2");
    }
    evaluate_op("ReduceMean", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(2, 2), NUMBERS(1));
    evaluate_numbers(DTYPE_INT64, SHAPE(1000), NUMBERS(0));
    evaluate_refuses("is not a list of at most 8");

    evaluate_op("ReduceMean", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(2, 2), NUMBERS(1));
    evaluate_computed(DTYPE_INT64, SHAPE(1), NUMBERS(0));
    evaluate_refuses("is computed while the model runs");
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
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
