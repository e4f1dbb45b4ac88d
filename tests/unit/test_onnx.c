/* ONNX files: written and read back, read from other tools, damaged. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/onnx.h"
#include "tests/support/bytes.h"

/* A convolution with a float16 weight, and one more node of op. */
static graph_t *
s_graph(const char *op)
{
    fault_t fault = {0};
    graph_t *graph = graph_new("test", &fault);
    const shape_t in = {4, {DIM_BATCH, 1, 4, 4}}, weight = {4, {2, 1, 3, 3}},
                  bias = {1, {2}}, out = {4, {DIM_BATCH, 2, 2, 2}};
    uint16_t *halves = malloc(18 * sizeof *halves);
    const float biases[] = {0.5F, -0.25F};
    for (uint16_t i = 0; i < 18; i++)
        halves[i] = (uint16_t)(0x3c00 + (i << 4)); /* 1 + i / 64 */
    blob_t *blob = blob_take(halves, 18 * sizeof *halves, &fault);
    int x = graph_add_value(graph, "x", DTYPE_FLOAT32, &in, &fault);
    int w = graph_add_constant(graph, "w", DTYPE_FLOAT32, &weight,
                               DTYPE_FLOAT16, blob, &fault);
    int b =
        graph_add_elements(graph, "b", DTYPE_FLOAT32, &bias, biases, &fault);
    int h = graph_add_value(graph, "h", DTYPE_NONE, NULL, &fault);
    int y = graph_add_value(graph, "y", DTYPE_FLOAT32, &out, &fault);
    const int inputs[] = {x, w, b};
    int conv = graph_add_node(graph, "Conv", "conv", inputs, 3, &h, 1, &fault);
    graph_set_ints(graph, conv, "kernel_shape", (const int64_t[]){3, 3}, 2,
                   &fault);
    graph_set_int(graph, conv, "group", 1, &fault);
    int last = graph_add_node(graph, op, "last", &h, 1, &y, 1, &fault);
    if (strcmp(op, "LeakyRelu") == 0)
        graph_set_float(graph, last, "alpha", 0.125F, &fault);
    assert_ok(graph_add_input(graph, x, &fault), &fault);
    assert_ok(graph_add_output(graph, y, &fault), &fault);
    blob_release(&blob);
    return graph;
}

static onnx_model_t *
s_round(graph_t *graph, digest_t *digest)
{
    fault_t fault = {0};
    const onnx_property_t properties[] = {{"part", "0"}, {"empty", ""}};
    assert_ok(onnx_write(graph, "g.onnx", properties, 2, digest, &fault),
              &fault);
    onnx_model_t *model = onnx_open("g.onnx", &fault);
    assert_ok(model ? 0 : -1, &fault);
    return model;
}

static const node_t *
s_node(const graph_t *graph, const char *op)
{
    for (size_t i = 0; i < graph->nodes_count; i++)
        if (strcmp(graph->nodes[i].op, op) == 0)
            return &graph->nodes[i];
    return NULL;
}

