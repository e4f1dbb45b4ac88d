/* Operators that reduce, normalise and combine, in the engine, a batch. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/outcome.h"
#include "worker/kernel/reduce.h"

static outcome_t o;

static void
s_set_int(int node, const char *name, int64_t value)
{
    fault_t fault = {0};
    assert_ok(graph_set_int(o.network.graph, node, name, value, &fault),
              &fault);
}

/* The batch was run together and gave this. */
static void
s_assert_close(const float *expected)
{
    assert_int_equal(o.batch_max, OUTCOME_BATCH);
    double error = naive_error(o.y, expected, OUTCOME_BATCH * o.out);
    if (error >= 1e-6)
        fail_msg("relative error %g", error);
}

static void
reductions_over_neighbouring_and_other_axes(void **state)
{
    (void)state;
    const struct {
        const char *op;
        int64_t axes[3];
        size_t named, outer, count, inner;
    } rows[] = {
        {"ReduceMean", {2, 3}, 2, OUTCOME_BATCH * 6, 91 * 13, 1},
        {"ReduceSum", {-1}, 1, OUTCOME_BATCH * 6 * 91, 13, 1},
        {"ReduceMax", {1}, 1, OUTCOME_BATCH, 6, 91 * 13},
        {"ReduceL2", {1, 2}, 2, OUTCOME_BATCH, 6 * 91, 13},
        {"ReduceMin", {3, 1, 2}, 3, OUTCOME_BATCH, 6 * 91 * 13, 1},
    };
    const int64_t dims[4] = {DIM_BATCH, 6, 91, 13};
    const int kinds[] = {REDUCE_MEAN, REDUCE_SUM, REDUCE_MAX, REDUCE_LENGTH,
                         REDUCE_MIN};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (int64_t keep = 0; keep < 2; keep++) {
            int x = outcome_begin(&o, 40 + r, 4, dims), node;
            int inputs[2] = {
                x, network_ints(&o.network, rows[r].named, rows[r].axes)};
            int y = network_node(&o.network, rows[r].op, 2, inputs, &node);
            s_set_int(node, "keepdims", keep);
            outcome_run(&o, y);
            float *expected =
                naive_floats(&o.network.random, OUTCOME_BATCH * o.out);
            naive_reduce(kinds[r], expected, o.x, rows[r].outer, rows[r].count,
                         rows[r].inner);
            s_assert_close(expected);
            free(expected);
            outcome_end(&o);
        }
}

/* [N, 4, 5, 6] over 1 and 3: no kernel, so plain loops. */
static void
a_reduction_over_axes_apart(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 4, 5, 6}, axes[2] = {1, 3};
    int x = outcome_begin(&o, 50, 4, dims);
    int inputs[2] = {x, network_ints(&o.network, 2, axes)};
    outcome_run(&o, network_node(&o.network, "ReduceSum", 2, inputs, NULL));
    float inner[OUTCOME_BATCH * 20], expected[OUTCOME_BATCH * 5];
    naive_reduce(REDUCE_SUM, inner, o.x, OUTCOME_BATCH * 20, 6, 1);
    naive_reduce(REDUCE_SUM, expected, inner, OUTCOME_BATCH, 4, 5);
    s_assert_close(expected);
    outcome_end(&o);
}

static void
a_reduction_over_samples_runs_one_at_a_time(void **state)
{
    (void)state;
    const int64_t dims[2] = {DIM_BATCH, 4};
    int x = outcome_begin(&o, 51, 2, dims), node;
    int y = network_node(&o.network, "ReduceMean", 1, &x, &node);
    outcome_run(&o, y);
    assert_int_equal(o.batch_max, 1);
    outcome_end(&o);
}

/* A value of s_expected's operands: sample s, element i of the output. */
typedef float element_fn(size_t s, size_t i);

