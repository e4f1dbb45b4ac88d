/* Simplification: which nodes are left. (That the numbers stay is
 * what the goldens show.) */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/simplify.h"
#include "tests/support/net.h"
#include "tests/support/networks.h"

static const shape_t image = {3, {3, 8, 8}};

#define NORM(n, c)                                                             \
    n ".weight " c "; " n ".bias " c "; " n ".running_mean " c "; " n          \
      ".running_var " c ";"

/* The ops of a graph in order: "Conv Relu". */
static const char *
s_ops(const graph_t *graph)
{
    static char text[1024];
    text[0] = '\0';
    for (size_t n = 0; n < graph->nodes_count; n++) {
        strcat(text, n ? " " : "");
        strcat(text, graph->nodes[n].op);
    }
    return text;
}

static void
s_expect(const char *layers, const char *weights, const char *ops)
{
    net_t net;
    net_init(&net, layers, weights, &image);
    if (!net.graph)
        fail_msg("%s", net.fault.text);
    char output[256];
    strcpy(output, net.graph->values[net.graph->outputs[0]].name);
    assert_ok(simplify_graph(net.graph, &net.fault), &net.fault);
    assert_string_equal(s_ops(net.graph), ops);
    assert_string_equal(net.graph->values[net.graph->outputs[0]].name, output);
    net_release(&net);
}

static void
dropouts_go_and_the_output_keeps_its_name(void **state)
{
    (void)state;
    s_expect("({ op = \"Dropout\"; }, { op = \"ReLU\"; },"
             " { op = \"Dropout\"; }, { op = \"Dropout2d\"; })",
             NULL, "Relu");
    s_expect("({ op = \"ReLU\"; name = \"a\"; }, { op = \"Dropout\"; },"
             " { op = \"Add\"; inputs = [\"a\", \"dropout_1\"]; })",
             NULL, "Relu Add");
}

static void
a_dropout_alone_stays_an_identity(void **state)
{
    (void)state;
    s_expect("({ op = \"Dropout\"; })", NULL, "Identity");
}

static void
a_dropout_whose_mask_is_read_stays(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = graph_new("g", &fault);
    int values[4];
    for (int i = 0; i < 4; i++)
        values[i] = graph_add_value(graph, (char[]){'a', (char)('0' + i), 0},
                                    i ? DTYPE_NONE : DTYPE_FLOAT32,
                                    i ? NULL : &image, &fault);
    graph_add_input(graph, values[0], &fault);
    graph_add_node(graph, "Dropout", "d", values, 1, values + 1, 2, &fault);
    int cast = graph_add_node(graph, "Cast", "c", values + 2, 1, values + 3, 1,
                              &fault);
    graph_set_int(graph, cast, "to", DTYPE_FLOAT32, &fault);
    graph_add_output(graph, values[1], &fault);
    graph_add_output(graph, values[3], &fault);
    assert_ok(simplify_graph(graph, &fault), &fault);
    assert_string_equal(s_ops(graph), "Dropout Cast");
    graph_destroy(&graph);
}

static void
a_norm_behind_a_product_goes_into_it(void **state)
{
    (void)state;
    s_expect("({ op = \"Conv2d\"; weights = \"c\"; },"
             " { op = \"BatchNorm2d\"; weights = \"n\"; }, { op = \"ReLU\"; })",
             "c.weight 4 3 3 3;" NORM("n", "4"), "Conv Relu");
}

static int
s_add_zeroes(graph_t *graph, const char *name, dtype_t dtype,
             const shape_t *shape)
{
    static const double zeroes[16];
    fault_t fault;
    return graph_add_elements(graph, name, dtype, shape, zeroes, &fault);
}

