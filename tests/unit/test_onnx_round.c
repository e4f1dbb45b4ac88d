/* A graph that is written and read again is the same graph, at opset 17 where
 * that can say it. */
#include "tests/support/tests.h"

#include "tests/support/sketch.h"

static onnx_model_t *
s_read(const char *text)
{
    fault_t fault = {0};
    onnx_model_t *model = sketch_read(text, &fault);
    assert_ok(model ? 0 : -1, &fault);
    return model;
}

static onnx_model_t *
s_write_and_read(const graph_t *graph, digest_t *digest)
{
    fault_t fault = {0};
    assert_ok(onnx_write(graph, "round.onnx", NULL, 0, digest, &fault), &fault);
    onnx_model_t *model = onnx_open("round.onnx", &fault);
    assert_ok(model ? 0 : -1, &fault);
    return model;
}

static void
s_same_attribute(const attribute_t *a, const attribute_t *b)
{
    assert_non_null(b);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->count, b->count);
    assert_true(a->i == b->i);
    assert_true(a->f == b->f);
    if (a->text)
        assert_string_equal(a->text, b->text);
    if (a->ints && a->count)
        assert_memory_equal(a->ints, b->ints, a->count * sizeof *a->ints);
}

/* The same constant, whatever it is called, or the same name. */
static void
s_same_value(const graph_t *a, int one, const graph_t *b, int other)
{
    fault_t fault = {0};
    assert_int_equal(one == GRAPH_NONE, other == GRAPH_NONE);
    if (one == GRAPH_NONE)
        return;
    const value_t *x = &a->values[one], *y = &b->values[other];
    if (!x->constant) {
        assert_string_equal(x->name, y->name);
        return;
    }
    double first[64], second[64];
    assert_non_null(y->constant);
    assert_int_equal(x->dtype, y->dtype);
    assert_true(shape_equal(&x->shape, &y->shape));
    assert_true(shape_elements(&x->shape) <= 64);
    assert_ok(graph_read_constant(a, one, DTYPE_FLOAT64, first, &fault),
              &fault);
    assert_ok(graph_read_constant(b, other, DTYPE_FLOAT64, second, &fault),
              &fault);
    for (int64_t i = 0; i < shape_elements(&x->shape); i++)
        assert_true(first[i] == second[i]);
}

static void
s_same_node(const graph_t *a, const node_t *one, const graph_t *b,
            const node_t *other)
{
    assert_string_equal(one->op, other->op);
    assert_string_equal(one->name, other->name);
    assert_int_equal(one->inputs_count, other->inputs_count);
    assert_int_equal(one->outputs_count, other->outputs_count);
    assert_int_equal(one->attributes_count, other->attributes_count);
    for (int i = 0; i < one->inputs_count; i++)
        s_same_value(a, one->inputs[i], b, other->inputs[i]);
    for (int i = 0; i < one->outputs_count; i++)
        s_same_value(a, one->outputs[i], b, other->outputs[i]);
    for (size_t i = 0; i < one->attributes_count; i++)
        s_same_attribute(&one->attributes[i],
                         node_attribute(other, one->attributes[i].name));
}

static void
s_same_graph(const graph_t *a, const graph_t *b)
{
    assert_int_equal(a->nodes_count, b->nodes_count);
    assert_int_equal(a->inputs_count, b->inputs_count);
    assert_int_equal(a->outputs_count, b->outputs_count);
    for (size_t n = 0; n < a->nodes_count; n++)
        s_same_node(a, &a->nodes[n], b, &b->nodes[n]);
    for (int i = 0; i < a->inputs_count; i++)
        s_same_value(a, a->inputs[i], b, b->inputs[i]);
    for (int i = 0; i < a->outputs_count; i++)
        s_same_value(a, a->outputs[i], b, b->outputs[i]);
}

#define ONE_NODE(opset, node)                                                  \
    "opset " #opset "\nin x float32 [N,4,6,6]\n" node "\nout y\n"

/* A graph, and the opset it is written at. Where that needs shapes, operators
 * have to be known to shape inference. */