static void
a_written_graph_is_read_back(void **state)
{
    (void)state;
    fault_t fault = {0};
    graph_t *graph = s_graph("LeakyRelu");
    onnx_model_t *model = s_round(graph, NULL);
    const graph_t *back = model->graph;
    assert_int_equal(model->opset, 17);
    assert_int_equal(model->ir, 8);
    assert_string_equal(model->producer, "convoy");
    assert_string_equal(onnx_property(model, "part"), "0");
    assert_string_equal(onnx_property(model, "empty"), "");
    assert_null(onnx_property(model, "none"));
    assert_string_equal(back->name, "test");
    assert_int_equal(back->nodes_count, 2);
    assert_int_equal(back->inputs_count, 1);
    assert_int_equal(back->outputs_count, 1);
    const value_t *x = &back->values[back->inputs[0]];
    assert_string_equal(x->name, "x");
    assert_int_equal(x->dtype, DTYPE_FLOAT32);
    assert_int_equal(x->shape.dims[0], DIM_BATCH);
    assert_int_equal(x->shape.dims[3], 4);
    assert_string_equal(back->values[back->outputs[0]].name, "y");
    const node_t *conv = s_node(back, "Conv");
    assert_string_equal(conv->name, "conv");
    assert_int_equal(conv->inputs_count, 3);
    assert_int_equal(node_int(conv, "group", 0), 1);
    const attribute_t *kernel = node_attribute(conv, "kernel_shape");
    assert_int_equal(kernel->count, 2);
    assert_int_equal(kernel->ints[1], 3);
    assert_true(node_float(s_node(back, "LeakyRelu"), "alpha", 0) == 0.125F);
    int w = graph_find(back, "w");
    float weights[18];
    assert_int_equal(back->values[w].constant->stored, DTYPE_FLOAT32);
    assert_ok(graph_read_constant(back, w, DTYPE_FLOAT32, weights, &fault),
              &fault);
    for (int i = 0; i < 18; i++)
        assert_true(weights[i] == 1.0F + (float)i / 64);
    onnx_destroy(&model);
    graph_destroy(&graph);
}

static void
the_same_graph_gives_the_same_bytes(void **state)
{
    (void)state;
    fault_t fault = {0};
    digest_t first, second, third;
    graph_t *graph = s_graph("Relu");
    onnx_model_t *model = s_round(graph, &first);
    graph_destroy(&graph);
    graph = s_graph("Relu");
    onnx_model_t *again = s_round(graph, &second);
    assert_true(digest_equal(&first, &second));
    assert_ok(digest_file(&third, "g.onnx", &fault), &fault);
    assert_true(digest_equal(&first, &third));
    /* And what was read gives the bytes it was read from. */
    onnx_destroy(&model);
    model = s_round(again->graph, &third);
    assert_true(digest_equal(&first, &third));
    onnx_destroy(&model);
    onnx_destroy(&again);
    graph_destroy(&graph);
}

static void
every_kind_of_attribute_comes_back(void **state)
{
    (void)state;
    fault_t fault = {0};
    graph_t *graph = s_graph("ConstantOfShape");
    tensor_t tensor;
    const shape_t shape = {2, {1, 2}};
    assert_ok(tensor_init(&tensor, DTYPE_FLOAT32, &shape, &fault), &fault);
    memcpy(tensor.data, (const float[]){1.5F, -2}, 8);
    graph_set_int(graph, 0, "group", INT64_MIN, &fault);
    graph_set_text(graph, 0, "auto_pad", "SAME_UPPER", &fault);
    graph_set_ints(graph, 0, "pads", (const int64_t[]){-1, 2, 3}, 3, &fault);
    graph_set_ints(graph, 0, "strides", NULL, 0, &fault);
    graph_set_tensor(graph, 1, "value", &tensor, &fault);
    onnx_model_t *model = s_round(graph, NULL);
    const node_t *conv = s_node(model->graph, "Conv");
    assert_true(node_int(conv, "group", 0) == INT64_MIN);
    assert_string_equal(node_text(conv, "auto_pad", ""), "SAME_UPPER");
    assert_int_equal(node_attribute(conv, "pads")->count, 3);
    assert_true(node_attribute(conv, "pads")->ints[0] == -1);
    assert_int_equal(node_attribute(conv, "strides")->count, 0);
    const node_t *node = s_node(model->graph, "ConstantOfShape");
    const tensor_t *back = &node_attribute(node, "value")->tensor;
    assert_true(shape_equal(&back->shape, &shape));
    assert_memory_equal(back->data, tensor.data, 8);
    tensor_release(&tensor);
    onnx_destroy(&model);
    graph_destroy(&graph);
}

