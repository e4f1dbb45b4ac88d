/* Formulas of exporters become one operator, what only looks like one stays. */
#include "tests/support/tests.h"

#include <string.h>

#include "common/model/onnx.h"
#include "common/model/patterns.h"
#include "common/model/simplify.h"
#include "tests/support/networks.h"

static network_t net;

static int
s_node(const char *op, int a, int b)
{
    return b == GRAPH_NONE ? network_unary(&net, op, a)
                           : network_binary(&net, op, a, b);
}

/* The ops of the graph in order: "Conv Relu". */
static void
s_expect(const char *ops)
{
    static char text[1024];
    text[0] = '\0';
    for (size_t n = 0; n < net.graph->nodes_count; n++) {
        strcat(text, n ? " " : "");
        strcat(text, net.graph->nodes[n].op);
    }
    assert_string_equal(text, ops);
}

static void
s_expect_fused(int output, const char *ops)
{
    fault_t fault = {0};
    network_output(&net, output);
    assert_ok(patterns_fuse(net.graph, &fault), &fault);
    s_expect(ops);
    network_release(&net);
}

static int
s_begin(void)
{
    network_init(&net, 5);
    return network_input(&net, "x", 3, (int64_t[]){DIM_BATCH, 4, 6});
}

/* --- layer normalisation --- */

static int
s_mean(int x, int64_t axis)
{
    return s_node("ReduceMean", x, network_ints(&net, 1, &axis));
}

/* As PyTorch wrote it before opset 17; the mean of squares over `axis`. */
static int
s_norm(int x, int64_t axis, bool reciprocal)
{
    int centred = s_node("Sub", x, s_mean(x, -1));
    int square = s_node("Pow", centred, network_float(&net, 2));
    int sum = s_node("Add", s_mean(square, axis), network_float(&net, 1e-5f));
    int deviation = s_node("Sqrt", sum, GRAPH_NONE);
    int normal = reciprocal
                     ? s_node("Mul", centred,
                              s_node("Reciprocal", deviation, GRAPH_NONE))
                     : s_node("Div", centred, deviation);
    return s_node("Mul", normal, network_weights(&net, 1, (int64_t[]){6}, 1));
}

static void
a_decomposed_layer_norm_is_one_node(void **state)
{
    (void)state;
    for (int reciprocal = 0; reciprocal < 2; reciprocal++) {
        int y = s_norm(s_begin(), -1, reciprocal);
        y = s_node("Add", y, network_weights(&net, 1, (int64_t[]){6}, 1));
        network_output(&net, y);
        fault_t fault = {0};
        assert_ok(patterns_fuse(net.graph, &fault), &fault);
        s_expect("LayerNormalization");
        const node_t *node = &net.graph->nodes[0];
        assert_int_equal(node->inputs_count, 3);
        assert_int_equal(node->inputs[0], net.graph->inputs[0]);
        assert_int_equal(node_int(node, "axis", 0), -1);
        assert_true(node_float(node, "epsilon", 0) == 1e-5f);
        network_release(&net);
    }
    s_expect_fused(s_norm(s_begin(), 2, false), "LayerNormalization");
}

static void
other_means_are_no_layer_norm(void **state)
{
    (void)state;
    const char *formula = "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul";
    s_expect_fused(s_norm(s_begin(), 1, false), formula);

    /* a scale of one number for all */
    int x = s_begin();
    int y = s_norm(x, -1, false);
    graph_t *graph = net.graph;
    node_t *mul = &graph->nodes[graph->values[y].producer];
    mul->inputs[1] = network_weights(&net, 1, (int64_t[]){1}, 1);
    s_expect_fused(y, formula);
}

/* --- gates --- */

static void
gates_are_one_node(void **state)
{
    (void)state;
    int x = s_begin();
    s_expect_fused(s_node("Mul", s_node("Sigmoid", x, GRAPH_NONE), x), "Silu");
    x = s_begin();
    int tanh = s_node("Tanh", s_node("Softplus", x, GRAPH_NONE), GRAPH_NONE);
    s_expect_fused(s_node("Mul", x, tanh), "Mish");

    x = s_begin();
    int shifted = s_node("Add", x, network_float(&net, 3));
    int clip = network_node(
        &net, "Clip", 3,
        (int[]){shifted, network_float(&net, 0), network_float(&net, 6)}, NULL);
    int product = s_node("Mul", x, clip);
    s_expect_fused(s_node("Div", product, network_float(&net, 6)), "HardSwish");
}

