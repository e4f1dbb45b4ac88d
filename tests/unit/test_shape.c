/* Shape inference: what is refused, what may be batched, what it costs. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/shape.h"
#include "tests/support/net.h"

static fault_t fault;

/* A graph with the input x and, where rank > 0, the constant w of ones. */
static graph_t *
s_graph(const shape_t *x, const shape_t *w)
{
    graph_t *graph = graph_new("g", &fault);
    int input = graph_add_value(graph, "x", DTYPE_FLOAT32, x, &fault);
    assert_ok(graph_add_input(graph, input, &fault), &fault);
    if (w) {
        size_t count = (size_t)shape_elements(w);
        float *ones = calloc(count, sizeof *ones);
        assert_int_equal(
            graph_add_elements(graph, "w", DTYPE_FLOAT32, w, ones, &fault), 1);
        free(ones);
    }
    return graph;
}

/* One node of all values so far, making the output y. */
static int
s_node(graph_t *graph, const char *op)
{
    int inputs[8], count = (int)graph->values_count;
    for (int i = 0; i < count; i++)
        inputs[i] = i;
    int y = graph_add_value(graph, "y", DTYPE_NONE, NULL, &fault);
    int node = graph_add_node(graph, op, "n", inputs, count, &y, 1, &fault);
    assert_true(node >= 0);
    assert_ok(graph_add_output(graph, y, &fault), &fault);
    return node;
}

static void
s_refuse(graph_t *graph, const char *part)
{
    fault_clear(&fault);
    value_type_t *types = shape_types_new(graph, 1, &fault);
    if (types || !strstr(fault.text, part))
        fail_msg("'%s' is not in '%s'", part, fault.text);
    graph_destroy(&graph);
}

static void
s_expect(graph_t *graph, int64_t batch, const char *shape)
{
    char text[128];
    value_type_t *types = shape_types_new(graph, batch, &fault);
    if (!types)
        fail_msg("%s", fault.text);
    assert_string_equal(
        shape_text(&types[graph->outputs[0]].shape, text, sizeof text), shape);
    free(types);
}

static bool
s_batchable(const graph_t *graph)
{
    bool batchable;
    assert_ok(shape_batchable(graph, &batchable, &fault), &fault);
    return batchable;
}

static const shape_t image = {4, {DIM_BATCH, 6, 9, 7}};
static const shape_t rows = {2, {DIM_BATCH, 6}};

static void
a_convolution_whose_weights_do_not_match_is_refused(void **state)
{
    (void)state;
    graph_t *graph = s_graph(&image, &(shape_t){4, {8, 5, 3, 3}});
    s_node(graph, "Conv");
    s_refuse(graph, "node 'n' (Conv): weights [8, 5, 3, 3] want 5 input "
                    "channels a group");
    graph = s_graph(&image, &(shape_t){4, {8, 2, 3, 3}});
    graph_set_int(graph, s_node(graph, "Conv"), "group", 4, &fault);
    s_refuse(graph, "4 groups do not divide 6 input");
    graph = s_graph(&image, &(shape_t){4, {8, 6, 10, 3}});
    s_node(graph, "Conv");
    s_refuse(graph, "a kernel of 10 does not fit an input of 9");
    graph = s_graph(&image, &(shape_t){3, {8, 6, 3}});
    s_node(graph, "Conv");
    s_refuse(graph, "weights [8, 6, 3] for an input [1, 6, 9, 7]");
}

static void
attributes_out_of_range_are_refused(void **state)
{
    (void)state;
    const int64_t zero[] = {1, 0}, huge[] = {1, INT64_MAX}, three[] = {1, 1, 1};
    const struct {
        const char *name;
        const int64_t *values;
        size_t count;
    } rows_[] = {{"strides", zero, 2},
                 {"strides", huge, 2},
                 {"dilations", huge, 2},
                 {"pads", huge, 2},
                 {"strides", three, 3}};
    for (size_t i = 0; i < sizeof rows_ / sizeof rows_[0]; i++) {
        graph_t *graph = s_graph(&image, &(shape_t){4, {8, 6, 3, 3}});
        int node = s_node(graph, "Conv");
        graph_set_ints(graph, node, rows_[i].name, rows_[i].values,
                       rows_[i].count, &fault);
        s_refuse(graph, rows_[i].name);
    }
}

