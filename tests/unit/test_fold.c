/* Shape arithmetic and constants are solved before the cut; what is left runs
 * for any batch. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <string.h>

#include "common/model/shape.h"
#include "common/model/simplify.h"
#include "tests/support/networks.h"
#include "worker/engine/session.h"

static network_t net;

static void
s_set_int(int node, const char *name, int64_t value)
{
    fault_t fault = {0};
    assert_ok(graph_set_int(net.graph, node, name, value, &fault), &fault);
}

/* Element `index` of a value's shape as a list of one, as PyTorch writes it. */
static int
s_dim(int value, int64_t index)
{
    int node;
    fault_t fault = {0};
    const shape_t scalar = {.rank = 0};
    char name[16];
    snprintf(name, sizeof name, "index%d", net.names++);
    int at = graph_add_elements(net.graph, name, DTYPE_INT64, &scalar, &index,
                                &fault);
    assert_true(at >= 0);
    int gathered =
        network_node(&net, "Gather", 2,
                     (int[]){network_unary(&net, "Shape", value), at}, &node);
    s_set_int(node, "axis", 0);
    return network_binary(&net, "Unsqueeze", gathered,
                          network_ints(&net, 1, (int64_t[]){0}));
}

static int
s_concat(int count, const int *inputs, int64_t axis)
{
    int node;
    int joined = network_node(&net, "Concat", count, inputs, &node);
    s_set_int(node, "axis", axis);
    return joined;
}

/* The ops of the simplified graph in order. */
static void
s_expect(int output, const char *ops)
{
    static char text[1024];
    fault_t fault = {0};
    network_output(&net, output);
    assert_ok(simplify_graph(net.graph, &fault), &fault);
    text[0] = '\0';
    for (size_t n = 0; n < net.graph->nodes_count; n++) {
        strcat(text, n ? " " : "");
        strcat(text, net.graph->nodes[n].op);
    }
    assert_string_equal(text, ops);
}

static bool
s_is_batchable(void)
{
    bool batchable;
    fault_t fault = {0};
    assert_ok(shape_batchable(net.graph, &batchable, &fault), &fault);
    return batchable;
}

/* The constant that input `input` of a node is. */
static void
s_expect_ints(int node, int input, int count, const int64_t *expected)
{
    int64_t items[8];
    fault_t fault = {0};
    int value = net.graph->nodes[node].inputs[input];
    assert_int_equal(shape_elements(&net.graph->values[value].shape), count);
    assert_ok(graph_read_constant(net.graph, value, DTYPE_INT64, items, &fault),
              &fault);
    for (int i = 0; i < count; i++)
        assert_int_equal(items[i], expected[i]);
}

static int
s_begin(int rank, const int64_t *dims)
{
    network_init(&net, 3);
    return network_input(&net, "x", rank, dims);
}

/* x.view(x.size(0), x.size(1) // 2, -1) */
static void
a_computed_reshape_gets_a_list(void **state)
{
    (void)state;
    int x = s_begin(3, (int64_t[]){DIM_BATCH, 4, 6});
    int half = network_binary(&net, "Div", s_dim(x, 1),
                              network_ints(&net, 1, (int64_t[]){2}));
    int target = s_concat(
        3, (int[]){s_dim(x, 0), half, network_ints(&net, 1, (int64_t[]){-1})},
        0);
    s_expect(network_binary(&net, "Reshape", x, target), "Reshape");
    s_expect_ints(0, 1, 3, (int64_t[]){-1, 2, 12});
    assert_true(s_is_batchable());
    network_release(&net);
}

/* Windows: x.view(n * 2, 2, 6) */
static void
a_multiple_of_the_batch_is_solved_too(void **state)
{
    (void)state;
    int x = s_begin(3, (int64_t[]){DIM_BATCH, 4, 6});
    int twice = network_binary(&net, "Mul", s_dim(x, 0),
                               network_ints(&net, 1, (int64_t[]){2}));
    int target = s_concat(
        2, (int[]){twice, network_ints(&net, 2, (int64_t[]){2, 6})}, 0);
    int windows = network_binary(&net, "Reshape", x, target);
    int back = network_binary(&net, "Reshape", windows,
                              network_ints(&net, 3, (int64_t[]){-1, 4, 6}));
    s_expect(back, "Reshape Reshape");
    s_expect_ints(0, 1, 3, (int64_t[]){-1, 2, 6});
    assert_true(s_is_batchable());
    network_release(&net);
}