static void
s_assert_elements(element_fn *expected)
{
    assert_int_equal(o.batch_max, OUTCOME_BATCH);
    for (size_t s = 0; s < OUTCOME_BATCH; s++)
        for (size_t i = 0; i < o.out; i++) {
            float y = o.y[s * o.out + i], right = expected(s, i);
            if (!(fabsf(y - right) <= 2e-6f * fabsf(right)))
                fail_msg("sample %zu, element %zu: %.9g, not %.9g", s, i,
                         (double)y, (double)right);
        }
}

/* Operands of the tests below: x [N, 3, 4, 5], a channel's number, a number of
 * the last axis, one for all. */
static float *channel, *column, *single;

static float
s_x(size_t s, size_t i)
{
    return o.x[s * 60 + i];
}

static float
s_sum(size_t s, size_t i)
{
    return s_x(s, i) + channel[i / 20] + column[i % 5] + single[0];
}

static float
s_mean(size_t s, size_t i)
{
    return s_sum(s, i) / 4.0f;
}

static float
s_largest(size_t s, size_t i)
{
    return fmaxf(fmaxf(s_x(s, i), channel[i / 20]),
                 fmaxf(column[i % 5], single[0]));
}

static float
s_smallest(size_t s, size_t i)
{
    return fminf(fminf(s_x(s, i), channel[i / 20]),
                 fminf(column[i % 5], single[0]));
}

static void
any_number_of_operands_in_any_order(void **state)
{
    (void)state;
    const struct {
        const char *op;
        element_fn *expected;
    } rows[] = {{"Sum", s_sum},
                {"Mean", s_mean},
                {"Max", s_largest},
                {"Min", s_smallest}};
    const int64_t dims[4] = {DIM_BATCH, 3, 4, 5}, three[3] = {3, 1, 1},
                  five = 5;
    for (size_t r = 0; r < 4 * 4; r++) {
        int x = outcome_begin(&o, 60, 4, dims), inputs[4];
        int operands[4] = {x, network_weights(&o.network, 3, three, 1.0f),
                           network_weights(&o.network, 1, &five, 1.0f),
                           network_float(&o.network, 0.5f)};
        for (size_t i = 0; i < 4; i++)
            inputs[(i + r / 4) % 4] = operands[i];
        /* Computed twice, so that an operand may be written over. */
        inputs[r / 4] = network_unary(&o.network, "Identity", x);
        channel = outcome_constant(&o, operands[1]);
        column = outcome_constant(&o, operands[2]);
        single = outcome_constant(&o, operands[3]);
        outcome_run(&o,
                    network_node(&o.network, rows[r % 4].op, 4, inputs, NULL));
        s_assert_elements(rows[r % 4].expected);
        free(channel);
        free(column);
        free(single);
        outcome_end(&o);
    }
}

static float
s_three_times(size_t s, size_t i)
{
    return 3.0f * -s_x(s, i);
}

/* The output would fit where the last operand lies. */
static void
operands_nobody_else_reads_are_not_written_over_too_early(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 3, 4, 5};
    int x = outcome_begin(&o, 61, 4, dims), inputs[3];
    for (int i = 0; i < 3; i++)
        inputs[i] = network_unary(&o.network, "Neg", x);
    outcome_run(&o, network_node(&o.network, "Sum", 3, inputs, NULL));
    s_assert_elements(s_three_times);
    outcome_end(&o);
}

static float
s_squared(size_t s, size_t i)
{
    return s_x(s, i) * s_x(s, i);
}

static void
an_exponent_may_be_an_integer(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 3, 4, 5}, two = 2;
    for (int whole = 0; whole < 2; whole++) {
        int x = outcome_begin(&o, 62, 4, dims);
        int exponent = whole ? network_ints(&o.network, 1, &two)
                             : network_float(&o.network, 2.0f);
        outcome_run(&o, network_binary(&o.network, "Pow", x, exponent));
        s_assert_elements(s_squared);
        outcome_end(&o);
    }
}

static float
s_sloped(size_t s, size_t i)
{
    float x = s_x(s, i);
    return x < 0.0f ? x * channel[i / 20] : x;
}