static void
an_operator_nobody_knows_is_named(void **state)
{
    (void)state;
    graph_t *graph = s_graph(&image, NULL);
    s_node(graph, "Frobnicate");
    s_refuse(graph, "Frobnicate is not supported");
    assert_int_equal(fault.code, FAULT_UNSUPPORTED);
}

/* Evaluating one that had no type ended in an assertion. */
static void
an_output_the_operator_has_not_is_refused(void **state)
{
    (void)state;
    const int64_t one = 1;
    graph_t *graph = graph_new("g", &fault);
    for (int i = 0; i < 2; i++)
        graph_add_elements(graph, i ? "shape" : "x", DTYPE_INT64,
                           &(shape_t){1, {1}}, &one, &fault);
    const int outputs[] = {
        graph_add_value(graph, "y", DTYPE_NONE, NULL, &fault),
        graph_add_value(graph, "z", DTYPE_NONE, NULL, &fault)};
    assert_true(graph_add_node(graph, "Expand", "n", (int[]){0, 1}, 2, outputs,
                               2, &fault) >= 0);
    s_refuse(graph, "node 'n' (Expand): the operator has no output 1");
}

static void
sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    graph_t *graph =
        s_graph(&(shape_t){3, {DIM_BATCH, INT64_MAX / 2, 2}}, NULL);
    s_node(graph, "Relu");
    s_refuse(graph, "'x' is too large");

    graph = s_graph(&image, NULL);
    const shape_t empty = {3, {0, (int64_t)1 << 40, (int64_t)1 << 40}};
    graph_add_elements(graph, "w", DTYPE_FLOAT32, &empty, "", &fault);
    s_node(graph, "Add");
    s_refuse(graph, "'w' is too large");
}

static void
products_of_matrices_must_fit(void **state)
{
    (void)state;
    graph_t *graph = s_graph(&rows, &(shape_t){2, {5, 4}});
    s_node(graph, "Gemm");
    s_refuse(graph, "[1, 6] times [5, 4] does not fit");
    graph = s_graph(&rows, &(shape_t){2, {4, 6}});
    graph_set_int(graph, s_node(graph, "Gemm"), "transB", 1, &fault);
    s_expect(graph, 3, "[3, 4]");
    assert_true(s_batchable(graph));
    graph_destroy(&graph);
    graph = s_graph(&(shape_t){3, {DIM_BATCH, 5, 6}}, &(shape_t){2, {6, 2}});
    s_node(graph, "MatMul");
    s_expect(graph, 3, "[3, 5, 2]");
    assert_true(s_batchable(graph));
    graph_destroy(&graph);
}

static void
shapes_broadcast_from_the_last_axis(void **state)
{
    (void)state;
    graph_t *graph = s_graph(&image, &(shape_t){3, {6, 1, 7}});
    s_node(graph, "Mul");
    s_expect(graph, 2, "[2, 6, 9, 7]");
    assert_true(s_batchable(graph));
    graph_destroy(&graph);
    graph = s_graph(&image, &(shape_t){1, {6}});
    s_node(graph, "Mul");
    s_refuse(graph, "shapes [1, 6, 9, 7] and [6] do not fit");
}

static void
what_works_across_samples_is_not_batchable(void **state)
{
    (void)state;
    graph_t *graph = s_graph(&rows, NULL);
    graph_set_int(graph, s_node(graph, "Softmax"), "axis", 0, &fault);
    assert_false(s_batchable(graph));
    graph_set_int(graph, 0, "axis", 1, &fault);
    assert_true(s_batchable(graph));
    graph_destroy(&graph);

    graph = s_graph(&rows, NULL);
    s_node(graph, "Transpose");
    assert_false(s_batchable(graph));
    graph_destroy(&graph);

    graph = s_graph(&image, NULL);
    graph_set_int(graph, s_node(graph, "Flatten"), "axis", 0, &fault);
    assert_false(s_batchable(graph));
    graph_destroy(&graph);
}

