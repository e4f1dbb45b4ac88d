/* The graph. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/graph.h"

static const shape_t four = {1, {4}};

static graph_t *
s_graph(void)
{
    fault_t fault;
    graph_t *graph = graph_new("g", &fault);
    assert_non_null(graph);
    return graph;
}

/* A node with one input and one new output of that name. */
static int
s_chain(graph_t *graph, const char *op, int input, const char *name)
{
    fault_t fault;
    int value = graph_find(graph, name);
    if (value < 0)
        value = graph_add_value(graph, name, DTYPE_NONE, NULL, &fault);
    assert_true(graph_add_node(graph, op, name, &input, 1, &value, 1, &fault) >=
                0);
    return value;
}

static void
values_are_found_by_name(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(
            graph_add_value(graph, name, DTYPE_FLOAT32, &four, &fault), i);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(graph_find(graph, name), i);
    }
    assert_int_equal(graph_find(graph, "t5000"), GRAPH_NONE);
    graph_destroy(&graph);
    assert_null(graph);
}

static void
two_values_of_one_name_are_refused(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    graph_add_value(graph, "x", DTYPE_FLOAT32, &four, &fault);
    assert_int_equal(graph_add_value(graph, "x", DTYPE_FLOAT32, &four, &fault),
                     -1);
    assert_int_equal(fault.code, FAULT_INPUT);
    assert_int_equal(graph_add_value(graph, "", DTYPE_FLOAT32, &four, &fault),
                     -1);
    graph_destroy(&graph);
}

static void
a_renamed_value_is_found_by_its_new_name_only(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    graph_add_value(graph, "x", DTYPE_FLOAT32, &four, &fault);
    assert_ok(graph_rename_value(graph, 0, "y", &fault), &fault);
    assert_int_equal(graph_find(graph, "x"), GRAPH_NONE);
    assert_int_equal(graph_find(graph, "y"), 0);
    graph_destroy(&graph);
}

static void
a_constant_is_converted_on_reading(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    const int64_t elements[] = {1, -2, 3, 1 << 20};
    double read[4];
    int value =
        graph_add_elements(graph, "c", DTYPE_INT64, &four, elements, &fault);
    assert_ok(graph_read_constant(graph, value, DTYPE_FLOAT64, read, &fault),
              &fault);
    assert_true(read[1] == -2 && read[3] == 1 << 20);
    graph_destroy(&graph);
}

static void
a_constant_of_another_size_than_its_shape_is_refused(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    blob_t *blob = blob_take(calloc(1, 12), 12, &fault);
    assert_int_equal(graph_add_constant(graph, "c", DTYPE_FLOAT32, &four,
                                        DTYPE_FLOAT32, blob, &fault),
                     -1);
    assert_non_null(strstr(fault.text, "'c'"));
    blob_release(&blob);
    graph_destroy(&graph);
}

static void
attributes_are_replaced_copied_and_defaulted(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    int x = graph_add_value(graph, "x", DTYPE_FLOAT32, &four, &fault);
    s_chain(graph, "A", x, "a");
    s_chain(graph, "B", x, "b");
    const int64_t ints[] = {1, 2};
    graph_set_int(graph, 0, "axis", 1, &fault);
    graph_set_int(graph, 0, "axis", 2, &fault);
    graph_set_ints(graph, 0, "pads", ints, 2, &fault);
    graph_set_text(graph, 0, "mode", "m", &fault);
    assert_ok(graph_copy_attributes(graph, 1, &graph->nodes[0], &fault),
              &fault);
    const node_t *node = &graph->nodes[1];
    assert_int_equal(node->attributes_count, 3);
    assert_int_equal(node_int(node, "axis", 7), 2);
    assert_int_equal(node_int(node, "pads", 7), 7);
    assert_string_equal(node_text(node, "mode", ""), "m");
    assert_int_equal(node_attribute(node, "pads")->ints[1], 2);
    graph_destroy(&graph);
}

static void
sorting_keeps_a_good_order_and_mends_a_bad_one(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    int x = graph_add_value(graph, "x", DTYPE_FLOAT32, &four, &fault);
    graph_add_input(graph, x, &fault);
    int a = graph_add_value(graph, "a", DTYPE_NONE, NULL, &fault);
    int b = s_chain(graph, "Second", a, "b");
    s_chain(graph, "First", x, "a");
    graph_add_output(graph, b, &fault);
    for (int i = 0; i < 2; i++) {
        assert_ok(graph_sort(graph, &fault), &fault);
        assert_string_equal(graph->nodes[0].op, "First");
        assert_int_equal(graph->values[a].producer, 0);
        assert_int_equal(graph->values[b].producer, 1);
    }
    graph_destroy(&graph);
}