static void
a_prelu_has_a_slope_a_channel(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 3, 4, 5}, three[3] = {3, 1, 1};
    int x = outcome_begin(&o, 63, 4, dims);
    int slope = network_weights(&o.network, 3, three, 1.0f);
    channel = outcome_constant(&o, slope);
    outcome_run(&o, network_binary(&o.network, "PRelu", x, slope));
    s_assert_elements(s_sloped);
    free(channel);
    outcome_end(&o);
}

static float
s_below_largest(size_t s, size_t i)
{
    const float *row = o.x + s * 4 + i / 2 * 2;
    return o.x[s * 4 + i] - fmaxf(row[0], row[1]);
}

/* Both need 64 bytes of the arena; the row's number is read twice. */
static void
a_repeated_operand_is_not_written_over(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 2, 2}, last = -1;
    int x = outcome_begin(&o, 65, 3, dims);
    int inputs[2] = {x, network_ints(&o.network, 1, &last)};
    int most = network_node(&o.network, "ReduceMax", 2, inputs, NULL);
    outcome_run(&o, network_binary(&o.network, "Sub", x, most));
    s_assert_elements(s_below_largest);
    outcome_end(&o);
}

/* x [N, 6, 5, 7] normalised, with constants of so many numbers. */
static void
s_normalise(const char *op, const char *name, int64_t value, bool shifted,
            int constant_rank, const int64_t *constant_dims)
{
    const int64_t dims[4] = {DIM_BATCH, 6, 5, 7};
    int x = outcome_begin(&o, 70, 4, dims), node;
    int inputs[3] = {
        x, network_weights(&o.network, constant_rank, constant_dims, 1.0f),
        network_weights(&o.network, constant_rank, constant_dims, 1.0f)};
    channel = outcome_constant(&o, inputs[1]);
    column = shifted ? outcome_constant(&o, inputs[2]) : NULL;
    int y = network_node(&o.network, op, shifted ? 3 : 2, inputs, &node);
    if (name)
        s_set_int(node, name, value);
    outcome_run(&o, y);
}

static void
s_assert_normalised(size_t rows, size_t count, size_t channels, size_t inner)
{
    float *expected = naive_floats(&o.network.random, OUTCOME_BATCH * o.out);
    naive_norm(expected, o.x, channel, column, OUTCOME_BATCH * rows, count,
               channels, inner, (double)1e-5f);
    s_assert_close(expected);
    free(expected);
    free(channel);
    free(column);
    outcome_end(&o);
}

static void
layers_are_normalised_from_an_axis_on(void **state)
{
    (void)state;
    const int64_t all[3] = {6, 5, 7}, repeated[3] = {6, 1, 7};
    s_normalise("LayerNormalization", NULL, 0, true, 1, &all[2]);
    s_assert_normalised(30, 7, 7, 1);
    s_normalise("LayerNormalization", "axis", -2, false, 2, &all[1]);
    s_assert_normalised(6, 35, 35, 1);
    s_normalise("LayerNormalization", "axis", 1, true, 3, all);
    s_assert_normalised(1, 210, 210, 1);
    /* No kernel for numbers that repeat: plain loops. */
    s_normalise("LayerNormalization", "axis", 1, true, 2, repeated + 1);
    s_assert_normalised(1, 210, 7, 1);
}

static void
a_layer_norm_over_samples_runs_one_at_a_time(void **state)
{
    (void)state;
    const int64_t one = 1;
    s_normalise("LayerNormalization", "axis", 0, true, 1, &one);
    assert_int_equal(o.batch_max, 1);
    free(channel);
    free(column);
    outcome_end(&o);
}

static void
instances_and_groups_are_normalised(void **state)
{
    (void)state;
    const int64_t six = 6;
    s_normalise("InstanceNormalization", NULL, 0, true, 1, &six);
    s_assert_normalised(6, 35, 6, 35);
    s_normalise("GroupNormalization", "num_groups", 2, true, 1, &six);
    s_assert_normalised(2, 105, 6, 35);
    s_normalise("GroupNormalization", "num_groups", 1, true, 1, &six);
    s_assert_normalised(1, 210, 6, 35);
}