static void
a_shape_for_one_sample_only_is_not_batchable(void **state)
{
    (void)state;
    const int64_t fixed[] = {1, 378}, free_[] = {0, -1};
    const shape_t two = {1, {2}};
    graph_t *graph = s_graph(&image, NULL);
    graph_add_elements(graph, "s", DTYPE_INT64, &two, fixed, &fault);
    s_node(graph, "Reshape");
    s_expect(graph, 1, "[1, 378]");
    assert_false(s_batchable(graph));
    graph_destroy(&graph);
    graph = s_graph(&image, NULL);
    graph_add_elements(graph, "s", DTYPE_INT64, &two, free_, &fault);
    s_node(graph, "Reshape");
    s_expect(graph, 4, "[4, 378]");
    assert_true(s_batchable(graph));
    graph_destroy(&graph);
    graph = s_graph(&image, NULL);
    const int64_t several[] = {-1, 7};
    graph_add_elements(graph, "s", DTYPE_INT64, &two, several, &fault);
    s_node(graph, "Reshape");
    s_expect(graph, 2, "[108, 7]"); /* 54 rows a sample, at a boundary */
    assert_false(s_batchable(graph));
    const int64_t back[] = {-1, 378};
    graph_add_elements(graph, "t", DTYPE_INT64, &two, back, &fault);
    const int inputs[] = {graph_find(graph, "y"), graph_find(graph, "t")};
    int z = graph_add_value(graph, "z", DTYPE_NONE, NULL, &fault);
    graph_add_node(graph, "Reshape", "b", inputs, 2, &z, 1, &fault);
    graph->outputs[0] = z;
    assert_true(s_batchable(graph)); /* inside it does no harm */
    graph_destroy(&graph);
    graph = s_graph(&(shape_t){2, {1, 6}}, NULL);
    s_node(graph, "Relu");
    assert_false(s_batchable(graph));
    graph_destroy(&graph);
}

static void
axes_are_added_taken_away_and_turned(void **state)
{
    (void)state;
    const int64_t first[] = {1}, ends[] = {1, -1}, twice[] = {2, 2};
    const shape_t one = {1, {1}}, two = {1, {2}};
    graph_t *graph = s_graph(&(shape_t){3, {DIM_BATCH, 1, 7}}, NULL);
    graph_add_elements(graph, "axes", DTYPE_INT64, &one, first, &fault);
    s_node(graph, "Squeeze");
    s_expect(graph, 2, "[2, 7]");
    graph_destroy(&graph);
    graph = s_graph(&image, NULL);
    graph_add_elements(graph, "axes", DTYPE_INT64, &one, first, &fault);
    s_node(graph, "Squeeze");
    s_refuse(graph, "axis 1 has 6 elements, not one");

    graph = s_graph(&rows, NULL);
    graph_add_elements(graph, "axes", DTYPE_INT64, &two, ends, &fault);
    s_node(graph, "Unsqueeze");
    s_expect(graph, 2, "[2, 1, 6, 1]");
    graph_destroy(&graph);
    graph = s_graph(&rows, NULL);
    graph_add_elements(graph, "axes", DTYPE_INT64, &two, twice, &fault);
    s_node(graph, "Unsqueeze");
    s_refuse(graph, "named twice");

    const int64_t order[] = {0, 2, 3, 1}, wrong[] = {0, 1, 1, 3};
    graph = s_graph(&image, NULL);
    graph_set_ints(graph, s_node(graph, "Transpose"), "perm", order, 4, &fault);
    s_expect(graph, 2, "[2, 9, 7, 6]");
    assert_true(s_batchable(graph));
    graph_set_ints(graph, 0, "perm", wrong, 4, &fault);
    s_refuse(graph, "perm is not an order of 4 axes");
}

