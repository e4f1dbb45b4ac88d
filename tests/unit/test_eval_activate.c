/* Activations by plain loops, on dtypes that have no kernel. */
#include "tests/support/tests.h"

#include <math.h>
#include <string.h>

#include "tests/support/evaluate.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Of float64, as PyTorch 1.13 computes them. */
static const struct {
    const char *op;
    float alpha; /* 0: not set */
    double expected[5];
} goldens[] = {
    {"Celu", 1.5, {-1.2166865957436572, -0.42520303413931609, 0, 0.75, 3}},
    {"Elu", 0.5, {-0.45895750068805058, -0.19673467014368329, 0, 0.75, 3}},
    {"Gelu",
     0,
     {-0.015524163314440398, -0.15426876936299344, 0, 0.58002948571734891,
      2.9959503059051098}},
    {"HardSwish",
     0,
     {-0.20833333333333334, -0.20833333333333334, 0, 0.46875, 3}},
    {"LeakyRelu", 0.25, {-0.625, -0.125, 0, 0.75, 3}},
    {"Mish",
     0,
     {-0.19681620390653337, -0.22074377465173001, 0, 0.61001833521829341,
      2.9865350049679575}},
    {"Relu", 0, {0, 0, 0, 0.75, 3}},
    {"Selu",
     0,
     {-1.6137857588732423, -0.69175818780287135, 0, 0.78802574051661034,
      3.1521029620664414}},
    {"Sigmoid",
     0,
     {0.075858180021243546, 0.37754066879814541, 0.5, 0.67917869917539297,
      0.95257412682243336}},
    {"Silu",
     0,
     {-0.18964545005310887, -0.1887703343990727, 0, 0.50938402438154473,
      2.8577223804672998}},
    {"Softplus",
     0,
     {0.078889734292549626, 0.47407698418010669, 0.69314718055994529,
      1.1368710061148999, 3.0485873515737421}},
    {"Tanh",
     0,
     {-0.98661429815143031, -0.46211715726000974, 0, 0.6351489523872873,
      0.99505475368673046}},
    {"Erf",
     0,
     {-0.99959304798255499, -0.52049987781304652, 0, 0.71115563365351508,
      0.99997790950300136}},
};

static void
activations_of_float64_are_those_of_pytorch(void **state)
{
    (void)state;
    for (size_t r = 0; r < COUNT(goldens); r++) {
        evaluate_op(goldens[r].op, 1);
        evaluate_computed(DTYPE_FLOAT64, SHAPE(5),
                          NUMBERS(-2.5, -0.5, 0, 0.75, 3));
        if (goldens[r].alpha > 0.0f)
            evaluate_float("alpha", goldens[r].alpha);
        evaluate();
        for (size_t i = 0; i < 5; i++) {
            double y = evaluate_element(0, i);
            double right = goldens[r].expected[i];
            /* The two numbers of Selu are floats in a node. */
            double most = strcmp(goldens[r].op, "Selu") ? 1e-14 : 1e-7;
            if (!(fabs(y - right) <= most * fabs(right)))
                fail_msg("%s: %.17g, not %.17g", goldens[r].op, y, right);
        }
    }
}

static void
integers_are_clipped_and_rectified(void **state)
{
    (void)state;
    const dtype_t dtypes[] = {DTYPE_INT64, DTYPE_INT32, DTYPE_INT16,
                              DTYPE_INT8};
    for (size_t d = 0; d < COUNT(dtypes); d++) {
        evaluate_op("Relu", 1);
        evaluate_computed(dtypes[d], SHAPE(4), NUMBERS(-100, -1, 1, 100));
        evaluate();
        evaluate_expect_numbers(dtypes[d], SHAPE(4), NUMBERS(0, 0, 1, 100));

        evaluate_op("Clip", 1);
        evaluate_computed(dtypes[d], SHAPE(4), NUMBERS(-100, -1, 1, 100));
        evaluate_absent();
        evaluate_computed(dtypes[d], SCALAR, NUMBERS(50));
        evaluate();
        evaluate_expect_numbers(dtypes[d], SHAPE(4), NUMBERS(-100, -1, 1, 50));
    }
    evaluate_op("Clip", 1);
    evaluate_computed(DTYPE_BOOL, SHAPE(1), NUMBERS(1));
    evaluate_refuses("it does not work on bool");
}

static void
bounds_are_computed_absent_or_crossed(void **state)
{
    (void)state;
    evaluate_op("Clip", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(-INFINITY, NAN, 7));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(3),
                            NUMBERS(-INFINITY, NAN, 7));

    evaluate_op("Clip", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(3), NUMBERS(-1, 1.5, 7));
    evaluate_computed(DTYPE_FLOAT32, SHAPE(1), NUMBERS(2));
    evaluate_computed(DTYPE_FLOAT32, SHAPE(1), NUMBERS(1));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(3), NUMBERS(1, 1, 1));
}

static void
a_slope_is_repeated_a_channel(void **state)
{
    (void)state;
    evaluate_op("PRelu", 1);
    evaluate_computed(DTYPE_FLOAT64, SHAPE(1, 2, 2), NUMBERS(-1, 2, -3, 4));
    evaluate_computed(DTYPE_FLOAT64, SHAPE(2, 1), NUMBERS(0.5, 0.25));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT64, SHAPE(1, 2, 2),
                            NUMBERS(-0.5, 2, -0.75, 4));
}

static void
a_gelu_may_be_the_approximate_one(void **state)
{
    (void)state;
    evaluate_op("Gelu", 1);
    evaluate_computed(DTYPE_FLOAT64, SHAPE(1), NUMBERS(1.5));
    evaluate_text("approximate", "tanh");
    evaluate();
    double inner = sqrt(2.0 / M_PI) * (1.5 + 0.044715 * 1.5 * 1.5 * 1.5);
    double right = 0.5 * 1.5 * (1.0 + tanh(inner));
    assert_true(fabs(evaluate_element(0, 0) - right) < 1e-14);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_of_float64_are_those_of_pytorch),
        cmocka_unit_test(integers_are_clipped_and_rectified),
        cmocka_unit_test(bounds_are_computed_absent_or_crossed),
        cmocka_unit_test(a_slope_is_repeated_a_channel),
        cmocka_unit_test(a_gelu_may_be_the_approximate_one),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