static void
a_gate_of_another_tensor_stays(void **state)
{
    (void)state;
    int x = s_begin();
    int other = s_node("Relu", x, GRAPH_NONE);
    s_expect_fused(s_node("Mul", s_node("Sigmoid", other, GRAPH_NONE), x),
                   "Relu Sigmoid Mul");
    x = s_begin();
    int shifted = s_node("Add", x, network_float(&net, 3));
    int clip = network_node(
        &net, "Clip", 3,
        (int[]){shifted, network_float(&net, 0), network_float(&net, 5)}, NULL);
    int product = s_node("Mul", x, clip);
    s_expect_fused(s_node("Div", product, network_float(&net, 6)),
                   "Add Clip Mul Div");
}

/* x has no axis, what the formula makes has one. */
static void
a_gate_that_gains_an_axis_stays(void **state)
{
    (void)state;
    fault_t fault = {0};
    const float number = 1;
    const shape_t list = {1, {1}};
    network_init(&net, 5);
    int x = network_input(&net, "x", 0, NULL);
    int gate = s_node("Sigmoid", x, GRAPH_NONE);
    int one = graph_add_elements(net.graph, "one", DTYPE_FLOAT32, &list,
                                 &number, &fault);
    s_expect_fused(s_node("Mul", s_node("Mul", x, one), gate),
                   "Sigmoid Mul Mul");
}

/* --- files --- */

/* A file has the formula, the graph that is read from it one node again. */
static void
s_round_trip(const char *op, const char *approximate, const char *formula)
{
    fault_t fault = {0};
    int node, x = s_begin();
    int y = network_node(&net, op, 1, &x, &node);
    if (approximate)
        assert_ok(
            graph_set_text(net.graph, node, "approximate", approximate, &fault),
            &fault);
    network_output(&net, y);
    assert_ok(onnx_write(net.graph, "formula.onnx", NULL, 0, NULL, &fault),
              &fault);
    network_release(&net);

    onnx_model_t *model = onnx_open("formula.onnx", &fault);
    if (!model)
        fail_msg("%s", fault.text);
    assert_int_equal(model->opset, 17);
    net.graph = model->graph;
    s_expect(formula);
    net.graph->nodes[net.graph->nodes_count - 1].part = 3;
    assert_ok(patterns_fuse(net.graph, &fault), &fault);
    s_expect(op);
    const node_t *fused = &net.graph->nodes[0];
    assert_string_equal(node_text(fused, "approximate", ""),
                        approximate ? approximate : "");
    assert_int_equal(fused->part, 3);
    assert_int_equal(fused->inputs[0], net.graph->inputs[0]);
    assert_int_equal(fused->outputs[0], net.graph->outputs[0]);
    onnx_destroy(&model);
}

static void
formulas_in_files_are_operators_inside(void **state)
{
    (void)state;
    s_round_trip("Silu", NULL, "Sigmoid Mul");
    s_round_trip("Mish", NULL, "Softplus Tanh Mul");
    s_round_trip("Gelu", "none", "Div Erf Add Mul Mul");
    s_round_trip("Gelu", "tanh", "Mul Mul Mul Add Mul Tanh Add Mul Mul");
}

/* --- transposes --- */

static int
s_transpose(int x, const int64_t *perm)
{
    int node;
    fault_t fault = {0};
    int y = network_node(&net, "Transpose", 1, &x, &node);
    assert_ok(graph_set_ints(net.graph, node, "perm", perm, 3, &fault), &fault);
    return y;
}

static void
s_expect_simple(int output, const char *ops)
{
    fault_t fault = {0};
    network_output(&net, output);
    assert_ok(simplify_graph(net.graph, &fault), &fault);
    s_expect(ops);
}

static void
transposes_that_undo_each_other_go(void **state)
{
    (void)state;
    int x = s_begin();
    int y =
        s_transpose(s_transpose(x, (int64_t[]){0, 2, 1}), (int64_t[]){0, 2, 1});
    s_expect_simple(network_unary(&net, "Relu", y), "Relu");
    network_release(&net);

    x = s_begin();
    y = s_transpose(s_transpose(x, (int64_t[]){1, 2, 0}), (int64_t[]){1, 0, 2});
    s_expect_simple(network_unary(&net, "Relu", y), "Transpose Relu");
    const attribute_t *perm = node_attribute(&net.graph->nodes[0], "perm");
    assert_memory_equal(perm->ints, ((int64_t[]){2, 1, 0}), 24);
    network_release(&net);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decomposed_layer_norm_is_one_node),
        cmocka_unit_test(other_means_are_no_layer_norm),
        cmocka_unit_test(gates_are_one_node),
        cmocka_unit_test(a_gate_of_another_tensor_stays),
        cmocka_unit_test(a_gate_that_gains_an_axis_stays),
        cmocka_unit_test(formulas_in_files_are_operators_inside),
        cmocka_unit_test(transposes_that_undo_each_other_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
