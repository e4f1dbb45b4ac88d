/* Files of older opsets mean today what they meant then. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/shape.h"
#include "tests/support/sketch.h"

static graph_t *
s_read(const char *text)
{
    fault_t fault = {0};
    onnx_model_t *model = sketch_read(text, &fault);
    assert_ok(model ? 0 : -1, &fault);
    graph_t *graph = model->graph;
    model->graph = NULL;
    onnx_destroy(&model);
    return graph;
}

static void
s_refused(const char *text, const char *part)
{
    fault_t fault = {0};
    assert_null(sketch_read(text, &fault));
    if (!strstr(fault.text, part))
        fail_msg("%s, where %s was expected", fault.text, part);
}

/* Input `slot` of the first node of that op is a constant of these numbers. */
static void
s_check_input(const graph_t *graph, const char *op, int slot, dtype_t dtype,
              size_t count, const double *expected)
{
    fault_t fault = {0};
    double read[16];
    const node_t *node = sketch_node(graph, op);
    assert_non_null(node);
    assert_true(node->inputs_count > slot);
    int value = node->inputs[slot];
    assert_true(value != GRAPH_NONE);
    assert_int_equal(graph->values[value].dtype, dtype);
    assert_int_equal(shape_elements(&graph->values[value].shape), count);
    assert_ok(graph_read_constant(graph, value, DTYPE_FLOAT64, read, &fault),
              &fault);
    for (size_t i = 0; i < count; i++)
        assert_true(read[i] == expected[i]);
}

#define NUMBERS(...)                                                           \
    sizeof((const double[]){__VA_ARGS__}) / sizeof(double), (const double[])   \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

/* A model with one node: y = op(x, ...). */
#define ONE_NODE(opset, node)                                                  \
    "opset " #opset "\nin x float32 [N,4,6,6]\n" node "\nout y\n"