/* torch's class token: concat(token.expand(n, 1, 6), x) */
static int
s_class_token(int x)
{
    int token = network_weights(&net, 3, (int64_t[]){1, 1, 6}, 1);
    int rest = network_ints(&net, 2, (int64_t[]){1, 6});
    int target = s_concat(2, (int[]){s_dim(x, 0), rest}, 0);
    int expanded = network_binary(&net, "Expand", token, target);
    return s_concat(2, (int[]){expanded, x}, 1);
}

static void
an_expand_takes_the_batch_from_beside(void **state)
{
    (void)state;
    int x = s_begin(3, (int64_t[]){DIM_BATCH, 4, 6});
    int y = network_unary(&net, "Relu", x);
    s_expect(network_unary(&net, "Tanh", s_class_token(y)),
             "Relu Shape Concat Expand Concat Tanh");
    assert_true(s_is_batchable());

    /* and runs for any batch, with the same bits */
    fault_t fault = {0};
    const session_options_t options = {1, 3};
    session_t *session = session_new(net.graph, &options, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    assert_int_equal(session_batch_max(session), 3);
    size_t bytes;
    float kept[3][30];
    for (int s = 0; s < 3; s++) {
        float *row = session_input_row(session, 0, s, &bytes);
        for (int i = 0; i < 24; i++)
            row[i] = naive_float(&net.random);
    }
    assert_ok(session_run(session, 3, &fault), &fault);
    for (int s = 0; s < 3; s++)
        memcpy(kept[s], session_output_row(session, 0, s, &bytes), 120);
    assert_int_equal(bytes, 120);
    assert_memory_equal(kept[0], kept[1], 24); /* the token */
    for (int s = 0; s < 3; s++) {
        memcpy(session_input_row(session, 0, 0, &bytes),
               session_input_row(session, 0, s, &bytes), 96);
        assert_ok(session_run(session, 1, &fault), &fault);
        assert_memory_equal(kept[s], session_output_row(session, 0, 0, &bytes),
                            120);
    }
    session_destroy(&session);
    network_release(&net);
}

static void
constants_are_computed_once(void **state)
{
    (void)state;
    int x = s_begin(2, (int64_t[]){DIM_BATCH, 6});
    int w = network_weights(&net, 2, (int64_t[]){6, 6}, 1);
    int scaled = network_binary(&net, "Mul", w, network_float(&net, 2));
    int turned = network_unary(&net, "Transpose", scaled);
    s_expect(network_binary(&net, "MatMul", x, turned), "MatMul");
    network_release(&net);
}

/* An output keeps its name, so its node stays. */
static void
an_output_that_is_constant_stays(void **state)
{
    (void)state;
    int x = s_begin(2, (int64_t[]){3, 6});
    network_output(&net, network_unary(&net, "Relu", x));
    s_expect(network_unary(&net, "Shape", x), "Relu Shape");
    network_release(&net);
}

static void
what_hands_on_its_input_goes(void **state)
{
    (void)state;
    int node;
    int x = s_begin(3, (int64_t[]){DIM_BATCH, 4, 6});
    int y = network_unary(&net, "Relu", x);
    y = network_binary(&net, "Pad", y, network_ints(&net, 6, (int64_t[6]){0}));
    y = network_node(&net, "Slice", 4,
                     (int[]){y, network_ints(&net, 1, (int64_t[]){0}),
                             network_ints(&net, 1, (int64_t[]){INT64_MAX}),
                             network_ints(&net, 1, (int64_t[]){1})},
                     NULL);
    y = network_node(&net, "Cast", 1, &y, &node);
    s_set_int(node, "to", DTYPE_FLOAT32);
    y = network_binary(&net, "Tile", y,
                       network_ints(&net, 3, (int64_t[]){1, 1, 1}));
    y = s_concat(1, &y, 1);
    s_expect(network_unary(&net, "Tanh", y), "Relu Tanh");
    network_release(&net);

    /* one more in front and one less behind is not nothing, nor is reversing */
    x = s_begin(3, (int64_t[]){DIM_BATCH, 4, 6});
    y = network_binary(&net, "Pad", x,
                       network_ints(&net, 6, (int64_t[]){0, 1, 0, 0, -1, 0}));
    y = network_node(&net, "Slice", 5,
                     (int[]){y, network_ints(&net, 1, (int64_t[]){-1}),
                             network_ints(&net, 1, (int64_t[]){INT64_MIN}),
                             network_ints(&net, 1, (int64_t[]){1}),
                             network_ints(&net, 1, (int64_t[]){-1})},
                     NULL);
    s_expect(y, "Pad Slice");
    network_release(&net);
}

/* For one sample it looks like nothing. */
static void
an_expand_to_the_batch_is_not_idle(void **state)
{
    (void)state;
    int x = s_begin(3, (int64_t[]){DIM_BATCH, 1, 6});
    s_expect(network_unary(&net, "Tanh", s_class_token(x)),
             "Shape Concat Expand Concat Tanh");
    network_release(&net);
}

/* x / n depends on how many samples there are: that is no batch. */
static void
arithmetic_on_the_batch_is_not_batchable(void **state)
{
    (void)state;
    int x = s_begin(2, (int64_t[]){DIM_BATCH, 6});
    int node;
    int n = network_node(&net, "Cast", 1, (int[]){s_dim(x, 0)}, &node);
    s_set_int(node, "to", DTYPE_FLOAT32);
    s_expect(network_binary(&net, "Div", x, n),
             "Shape Gather Unsqueeze Cast Div");
    assert_false(s_is_batchable());
    network_release(&net);
}

static int
s_list(int64_t number)
{
    return network_ints(&net, 1, &number);
}

static int
s_slice(int x, int start, int end, int64_t axis)
{
    return network_node(&net, "Slice", 4, (int[]){x, start, end, s_list(axis)},
                        NULL);
}

/* x[:, n:n + 1] */
static int
s_nth_column(int x)
{
    int n = s_dim(x, 0);
    return s_slice(x, n, network_binary(&net, "Add", n, s_list(1)), 1);
}

/* Of one sample x[:, :1], of three and of seven x[:, :2]. */
static int
s_maximum_of_some(int x)
{
    int end = network_binary(&net, "Min", s_dim(x, 0), s_list(2));
    return network_binary(&net, "ReduceMax", s_slice(x, s_list(0), end, 1),
                          s_list(1));
}

/* Of one sample the second axis, of three and of seven the third. */
static int
s_sum_of_an_axis(int x)
{
    int axis = network_binary(&net, "Min", s_dim(x, 0), s_list(2));
    return network_binary(&net, "ReduceSum", x, axis);
}

static int
s_choice_of_one_sample(int x)
{
    int alone = network_binary(&net, "Equal", s_dim(x, 0), s_list(1));
    return network_node(&net, "Where", 3,
                        (int[]){alone, x, network_unary(&net, "Neg", x)}, NULL);
}

/* The engine is built for one sample: a formula that says something else of
 * one, or something else of each batch, is none for a batch. */
static void
elements_chosen_by_the_batch_are_not_batchable(void **state)
{
    (void)state;
    int (*const formulas[])(int) = {s_nth_column, s_maximum_of_some,
                                    s_sum_of_an_axis, s_choice_of_one_sample};
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        int x = s_begin(3, (int64_t[]){DIM_BATCH, 8, 8});
        network_output(&net, formulas[i](x));
        assert_false(s_is_batchable());
        network_release(&net);
    }
}

