/* Nodes as a hostile file might have them: any operator on any dtypes, shapes,
 * numbers and attributes is refused or computed. What that means is for other
 * tests; this one is for the sanitizers. */
#include "tests/support/tests.h"

#include <math.h>
#include <string.h>

#include "tests/support/evaluate.h"
#include "tests/support/naive.h"

enum { ROUNDS = 200000 };

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const ops[] = {
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "Div",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "Greater",
    "GreaterOrEqual",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "Max",
    "Mean",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "Reciprocal",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Sub",
    "Sum",
    "Tanh",
    "Where",
};

static const dtype_t dtypes[] = {
    DTYPE_FLOAT32, DTYPE_FLOAT64, DTYPE_FLOAT16, DTYPE_BFLOAT16, DTYPE_INT64,
    DTYPE_INT32,   DTYPE_INT16,   DTYPE_INT8,    DTYPE_UINT8,    DTYPE_BOOL};

static const double numbers[] = {
    0,   -0.0, 1,      -1,  2,         -2.5,     0x1p63,   -0x1p63,
    NAN, 1e30, -1e-30, 255, INT32_MIN, INFINITY, -INFINITY};

static const int64_t integers[] = {0,  1,  2, 3,         -1,
                                   -2, -4, 7, INT64_MAX, INT64_MIN};

static const char *const whole[] = {"axis", "keepdims", "num_groups",
                                    "size", "fmod",     "noop_with_empty_axes",
                                    "to"};
static const char *const real[] = {"alpha", "beta", "bias", "epsilon", "gamma"};

static naive_random_t random_ = {2024};

static size_t
s_choose(size_t count)
{
    return (size_t)naive_int(&random_, 0, (int)count - 1);
}

/* Mostly like the first one, so that some nodes fit. */
static void
s_add_input(dtype_t like, const shape_t *shape_like)
{
    double elements[27];
    shape_t shape = *shape_like;
    dtype_t dtype = s_choose(12) ? like : dtypes[s_choose(COUNT(dtypes))];
    for (size_t i = 0; i < COUNT(elements); i++)
        elements[i] = numbers[s_choose(COUNT(numbers))];
    for (int i = 0; i < shape.rank; i++)
        if (s_choose(9) == 0)
            shape.dims[i] = 1;
    if (s_choose(9) == 0)
        shape = (shape_t){1, {naive_int(&random_, 0, 3)}};
    if (s_choose(16) == 0)
        evaluate_absent();
    else if (s_choose(3) == 0)
        evaluate_numbers(dtype, &shape, elements, COUNT(elements));
    else
        evaluate_computed(dtype, &shape, elements, COUNT(elements));
}

static void
s_add_attributes(void)
{
    for (int i = naive_int(&random_, 0, 7); i > 0; i--) {
        int64_t integer = integers[s_choose(COUNT(integers))];
        evaluate_int(whole[s_choose(COUNT(whole))], integer);
        float number = (float)numbers[s_choose(COUNT(numbers))];
        evaluate_float(real[s_choose(COUNT(real))], number);
    }
}

static void
any_node_is_refused_or_computed(void **state)
{
    (void)state;
    size_t computed[COUNT(ops)] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        size_t op = s_choose(COUNT(ops));
        shape_t shape = {.rank = naive_int(&random_, 0, 3)};
        for (int i = 0; i < shape.rank; i++)
            shape.dims[i] = naive_int(&random_, s_choose(9) ? 1 : 0, 3);
        evaluate_op(ops[op], s_choose(8) ? 1 : naive_int(&random_, 1, 3));
        dtype_t dtype = dtypes[s_choose(COUNT(dtypes))];
        shape_t channels = {1, {shape.rank > 1 ? shape.dims[1] : 3}};
        bool by_channel = s_choose(3) == 0;
        int count = naive_int(&random_, 0, 5);
        if (strstr(ops[op], "Normalization"))
            count = ops[op][0] == 'B' ? 5 : 3;
        for (int i = 0; i < count; i++)
            s_add_input(dtype, i && by_channel ? &channels : &shape);
        s_add_attributes();
        const char *why = evaluate_attempt();
        if (!why)
            computed[op]++;
        else if (!why[0])
            fail_msg("%s is refused without a sentence", ops[op]);
    }
    for (size_t i = 0; i < COUNT(ops); i++)
        if (computed[i] == 0)
            fail_msg("%s was never computed", ops[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_node_is_refused_or_computed),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