static void
cycles_and_tensors_nobody_makes_are_refused(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    int a = graph_add_value(graph, "a", DTYPE_NONE, NULL, &fault);
    int b = s_chain(graph, "B", a, "b");
    assert_int_equal(graph_sort(graph, &fault), -1);
    assert_non_null(strstr(fault.text, "'a'"));
    s_chain(graph, "A", b, "a");
    assert_int_equal(graph_sort(graph, &fault), -1);
    assert_non_null(strstr(fault.text, "cycle"));
    graph_destroy(&graph);
}

static void
a_chain_of_many_nodes_is_sorted_without_recursion(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    char name[32];
    enum { NODES = 50000 };
    for (int i = 0; i <= NODES; i++) {
        snprintf(name, sizeof name, "t%d", i);
        graph_add_value(graph, name, DTYPE_NONE, NULL, &fault);
    }
    for (int i = NODES; i > 0; i--) {
        int in = i - 1, out = i;
        graph_add_node(graph, "N", "", &in, 1, &out, 1, &fault);
    }
    graph_add_input(graph, 0, &fault);
    graph_add_output(graph, NODES, &fault);
    assert_ok(graph_sort(graph, &fault), &fault);
    assert_int_equal(graph->nodes[0].inputs[0], 0);
    graph_destroy(&graph);
}

static void
pruning_and_compaction_drop_what_nobody_needs(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    const float elements[4] = {0};
    int x = graph_add_value(graph, "x", DTYPE_FLOAT32, &four, &fault);
    graph_add_input(graph, x, &fault);
    graph_add_elements(graph, "unread", DTYPE_FLOAT32, &four, elements, &fault);
    int a = s_chain(graph, "A", x, "a");
    int dead = s_chain(graph, "D", x, "dead");
    s_chain(graph, "E", dead, "deader");
    int b = s_chain(graph, "B", a, "b");
    graph_add_output(graph, b, &fault);
    assert_ok(graph_prune(graph, &fault), &fault);
    assert_ok(graph_compact(graph, &fault), &fault);
    assert_int_equal(graph->nodes_count, 2);
    assert_int_equal(graph->values_count, 3);
    assert_int_equal(graph_find(graph, "dead"), GRAPH_NONE);
    assert_int_equal(graph_find(graph, "b"), graph->outputs[0]);
    assert_int_equal(graph->values[graph_find(graph, "b")].producer, 1);
    graph_destroy(&graph);
}

static void
a_tensor_has_one_maker(void **state)
{
    (void)state;
    fault_t fault;
    graph_t *graph = s_graph();
    int x = graph_add_value(graph, "x", DTYPE_FLOAT32, &four, &fault);
    int a = s_chain(graph, "A", x, "a");
    assert_int_equal(graph_add_node(graph, "B", "b", &x, 1, &a, 1, &fault), -1);
    assert_non_null(strstr(fault.text, "'a'"));
    graph_destroy(&graph);
}

static void
a_graph_without_nodes_is_in_order(void **state)
{
    (void)state;
    fault_t fault = {0};
    graph_t *graph = graph_new("empty", &fault);
    assert_non_null(graph);
    const shape_t shape = {1, {2}};
    int value = graph_add_value(graph, "x", DTYPE_FLOAT32, &shape, &fault);
    graph->inputs[graph->inputs_count++] = value;
    graph->outputs[graph->outputs_count++] = value;
    assert_ok(graph_sort(graph, &fault), &fault);
    assert_ok(graph_compact(graph, &fault), &fault);
    assert_int_equal(graph->nodes_count, 0);
    graph_destroy(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_without_nodes_is_in_order),
        cmocka_unit_test(values_are_found_by_name),
        cmocka_unit_test(two_values_of_one_name_are_refused),
        cmocka_unit_test(a_renamed_value_is_found_by_its_new_name_only),
        cmocka_unit_test(a_constant_is_converted_on_reading),
        cmocka_unit_test(a_constant_of_another_size_than_its_shape_is_refused),
        cmocka_unit_test(attributes_are_replaced_copied_and_defaulted),
        cmocka_unit_test(sorting_keeps_a_good_order_and_mends_a_bad_one),
        cmocka_unit_test(cycles_and_tensors_nobody_makes_are_refused),
        cmocka_unit_test(a_chain_of_many_nodes_is_sorted_without_recursion),
        cmocka_unit_test(pruning_and_compaction_drop_what_nobody_needs),
        cmocka_unit_test(a_tensor_has_one_maker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