static void
a_decomposition_avoids_names_that_are_taken(void **state)
{
    (void)state;
    fault_t fault = {0};
    graph_t *graph = s_graph("Gelu");
    graph_add_elements(graph, "y/erf", DTYPE_FLOAT32, &(shape_t){0},
                       &(float){1}, &fault);
    onnx_model_t *model = s_round(graph, NULL);
    assert_non_null(s_node(model->graph, "Erf"));
    assert_true(graph_find(model->graph, "y//erf") >= 0);
    onnx_destroy(&model);
    graph_destroy(&graph);
}

static void
gelu_is_decomposed_at_opset_17(void **state)
{
    (void)state;
    graph_t *graph = s_graph("Gelu");
    onnx_model_t *model = s_round(graph, NULL);
    assert_int_equal(model->opset, 17);
    assert_null(s_node(model->graph, "Gelu"));
    assert_non_null(s_node(model->graph, "Erf"));
    assert_null(s_node(model->graph, "Constant"));
    int half = graph_find(model->graph, "y/half");
    fault_t fault = {0};
    float value;
    assert_ok(
        graph_read_constant(model->graph, half, DTYPE_FLOAT32, &value, &fault),
        &fault);
    assert_true(value == 0.5F);
    onnx_destroy(&model);
    graph_set_text(graph, 1, "approximate", "tanh", &fault);
    model = s_round(graph, NULL);
    assert_non_null(s_node(model->graph, "Tanh"));
    onnx_destroy(&model);
    graph_destroy(&graph);
}

static void
a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    fault_t fault = {0};
    graph_t *graph = s_graph("Relu");
    assert_int_equal(onnx_write(graph, "none/g.onnx", NULL, 0, NULL, &fault),
                     -1);
    assert_non_null(strstr(fault.text, "none/g.onnx"));
    assert_null(onnx_open("none.onnx", &fault));
    assert_non_null(strstr(fault.text, "none.onnx"));
    graph_destroy(&graph);
}

/* --- files of other tools --- */

static onnx_model_t *
s_open(const char *name)
{
    fault_t fault = {0};
    onnx_model_t *model = onnx_open(tests_data(name), &fault);
    assert_ok(model ? 0 : -1, &fault);
    return model;
}

/* The constant of this name has these elements. */
static void
s_check_constant(const graph_t *graph, int value, dtype_t dtype,
                 const double *elements, size_t count)
{
    fault_t fault = {0};
    double read[16];
    assert_true(value >= 0);
    assert_int_equal(graph->values[value].dtype, dtype);
    assert_int_equal(shape_elements(&graph->values[value].shape), count);
    assert_ok(graph_read_constant(graph, value, DTYPE_FLOAT64, read, &fault),
              &fault);
    for (size_t i = 0; i < count; i++)
        assert_true(read[i] == elements[i]);
}

static void
attributes_of_old_opsets_become_inputs(void **state)
{
    (void)state;
    onnx_model_t *model = s_open("old.onnx");
    const graph_t *graph = model->graph;
    assert_int_equal(model->opset, 7);
    assert_int_equal(graph->inputs_count, 1);
    assert_int_equal(graph->values[graph->inputs[0]].shape.dims[0], DIM_BATCH);
    s_check_constant(graph, graph_find(graph, "weight"), DTYPE_FLOAT32,
                     (const double[]){1, 2, 3, 4, 5, 6.5}, 6);
    const node_t *clip = s_node(graph, "Clip");
    assert_int_equal(clip->inputs_count, 3);
    s_check_constant(graph, clip->inputs[1], DTYPE_FLOAT32,
                     (const double[]){-1.5}, 1);
    s_check_constant(graph, clip->inputs[2], DTYPE_FLOAT32, (const double[]){6},
                     1);
    assert_null(node_attribute(clip, "min"));
    assert_null(node_attribute(s_node(graph, "Dropout"), "ratio"));
    const node_t *mean = s_node(graph, "ReduceMean");
    assert_int_equal(node_int(mean, "keepdims", 1), 0);
    s_check_constant(graph, mean->inputs[1], DTYPE_INT64,
                     (const double[]){2, 3}, 2);
    assert_int_equal(node_int(s_node(graph, "Softmax"), "axis", 0), 1);
    onnx_destroy(&model);
}