static void
attributes_become_inputs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *op;
        int slot;
        dtype_t dtype;
        size_t count;
        double numbers[4];
    } rows[] = {
        {ONE_NODE(7, "node Clip x -> y min=-1.5 max=6.0"),
         "Clip",
         1,
         DTYPE_FLOAT32,
         1,
         {-1.5}},
        {ONE_NODE(10, "node Clip x -> y max=6.0"),
         "Clip",
         2,
         DTYPE_FLOAT32,
         1,
         {6}},
        {ONE_NODE(17, "node ReduceMean x -> y axes=[2,3]"),
         "ReduceMean",
         1,
         DTYPE_INT64,
         2,
         {2, 3}},
        {ONE_NODE(12, "node Squeeze x -> y axes=[1]"),
         "Squeeze",
         1,
         DTYPE_INT64,
         1,
         {1}},
        {ONE_NODE(12, "node Unsqueeze x -> y axes=[0]"),
         "Unsqueeze",
         1,
         DTYPE_INT64,
         1,
         {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        graph_t *graph = s_read(rows[i].text);
        s_check_input(graph, rows[i].op, rows[i].slot, rows[i].dtype,
                      rows[i].count, rows[i].numbers);
        assert_int_equal(sketch_node(graph, rows[i].op)->attributes_count, 0);
        graph_destroy(&graph);
    }
}

static void
a_split_without_sizes_gets_a_number_of_parts(void **state)
{
    (void)state;
    graph_t *graph = s_read("opset 11\nin x float32 [N,4]\n"
                            "node Split x -> a b axis=1\nout a\nout b\n");
    const node_t *split = sketch_node(graph, "Split");
    assert_int_equal(node_int(split, "num_outputs", 0), 2);
    assert_int_equal(split->inputs_count, 1);
    graph_destroy(&graph);
    graph = s_read("opset 11\nin x float32 [N,4]\n"
                   "node Split x -> a b axis=1 split=[1,3]\nout a\nout b\n");
    s_check_input(graph, "Split", 1, DTYPE_INT64, NUMBERS(1, 3));
    assert_null(node_attribute(sketch_node(graph, "Split"), "num_outputs"));
    graph_destroy(&graph);
}

/* Upsample's scales were an attribute, then an input; then it was Resize, at
 * first without a region. */
static void
upsample_is_resize(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ONE_NODE(7,
                 "node Upsample x -> y mode=linear scales=[1.0,1.0,2.0,2.0]"),
        ONE_NODE(9, "floats s [4] 1 1 2 2\nnode Upsample x s -> y mode=linear"),
        ONE_NODE(10, "floats s [4] 1 1 2 2\nnode Resize x s -> y mode=linear"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        graph_t *graph = s_read(texts[i]);
        const node_t *node = sketch_node(graph, "Resize");
        assert_non_null(node);
        assert_int_equal(node->inputs_count, 3);
        assert_int_equal(node->inputs[1], GRAPH_NONE);
        s_check_input(graph, "Resize", 2, DTYPE_FLOAT32, NUMBERS(1, 1, 2, 2));
        assert_string_equal(node_text(node, "mode", ""), "linear");
        assert_string_equal(
            node_text(node, "coordinate_transformation_mode", ""),
            "asymmetric");
        assert_null(node_attribute(node, "scales"));
        graph_destroy(&graph);
    }
}

static void
the_nearest_place_of_old_resizes(void **state)
{
    (void)state;
    graph_t *graph =
        s_read(ONE_NODE(9, "floats s [4] 1 1 2 2\nnode Upsample x s -> y"));
    assert_string_equal(
        node_text(sketch_node(graph, "Resize"), "nearest_mode", ""), "floor");
    graph_destroy(&graph);
    graph =
        s_read(ONE_NODE(10, "floats s [4] 1 1 0.5 0.5\nnode Resize x s -> y"));
    assert_string_equal(
        node_text(sketch_node(graph, "Resize"), "nearest_mode", ""), "ceil");
    graph_destroy(&graph);
    s_refused(ONE_NODE(10, "floats s [4] 1 1 2 0.5\nnode Resize x s -> y"),
              "which place");
}

static void
inputs_of_no_elements_are_none(void **state)
{
    (void)state;
    graph_t *graph = s_read(
        ONE_NODE(11, "floats roi [0]\nfloats scales [0]\nints sizes [4] 1 4 9 9"
                     "\nnode Resize x roi scales sizes -> y mode=cubic"));
    const node_t *node = sketch_node(graph, "Resize");
    assert_int_equal(node->inputs[1], GRAPH_NONE);
    assert_int_equal(node->inputs[2], GRAPH_NONE);
    assert_true(node->inputs[3] != GRAPH_NONE);
    graph_destroy(&graph);
}

static void
training_is_refused(void **state)
{
    (void)state;
    s_refused(ONE_NODE(13, "floats r [] 0.5\nbools t [] 1\n"
                           "node Dropout x r t -> y name=drop"),
              "'drop' (Dropout): training_mode");
    s_refused(ONE_NODE(13, "bools t [] 1\nnode Dropout x _ t -> y name=drop"),
              "'drop' (Dropout): training_mode");
    s_refused(ONE_NODE(9, "floats s [4] 1 1 1 1\n"
                          "node BatchNormalization x s s s s -> y m v name=bn\n"
                          "node Add v v -> z"),
              "'bn' (BatchNormalization): its statistics");
    s_refused(ONE_NODE(8, "floats s [4] 1 1 1 1\n"
                          "node BatchNormalization x s s s s -> y name=bn "
                          "spatial=0"),
              "'bn' (BatchNormalization): spatial");
}

/* As torchvision's Swin exports: dropping nothing, in training mode. */
static void
a_dropout_of_nothing_may_train(void **state)
{
    (void)state;
    graph_t *graph = s_read(ONE_NODE(13, "floats r [] 0\nbools t [] 1\n"
                                         "node Dropout x r t -> y mask"));
    assert_non_null(sketch_node(graph, "Dropout"));
    graph_destroy(&graph);
}

static void
outputs_of_training_that_nobody_reads_go(void **state)
{
    (void)state;
    graph_t *graph =
        s_read(ONE_NODE(9, "floats s [4] 1 1 1 1\n"
                           "node BatchNormalization x s s s s -> y m v sm sv "
                           "momentum=0.5 epsilon=0.25"));
    const node_t *node = sketch_node(graph, "BatchNormalization");
    assert_int_equal(node->outputs_count, 1);
    assert_null(node_attribute(node, "momentum"));
    assert_true(node_float(node, "epsilon", 0) == 0.25F);
    graph_destroy(&graph);
}

static void
optional_outputs_that_nobody_reads_go(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ONE_NODE(7, "node Dropout x -> y mask ratio=0.5"),
        ONE_NODE(13, "node Dropout x -> y mask"),
        ONE_NODE(12, "node MaxPool x -> y indices kernel_shape=[2,2]"),
        ONE_NODE(17, "floats s [6] 1\n"
                     "node LayerNormalization x s -> y mean deviation"),
        ONE_NODE(15, "floats s [4] 1\n"
                     "node BatchNormalization x s s s s -> y m v"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        graph_t *graph = s_read(texts[i]);
        assert_int_equal(graph->nodes[0].outputs_count, 1);
        graph_destroy(&graph);
    }
    graph_t *graph = s_read("opset 13\nin x float32 [N,4]\n"
                            "node Dropout x -> y mask\nout y\nout mask\n");
    assert_int_equal(graph->nodes[0].outputs_count, 2);
    graph_destroy(&graph);
}

static void
a_softmax_over_one_axis_names_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int axis;
    } rows[] = {
        {"opset 9\nin x float32 [N,5]\nnode Softmax x -> y\nout y\n", 1},
        {"opset 9\nin x float32 [N,5,1,1]\nnode Softmax x -> y\nout y\n", 1},
        {"opset 12\nin x float32 [N,2,5]\nnode LogSoftmax x -> y axis=-1\n"
         "out y\n",
         2},
        {"opset 12\nin x float32 [1,5]\nnode Softmax x -> y axis=0\nout y\n",
         1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        graph_t *graph = s_read(rows[i].text);
        assert_int_equal(graph->nodes_count, 1);
        assert_int_equal(node_int(&graph->nodes[0], "axis", 99), rows[i].axis);
        graph_destroy(&graph);
    }
}