static void
a_norm_of_other_floats_stays(void **state)
{
    (void)state;
    const dtype_t dtypes[] = {DTYPE_FLOAT16, DTYPE_FLOAT64};
    const shape_t x = {4, {1, 3, 8, 8}}, weights = {4, {2, 3, 1, 1}},
                  row = {1, {2}};
    for (int i = 0; i < 2; i++) {
        fault_t fault;
        graph_t *graph = graph_new("g", &fault);
        int in = graph_add_value(graph, "x", dtypes[i], &x, &fault);
        int y = graph_add_value(graph, "y", DTYPE_NONE, NULL, &fault);
        int z = graph_add_value(graph, "z", DTYPE_NONE, NULL, &fault);
        int w = s_add_zeroes(graph, "w", dtypes[i], &weights);
        int c = s_add_zeroes(graph, "c", dtypes[i], &row);
        graph_add_input(graph, in, &fault);
        graph_add_node(graph, "Conv", "p", (int[]){in, w}, 2, &y, 1, &fault);
        graph_add_node(graph, "BatchNormalization", "n", (int[]){y, c, c, c, c},
                       5, &z, 1, &fault);
        graph_add_output(graph, z, &fault);
        assert_ok(simplify_graph(graph, &fault), &fault);
        assert_string_equal(s_ops(graph), "Conv BatchNormalization");
        graph_destroy(&graph);
    }
}

/* A sum over nothing is a tensor of zeroes. */
static void
a_norm_behind_empty_weights_stays(void **state)
{
    (void)state;
    const shape_t x = {2, {1, 0}}, weights = {2, {0, 2}}, row = {1, {2}};
    fault_t fault;
    graph_t *graph = graph_new("g", &fault);
    int in = s_add_zeroes(graph, "x", DTYPE_FLOAT32, &x);
    int y = graph_add_value(graph, "y", DTYPE_NONE, NULL, &fault);
    int z = graph_add_value(graph, "z", DTYPE_NONE, NULL, &fault);
    int w = s_add_zeroes(graph, "w", DTYPE_FLOAT32, &weights);
    int c = s_add_zeroes(graph, "c", DTYPE_FLOAT32, &row);
    graph_add_node(graph, "Gemm", "p", (int[]){in, w}, 2, &y, 1, &fault);
    graph_add_node(graph, "BatchNormalization", "n", (int[]){y, c, c, c, c}, 5,
                   &z, 1, &fault);
    graph_add_output(graph, z, &fault);
    assert_ok(simplify_graph(graph, &fault), &fault);
    assert_string_equal(s_ops(graph), "Gemm BatchNormalization");
    graph_destroy(&graph);
}

static void
a_norm_is_kept_where_somebody_else_reads_the_product(void **state)
{
    (void)state;
    s_expect("({ op = \"Conv2d\"; weights = \"c\"; },"
             " { op = \"BatchNorm2d\"; weights = \"n\"; },"
             " { op = \"Add\"; inputs = [\"c\", \"n\"]; })",
             "c.weight 4 3 3 3;" NORM("n", "4"), "Conv BatchNormalization Add");
}

static void
a_norm_past_an_activation_goes_into_the_next_product(void **state)
{
    (void)state;
    s_expect("({ op = \"Conv2d\"; weights = \"c\"; }, { op = \"ReLU\"; },"
             " { op = \"BatchNorm2d\"; weights = \"n\"; },"
             " { op = \"Conv2d\"; weights = \"d\"; })",
             "c.weight 4 3 3 3;" NORM("n", "4") "d.weight 2 4 1 1",
             "Conv Relu Conv");
    s_expect("({ op = \"Conv2d\"; weights = \"c\"; }, { op = \"ReLU\"; },"
             " { op = \"BatchNorm2d\"; weights = \"n\"; },"
             " { op = \"AdaptiveAvgPool2d\"; output_size = 1; },"
             " { op = \"Flatten\"; }, { op = \"Linear\"; weights = \"d\"; })",
             "c.weight 4 3 3 3;" NORM("n", "4") "d.weight 2 4",
             "Conv Relu GlobalAveragePool Flatten Gemm");
}

static void
a_shift_that_padding_would_see_is_kept(void **state)
{
    (void)state;
    s_expect("({ op = \"ReLU\"; }, { op = \"BatchNorm2d\"; weights = \"n\"; },"
             " { op = \"Conv2d\"; weights = \"d\"; padding = 1; })",
             NORM("n", "3") "d.weight 2 3 3 3", "Relu BatchNormalization Conv");
    s_expect("({ op = \"ReLU\"; }, { op = \"BatchNorm2d\"; weights = \"n\"; },"
             " { op = \"AvgPool2d\"; kernel_size = 2; padding = 1; },"
             " { op = \"Conv2d\"; weights = \"d\"; })",
             NORM("n", "3") "d.weight 2 3 3 3",
             "Relu BatchNormalization AveragePool Conv");
}