/* Attention over [L, N, C] batches, a mean over the samples' axis does not. */
static void
samples_may_lie_along_any_axis(void **state)
{
    (void)state;
    for (int mixes = 0; mixes < 2; mixes++) {
        int x = s_begin(3, (int64_t[]){DIM_BATCH, 4, 6});
        int node;
        fault_t fault = {0};
        const int64_t perm[] = {1, 0, 2};
        int y = network_node(&net, "Transpose", 1, &x, &node);
        assert_ok(graph_set_ints(net.graph, node, "perm", perm, 3, &fault),
                  &fault);
        y = network_binary(
            &net, "Add", y,
            network_binary(&net, "ReduceMean", y,
                           network_ints(&net, 1, (int64_t[]){mixes})));
        y = network_node(&net, "Transpose", 1, &y, &node);
        assert_ok(graph_set_ints(net.graph, node, "perm", perm, 3, &fault),
                  &fault);
        network_output(&net, y);
        assert_int_equal(s_is_batchable(), !mixes);
        network_release(&net);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_computed_reshape_gets_a_list),
        cmocka_unit_test(a_multiple_of_the_batch_is_solved_too),
        cmocka_unit_test(an_expand_takes_the_batch_from_beside),
        cmocka_unit_test(constants_are_computed_once),
        cmocka_unit_test(an_output_that_is_constant_stays),
        cmocka_unit_test(what_hands_on_its_input_goes),
        cmocka_unit_test(an_expand_to_the_batch_is_not_idle),
        cmocka_unit_test(arithmetic_on_the_batch_is_not_batchable),
        cmocka_unit_test(elements_chosen_by_the_batch_are_not_batchable),
        cmocka_unit_test(samples_may_lie_along_any_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