static void
a_softmax_over_several_axes_is_flattened(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int axis;
        double shape[4];
    } rows[] = {
        {"opset 11\nin x float32 [N,2,3,4]\nnode Softmax x -> y\nout y\n",
         1,
         {-1, 2, 3, 4}},
        {"opset 11\nin x float32 [N,2,3,4]\nnode Softmax x -> y axis=2\n"
         "out y\n",
         2,
         {-1, 2, 3, 4}},
        {"opset 11\nin x float32 [1,2,3,4]\nnode LogSoftmax x -> y axis=-3\n"
         "out y\n",
         1,
         {1, 2, 3, 4}},
        /* The samples too: they mix, which the cut and the engine are told. */
        {"opset 11\nin x float32 [N,2,3,4]\nnode Softmax x -> y axis=0\n"
         "out y\n",
         0,
         {-1, 2, 3, 4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fault_t fault = {0};
        graph_t *graph = s_read(rows[i].text);
        assert_int_equal(graph->nodes_count, 3);
        assert_string_equal(graph->nodes[0].op, "Flatten");
        assert_int_equal(node_int(&graph->nodes[0], "axis", 99), rows[i].axis);
        assert_int_equal(node_int(&graph->nodes[1], "axis", 99), -1);
        assert_string_equal(graph->nodes[2].op, "Reshape");
        s_check_input(graph, "Reshape", 1, DTYPE_INT64, 4, rows[i].shape);
        value_type_t *types = shape_types_new(graph, 1, &fault);
        assert_ok(types ? 0 : -1, &fault);
        assert_true(shape_equal(&types[graph->outputs[0]].shape,
                                &types[graph->inputs[0]].shape));
        assert_string_equal(graph->values[graph->outputs[0]].name, "y");
        free(types);
        graph_destroy(&graph);
    }
}

/* At opset 18 a scale was one a group. */
static void
scales_of_groups_are_spread_over_their_channels(void **state)
{
    (void)state;
    graph_t *graph =
        s_read(ONE_NODE(18, "floats s [2] 0.5 2\nfloats b [2] 1 3\n"
                            "node GroupNormalization x s b -> y num_groups=2"));
    s_check_input(graph, "GroupNormalization", 1, DTYPE_FLOAT32,
                  NUMBERS(0.5, 0.5, 2, 2));
    s_check_input(graph, "GroupNormalization", 2, DTYPE_FLOAT32,
                  NUMBERS(1, 1, 3, 3));
    graph_destroy(&graph);
    graph =
        s_read(ONE_NODE(20, "floats s [4] 1 2 3 4\n"
                            "node GroupNormalization x s s -> y num_groups=4"));
    s_check_input(graph, "GroupNormalization", 1, DTYPE_FLOAT32,
                  NUMBERS(1, 2, 3, 4));
    graph_destroy(&graph);
    s_refused(ONE_NODE(18, "floats s [3] 1\n"
                           "node GroupNormalization x s s -> y num_groups=3 "
                           "name=g"),
              "'g' (GroupNormalization): its channels do not fit");
    s_refused(ONE_NODE(18, "floats s [4] 1\n"
                           "node GroupNormalization x s s -> y num_groups=2 "
                           "name=g"),
              "'g' (GroupNormalization): below opset 21");
}

static void
what_cannot_be_raised_is_named(void **state)
{
    (void)state;
    s_refused(ONE_NODE(12, "node Softmax x -> y axis=4 name=s"), "'s'");
    s_refused(ONE_NODE(9, "node Upsample x -> y name=u"),
              "'u' (Upsample): it has no scales");
    s_refused(ONE_NODE(10, "in s float32 [4]\nnode Resize x s -> y name=r"),
              "'r' (Resize): its scales are not known");
    s_refused(ONE_NODE(10, "node Softmax x -> s\nnode Relu s w -> r\n"
                           "node Softmax r -> y"),
              "Relu");
}

/* The batch is on axis 0 and, joined with others, on axis 1. */
static void
a_shape_with_several_open_axes_is_refused(void **state)
{
    (void)state;
    s_refused("opset 11\nin x float32 [N,1,3]\nin z float32 [N,3]\n"
              "node Add x z -> a\nnode Softmax a -> y name=s\nout y\n",
              "'s' (Softmax): several axes vary");
}

/* Such a graph is raised for that one sample. */
static void
a_graph_of_one_sample_only(void **state)
{
    (void)state;
    graph_t *graph = s_read("opset 11\nin x float32 [N,2,3]\n"
                            "ints d [3] 1 3 2\nnode Reshape x d -> r\n"
                            "node Softmax r -> y\nout y\n");
    const node_t *back = &graph->nodes[graph->nodes_count - 1];
    int64_t shape[3];
    fault_t fault = {0};
    assert_string_equal(back->op, "Reshape");
    assert_ok(
        graph_read_constant(graph, back->inputs[1], DTYPE_INT64, shape, &fault),
        &fault);
    assert_true(shape[0] == 1 && shape[1] == 3 && shape[2] == 2);
    graph_destroy(&graph);
}

static void
bounds_are_of_the_type_of_what_they_bound(void **state)
{
    (void)state;
    graph_t *graph = s_read("opset 10\nin x float16 [N,2]\n"
                            "node Clip x -> y min=-1.0 max=2.0\nout y\n");
    s_check_input(graph, "Clip", 1, DTYPE_FLOAT16, NUMBERS(-1));
    s_check_input(graph, "Clip", 2, DTYPE_FLOAT16, NUMBERS(2));
    graph_destroy(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_become_inputs),
        cmocka_unit_test(a_split_without_sizes_gets_a_number_of_parts),
        cmocka_unit_test(upsample_is_resize),
        cmocka_unit_test(the_nearest_place_of_old_resizes),
        cmocka_unit_test(inputs_of_no_elements_are_none),
        cmocka_unit_test(training_is_refused),
        cmocka_unit_test(a_dropout_of_nothing_may_train),
        cmocka_unit_test(outputs_of_training_that_nobody_reads_go),
        cmocka_unit_test(optional_outputs_that_nobody_reads_go),
        cmocka_unit_test(a_softmax_over_one_axis_names_it),
        cmocka_unit_test(a_softmax_over_several_axes_is_flattened),
        cmocka_unit_test(scales_of_groups_are_spread_over_their_channels),
        cmocka_unit_test(what_cannot_be_raised_is_named),
        cmocka_unit_test(a_shape_with_several_open_axes_is_refused),
        cmocka_unit_test(a_graph_of_one_sample_only),
        cmocka_unit_test(bounds_are_of_the_type_of_what_they_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
