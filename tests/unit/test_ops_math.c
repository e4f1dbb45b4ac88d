/* Operators that reduce, normalise and combine, in the engine, a batch. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions_over_neighbouring_and_other_axes),
        cmocka_unit_test(a_reduction_over_axes_apart),
        cmocka_unit_test(a_reduction_over_samples_runs_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