static void
elements_are_read_from_every_field(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        dtype_t dtype;
        double elements[3];
        size_t count;
    } rows[] = {
        {"f32", DTYPE_FLOAT32, {1.5, -2}, 2},
        {"f64", DTYPE_FLOAT64, {1.5, -2}, 2},
        {"f16", DTYPE_FLOAT16, {1.5, -2}, 2},
        {"i64", DTYPE_INT64, {1, -2}, 2},
        {"i32", DTYPE_INT32, {1, -2}, 2},
        {"i8", DTYPE_INT8, {1, -2}, 2},
        {"u8", DTYPE_UINT8, {1, 254}, 2},
        {"b", DTYPE_BOOL, {1, 0}, 2},
        {"none", DTYPE_FLOAT32, {0}, 0},
        {"one", DTYPE_FLOAT32, {3}, 1},
        {"c_float", DTYPE_FLOAT32, {2.5}, 1},
        {"c_int", DTYPE_INT64, {-3}, 1},
        {"c_floats", DTYPE_FLOAT32, {1, 2}, 2},
        {"c_ints", DTYPE_INT64, {4, 5, 6}, 3},
        {"c_tensor", DTYPE_FLOAT32, {7, 8}, 2},
    };
    onnx_model_t *model = s_open("typed.onnx");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        s_check_constant(model->graph, graph_find(model->graph, rows[i].name),
                         rows[i].dtype, rows[i].elements, rows[i].count);
    assert_int_equal(model->graph->nodes_count, 2);
    onnx_destroy(&model);
}

/* --- damaged files --- */

static onnx_model_t *
s_read(const uint8_t *bytes, size_t size, fault_t *fault)
{
    blob_t *file = bytes_file(bytes, size);
    onnx_model_t *model = onnx_read(file, fault);
    blob_release(&file);
    return model;
}

static void
a_file_cut_short_at_any_byte_is_no_other_model(void **state)
{
    (void)state;
    graph_t *graph = s_graph("Relu");
    onnx_model_t *model = s_round(graph, NULL);
    onnx_destroy(&model);
    size_t size;
    uint8_t *bytes = tests_read("g.onnx", &size);
    for (size_t cut = 0; cut < size; cut++) {
        fault_t fault = {0};
        model = s_read(bytes, cut, &fault);
        /* Between two fields of the outermost message the rest is a model
         * too: only properties can be lost so. */
        if (model)
            assert_int_equal(model->graph->nodes_count, 2);
        else
            assert_int_equal(fault.code, FAULT_INPUT);
        onnx_destroy(&model);
    }
    free(bytes);
    graph_destroy(&graph);
}

static void
flipped_bits_never_crash_the_reader(void **state)
{
    (void)state;
    graph_t *graph = s_graph("Gelu");
    onnx_model_t *model = s_round(graph, NULL);
    onnx_destroy(&model);
    size_t size;
    uint8_t *bytes = tests_read("g.onnx", &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        fault_t fault = {0};
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        model = s_read(bytes, size, &fault);
        assert_true(model || fault.code != FAULT_NONE);
        onnx_destroy(&model);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(bytes);
    graph_destroy(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_graph_is_read_back),
        cmocka_unit_test(the_same_graph_gives_the_same_bytes),
        cmocka_unit_test(every_kind_of_attribute_comes_back),
        cmocka_unit_test(a_decomposition_avoids_names_that_are_taken),
        cmocka_unit_test(gelu_is_decomposed_at_opset_17),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(attributes_of_old_opsets_become_inputs),
        cmocka_unit_test(elements_are_read_from_every_field),
        cmocka_unit_test(a_file_cut_short_at_any_byte_is_no_other_model),
        cmocka_unit_test(flipped_bits_never_crash_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