static void
reductions_keep_their_axes_or_drop_them(void **state)
{
    (void)state;
    const int64_t area[] = {2, 3}, samples[] = {0};
    const shape_t one = {1, {1}}, two = {1, {2}};
    graph_t *graph = s_graph(&image, NULL);
    graph_add_elements(graph, "axes", DTYPE_INT64, &two, area, &fault);
    int node = s_node(graph, "ReduceMean");
    s_expect(graph, 2, "[2, 6, 1, 1]");
    graph_set_int(graph, node, "keepdims", 0, &fault);
    s_expect(graph, 2, "[2, 6]");
    assert_true(s_batchable(graph));
    graph_destroy(&graph);
    graph = s_graph(&image, NULL);
    graph_add_elements(graph, "axes", DTYPE_INT64, &one, samples, &fault);
    s_node(graph, "ReduceMean");
    assert_false(s_batchable(graph));
    graph_destroy(&graph);
}

static void
tensors_join_where_their_other_axes_agree(void **state)
{
    (void)state;
    graph_t *graph = s_graph(&image, &(shape_t){4, {1, 2, 9, 7}});
    int node = s_node(graph, "Concat");
    graph_set_int(graph, node, "axis", -3, &fault);
    s_expect(graph, 1, "[1, 8, 9, 7]");
    assert_false(s_batchable(graph)); /* the constant is one sample's */
    graph_set_int(graph, node, "axis", 2, &fault);
    s_refuse(graph, "[1, 6, 9, 7] and [1, 2, 9, 7] do not join along axis 2");
}

static void
costs_are_those_of_the_direct_algorithm(void **state)
{
    (void)state;
    graph_t *graph = s_graph(&image, &(shape_t){4, {8, 3, 3, 3}});
    graph_set_int(graph, s_node(graph, "Conv"), "group", 2, &fault);
    value_type_t *types = shape_types_new(graph, 1, &fault);
    assert_non_null(types);
    node_cost_t cost = shape_cost(graph, types, 0);
    assert_true(cost.flop == 2.0 * 8 * 7 * 5 * 3 * 3 * 3);
    assert_int_equal(cost.parameters, 8 * 3 * 3 * 3);
    assert_int_equal(cost.weight_bytes, 4 * 8 * 3 * 3 * 3);
    assert_int_equal(cost.activation_bytes, 4 * (6 * 9 * 7 + 8 * 7 * 5));
    free(types);
    graph_destroy(&graph);
}

static void
specs_have_the_batch_as_axis_0(void **state)
{
    (void)state;
    char text[128];
    tensor_spec_t spec;
    graph_t *graph = s_graph(&image, NULL);
    s_node(graph, "Relu");
    value_type_t *types = shape_types_new(graph, 1, &fault);
    assert_ok(shape_specs(graph, types, true, graph->outputs, 1, &spec, &fault),
              &fault);
    assert_string_equal(spec.name, "y");
    assert_string_equal(shape_text(&spec.shape, text, sizeof text),
                        "[N, 6, 9, 7]");
    free(types);
    graph_destroy(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_whose_weights_do_not_match_is_refused),
        cmocka_unit_test(attributes_out_of_range_are_refused),
        cmocka_unit_test(an_operator_nobody_knows_is_named),
        cmocka_unit_test(an_output_the_operator_has_not_is_refused),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(products_of_matrices_must_fit),
        cmocka_unit_test(shapes_broadcast_from_the_last_axis),
        cmocka_unit_test(what_works_across_samples_is_not_batchable),
        cmocka_unit_test(a_shape_for_one_sample_only_is_not_batchable),
        cmocka_unit_test(axes_are_added_taken_away_and_turned),
        cmocka_unit_test(reductions_keep_their_axes_or_drop_them),
        cmocka_unit_test(tensors_join_where_their_other_axes_agree),
        cmocka_unit_test(costs_are_those_of_the_direct_algorithm),
        cmocka_unit_test(specs_have_the_batch_as_axis_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