static void
folding_gives_the_weights_that_the_formula_says(void **state)
{
    (void)state;
    net_t net;
    net_init(&net,
             "({ op = \"Conv2d\"; weights = \"c\"; },"
             " { op = \"BatchNorm2d\"; weights = \"n\"; eps = 0.1; })",
             "c.weight 2 3 1 1; c.bias 2;" NORM("n", "2"), &image);
    assert_non_null(net.graph);
    float *w = net_floats(net.graph, "c.weight");
    float *b = net_floats(net.graph, "c.bias");
    float *gain = net_floats(net.graph, "n.weight");
    float *shift = net_floats(net.graph, "n.bias");
    float *mean = net_floats(net.graph, "n.running_mean");
    float *var = net_floats(net.graph, "n.running_var");
    assert_ok(simplify_graph(net.graph, &net.fault), &net.fault);
    const node_t *node = &net.graph->nodes[0];
    float *folded =
        net_floats(net.graph, net.graph->values[node->inputs[1]].name);
    float *bias =
        net_floats(net.graph, net.graph->values[node->inputs[2]].name);
    for (int o = 0; o < 2; o++) {
        double s = (double)gain[o] / sqrt((double)var[o] + (double)0.1f);
        for (int i = 0; i < 3; i++)
            assert_true(fabs((double)folded[o * 3 + i] -
                             s * (double)w[o * 3 + i]) < 1e-7);
        assert_true(
            fabs((double)bias[o] - (s * ((double)b[o] - (double)mean[o]) +
                                    (double)shift[o])) < 1e-7);
    }
    float *all[] = {w, b, gain, shift, mean, var, folded, bias};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    net_release(&net);
}

static void
weights_that_two_layers_share_are_folded_apart(void **state)
{
    (void)state;
    s_expect("({ op = \"Conv2d\"; weights = \"c\"; padding = 1;"
             " name = \"a\"; },"
             " { op = \"BatchNorm2d\"; weights = \"n\"; },"
             " { op = \"Conv2d\"; weights = \"c\"; name = \"b\"; },"
             " { op = \"Conv2d\"; weights = \"c\"; name = \"d\"; },"
             " { op = \"BatchNorm2d\"; weights = \"m\"; })",
             "c.weight 3 3 3 3;" NORM("n", "3") NORM("m", "3"),
             "Conv Conv Conv");
}

/* Each node makes a MiB out of 8 bytes; all of them are needed. */
static void
many_large_constants_stay_unfolded(void **state)
{
    (void)state;
    enum { NODES = 200 };
    const int64_t dims[] = {DIM_BATCH, 512, 512}, sizes[] = {512, 512};
    fault_t fault = {0};
    network_t network;
    network_init(&network, 1);
    int list = network_ints(&network, 2, sizes);
    int sum = network_input(&network, "x", 3, dims);
    for (int i = 0; i < NODES; i++)
        sum = network_binary(
            &network, "Add", sum,
            network_node(&network, "ConstantOfShape", 1, &list, NULL));
    network_output(&network, sum);
    assert_ok(graph_sort(network.graph, &fault), &fault);
    assert_ok(simplify_graph(network.graph, &fault), &fault);
    size_t bytes = 0, folded = 0;
    for (size_t v = 0; v < network.graph->values_count; v++) {
        const constant_t *constant = network.graph->values[v].constant;
        bytes += constant ? (size_t)blob_bytes(constant->blob) : 0;
        folded += constant != NULL;
    }
    assert_true(folded > 1);
    assert_true(bytes < (size_t)65 << 20);
    network_release(&network);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropouts_go_and_the_output_keeps_its_name),
        cmocka_unit_test(a_dropout_alone_stays_an_identity),
        cmocka_unit_test(a_dropout_whose_mask_is_read_stays),
        cmocka_unit_test(a_norm_behind_a_product_goes_into_it),
        cmocka_unit_test(a_norm_of_other_floats_stays),
        cmocka_unit_test(a_norm_behind_empty_weights_stays),
        cmocka_unit_test(a_norm_is_kept_where_somebody_else_reads_the_product),
        cmocka_unit_test(a_norm_past_an_activation_goes_into_the_next_product),
        cmocka_unit_test(a_shift_that_padding_would_see_is_kept),
        cmocka_unit_test(folding_gives_the_weights_that_the_formula_says),
        cmocka_unit_test(weights_that_two_layers_share_are_folded_apart),
        cmocka_unit_test(many_large_constants_stay_unfolded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