static const struct {
    const char *text;
    int opset;
} rows[] = {
    {ONE_NODE(21, "node LeakyRelu x -> y name=leak alpha=0.25"), 17},
    {ONE_NODE(21, "node Cast x -> y to=10 saturate=1"), 17},
    {ONE_NODE(21, "ints a [2] 2 3\nnode ReduceMean x a -> y keepdims=0"), 17},
    {ONE_NODE(21, "ints a [2] 2 3\nnode ReduceL2 x a -> y"), 17},
    {ONE_NODE(21, "ints a [1] -1\nnode ReduceSum x a -> y"), 17},
    {ONE_NODE(21, "ints a [1] -1\nnode ReduceMax x a -> y"), 17},
    {ONE_NODE(21, "ints a [1] 1\nnode ReduceMean x a -> y "
                  "noop_with_empty_axes=0"),
     17},
    {ONE_NODE(21, "node ReduceMean x -> y noop_with_empty_axes=1"), 21},
    {ONE_NODE(21, "in a int64 [1]\nnode ReduceMean x a -> y"), 21},
    {ONE_NODE(21, "node ReduceMean x -> y"), 17},
    {ONE_NODE(21, "ints p [8] 0 0 1 1 0 0 1 1\nfloats v [] 0\n"
                  "node Pad x p v -> y mode=reflect"),
     17},
    {ONE_NODE(21, "ints p [8] 0 0 1 1 0 0 1 1\nnode Pad x p -> y mode=wrap"),
     21},
    {ONE_NODE(21, "ints p [4] 1 1 1 1\nints a [2] 2 3\n"
                  "node Pad x p _ a -> y"),
     21},
    {ONE_NODE(21, "floats s [4] 1 1 2 2\nnode Resize x _ s -> y mode=linear "
                  "antialias=0 keep_aspect_ratio_policy=stretch"),
     17},
    {ONE_NODE(21, "ints s [4] 1 4 9 9\nnode Resize x _ _ s -> y mode=cubic "
                  "coordinate_transformation_mode=half_pixel_symmetric"),
     21},
    {ONE_NODE(21, "ints s [2] 9 9\nnode Resize x _ _ s -> y axes=[2,3]"), 21},
    {ONE_NODE(21, "ints s [2] 1 3\nnode Split x s -> y z axis=1"), 17},
    {ONE_NODE(21, "node AveragePool x -> y kernel_shape=[2,2] "
                  "dilations=[1,1]"),
     17},
    {ONE_NODE(21, "node AveragePool x -> y kernel_shape=[2,2] "
                  "dilations=[2,2]"),
     21},
    {ONE_NODE(21, "floats s [4] 1 1 1 1\n"
                  "node GroupNormalization x s s -> y num_groups=2"),
     21},
    {ONE_NODE(21, "ints i [1,1] 0\nfloats u [1,4,6] 1\n"
                  "node ScatterND x i u -> y reduction=max"),
     21},
    {ONE_NODE(21, "node MaxPool x -> y kernel_shape=[2,2] ceil_mode=1"), 17},
    {ONE_NODE(21, "floats s [2] 1 1\nhalves unread [2] 1 1\n"
                  "node Relu x -> y"),
     17},
};

/* Attributes that say what opset 17 always did are left out there. */
static const char *const dropped[] = {
    "saturate",  "noop_with_empty_axes",
    "antialias", "keep_aspect_ratio_policy",
    "dilations",
};

static void
a_graph_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        digest_t first, second;
        onnx_model_t *model = s_read(rows[i].text);
        onnx_model_t *back = s_write_and_read(model->graph, &first);
        if (back->opset != rows[i].opset)
            fail_msg("%s: written at opset %d", rows[i].text, (int)back->opset);
        for (size_t d = 0; back->opset == 17 && d < 5; d++)
            graph_drop_attribute(model->graph, 0, dropped[d]);
        s_same_graph(model->graph, back->graph);
        onnx_model_t *again = s_write_and_read(back->graph, &second);
        assert_true(digest_equal(&first, &second));
        s_same_graph(back->graph, again->graph);
        onnx_destroy(&model);
        onnx_destroy(&back);
        onnx_destroy(&again);
    }
}

/* num_outputs goes where the parts are equal, and comes back when read. */
static void
equal_parts_need_no_number(void **state)
{
    (void)state;
    onnx_model_t *model = s_read("opset 21\nin x float32 [N,4]\n"
                                 "node Split x -> a b axis=1 num_outputs=2\n"
                                 "out a\nout b\n");
    onnx_model_t *back = s_write_and_read(model->graph, NULL);
    assert_int_equal(back->opset, 17);
    s_same_graph(model->graph, back->graph);
    onnx_destroy(&model);
    onnx_destroy(&back);
    model = s_read("opset 21\nin x float32 [N,5]\n"
                   "node Split x -> a b axis=1 num_outputs=2\nout a\nout b\n");
    back = s_write_and_read(model->graph, NULL);
    assert_int_equal(back->opset, 21);
    s_same_graph(model->graph, back->graph);
    onnx_destroy(&model);
    onnx_destroy(&back);
}

/* The axes are in the attribute alone, unless somebody else reads them. */
static void
constants_that_became_attributes_are_not_written(void **state)
{
    (void)state;
    onnx_model_t *model =
        s_read(ONE_NODE(21, "ints a [1] 2\nfloats unread [2] 1 1\n"
                            "node ReduceMean x a -> y"));
    onnx_model_t *back = s_write_and_read(model->graph, NULL);
    assert_true(graph_find(back->graph, "a") == GRAPH_NONE);
    assert_true(graph_find(back->graph, "unread") == GRAPH_NONE);
    onnx_destroy(&model);
    onnx_destroy(&back);
    model = s_read(ONE_NODE(21, "ints a [1] 2\nnode ReduceMean x a -> m\n"
                                "node ReduceSum m a -> y"));
    back = s_write_and_read(model->graph, NULL);
    assert_true(graph_find(back->graph, "a") != GRAPH_NONE);
    onnx_destroy(&model);
    onnx_destroy(&back);
}

/* What one node became has its name several times, which ONNX Runtime takes
 * for no valid model. */
static void
no_two_nodes_have_one_name(void **state)
{
    (void)state;
    onnx_model_t *model = s_read("opset 11\nin x float32 [N,2,3]\n"
                                 "node Softmax x -> y name=s\nout y\n");
    assert_int_equal(model->graph->nodes_count, 3);
    onnx_model_t *back = s_write_and_read(model->graph, NULL);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(back->graph->nodes[i].name,
                                    back->graph->nodes[j].name);
    onnx_destroy(&model);
    onnx_destroy(&back);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_comes_back_as_it_was),
        cmocka_unit_test(equal_parts_need_no_number),
        cmocka_unit_test(no_two_nodes_have_one_name),
        cmocka_unit_test(constants_that_became_attributes_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