static void
local_responses_and_logarithms_of_softmax(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 6, 45, 77};
    fault_t fault = {0};
    float *expected;
    int x = outcome_begin(&o, 71, 4, dims), node;
    int y = network_node(&o.network, "LRN", 1, &x, &node);
    s_set_int(node, "size", 5);
    assert_ok(graph_set_float(o.network.graph, node, "alpha", 0.25f, &fault),
              &fault);
    outcome_run(&o, y);
    expected = naive_floats(&o.network.random, OUTCOME_BATCH * o.out);
    for (size_t s = 0; s < OUTCOME_BATCH; s++)
        naive_lrn(expected + s * o.out, o.x + s * o.in, 6, 45 * 77, 5, 0.25,
                  0.75, 1.0);
    s_assert_close(expected);
    outcome_end(&o);

    for (int axis = 1; axis < 4; axis++) {
        const size_t inner[] = {0, 45 * 77, 77, 1};
        x = outcome_begin(&o, 72, 4, dims);
        y = network_node(&o.network, "LogSoftmax", 1, &x, &node);
        s_set_int(node, "axis", axis);
        outcome_run(&o, y);
        naive_log_softmax(expected, o.x,
                          OUTCOME_BATCH * o.out / (size_t)dims[axis] /
                              inner[axis],
                          (size_t)dims[axis], inner[axis]);
        s_assert_close(expected);
        outcome_end(&o);
    }
    free(expected);
}

/* The mean over the first of two axes has a rank less, and its samples. */
static float
s_centred(size_t s, size_t i)
{
    double sum = 0.0;
    for (size_t l = 0; l < 4; l++)
        sum += (double)o.x[s * 12 + l * 3 + i % 3];
    return (float)((double)o.x[s * 12 + i] - sum / 4.0);
}

static void
operands_of_different_rank_with_their_samples(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 4, 3}, perm[3] = {1, 0, 2}, first = 0;
    fault_t fault = {0};
    int x = outcome_begin(&o, 64, 3, dims), node;
    int turned = network_node(&o.network, "Transpose", 1, &x, &node);
    assert_ok(graph_set_ints(o.network.graph, node, "perm", perm, 3, &fault),
              &fault);
    int reduce[2] = {turned, network_ints(&o.network, 1, &first)};
    int mean = network_node(&o.network, "ReduceMean", 2, reduce, &node);
    s_set_int(node, "keepdims", 0);
    int y = network_binary(&o.network, "Sub", turned, mean);
    y = network_node(&o.network, "Transpose", 1, &y, &node);
    assert_ok(graph_set_ints(o.network.graph, node, "perm", perm, 3, &fault),
              &fault);
    outcome_run(&o, y);
    assert_int_equal(o.batch_max, OUTCOME_BATCH);
    for (size_t s = 0; s < OUTCOME_BATCH; s++)
        for (size_t i = 0; i < o.out; i++)
            assert_true(fabsf(o.y[s * o.out + i] - s_centred(s, i)) < 1e-6f);
    outcome_end(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions_over_neighbouring_and_other_axes),
        cmocka_unit_test(a_reduction_over_axes_apart),
        cmocka_unit_test(a_reduction_over_samples_runs_one_at_a_time),
        cmocka_unit_test(any_number_of_operands_in_any_order),
        cmocka_unit_test(
            operands_nobody_else_reads_are_not_written_over_too_early),
        cmocka_unit_test(an_exponent_may_be_an_integer),
        cmocka_unit_test(a_prelu_has_a_slope_a_channel),
        cmocka_unit_test(operands_of_different_rank_with_their_samples),
        cmocka_unit_test(a_repeated_operand_is_not_written_over),
        cmocka_unit_test(layers_are_normalised_from_an_axis_on),
        cmocka_unit_test(a_layer_norm_over_samples_runs_one_at_a_time),
        cmocka_unit_test(instances_and_groups_are_normalised),
        cmocka_unit_test(local_responses_and_logarithms_of_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
