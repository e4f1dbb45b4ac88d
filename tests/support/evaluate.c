/* One operator on small tensors. */
#include "tests/support/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/eval.h"
#include "common/model/graph.h"
#include "common/model/shape.h"
#include "tests/support/tests.h"

enum { INPUTS_MAX = 8 };

evaluated_t evaluated[EVALUATE_OUTPUTS_MAX];

const dtype_t evaluate_dtypes[10] = {
    DTYPE_FLOAT32, DTYPE_UINT8, DTYPE_INT8,    DTYPE_INT16,   DTYPE_INT32,
    DTYPE_INT64,   DTYPE_BOOL,  DTYPE_FLOAT16, DTYPE_FLOAT64, DTYPE_BFLOAT16,
};

/* The node at work: its inputs are constants, its outputs the first values. */
static graph_t *s_graph;
static int s_node, s_outputs, s_inputs[INPUTS_MAX], s_inputs_count;
static tensor_t s_elements[INPUTS_MAX];
static fault_t s_fault;

void
evaluate_end(void)
{
    graph_destroy(&s_graph);
    for (int i = 0; i < s_inputs_count; i++)
        tensor_release(&s_elements[i]);
    s_inputs_count = 0;
}

int
evaluate_teardown(void **state)
{
    (void)state;
    evaluate_end();
    return 0;
}

void
evaluate_op(const char *op, int outputs)
{
    evaluate_end();
    s_graph = graph_new("g", &s_fault);
    s_outputs = outputs;
    int values[EVALUATE_OUTPUTS_MAX];
    for (int i = 0; i < outputs; i++)
        values[i] = graph_add_value(s_graph, (char[]){'y', (char)('0' + i), 0},
                                    DTYPE_NONE, NULL, &s_fault);
    s_node =
        graph_add_node(s_graph, op, "n", NULL, 0, values, outputs, &s_fault);
    assert_int_equal(s_node, 0);
}

/* The tensor of the next input. */
static tensor_t *
s_add(dtype_t dtype, const shape_t *shape)
{
    assert_true(s_inputs_count < INPUTS_MAX);
    tensor_t *tensor = &s_elements[s_inputs_count++];
    assert_ok(tensor_init(tensor, dtype, shape, &s_fault), &s_fault);
    return tensor;
}

/* The value of that input, once its elements are there. */
static void
s_add_value(bool constant)
{
    int at = s_inputs_count - 1;
    const char *name = (char[]){'x', (char)('0' + at), 0};
    const tensor_t *x = &s_elements[at];
    s_inputs[at] =
        constant
            ? graph_add_elements(s_graph, name, x->dtype, &x->shape,
                                 x->bytes ? x->data : "", &s_fault)
            : graph_add_value(s_graph, name, x->dtype, &x->shape, &s_fault);
    assert_true(s_inputs[at] >= 0);
}

void
evaluate_input(dtype_t dtype, const shape_t *shape, const void *elements)
{
    tensor_t *tensor = s_add(dtype, shape);
    if (tensor->bytes)
        memcpy(tensor->data, elements, tensor->bytes);
    s_add_value(true);
}

static void
s_add_numbers(dtype_t dtype, const shape_t *shape, const double *numbers,
              size_t count, bool constant)
{
    tensor_t *tensor = s_add(dtype, shape);
    size_t total = (size_t)shape_elements(shape), size = dtype_size(dtype);
    for (size_t i = 0; i < total; i++)
        tensor_convert(dtype, (char *)tensor->data + i * size, DTYPE_FLOAT64,
                       &numbers[i % count], 1);
    s_add_value(constant);
}

void
evaluate_numbers(dtype_t dtype, const shape_t *shape, const double *numbers,
                 size_t count)
{
    s_add_numbers(dtype, shape, numbers, count, true);
}

void
evaluate_computed(dtype_t dtype, const shape_t *shape, const double *numbers,
                  size_t count)
{
    s_add_numbers(dtype, shape, numbers, count, false);
}

const tensor_t *
evaluate_operand(int input)
{
    return &s_elements[input];
}

void
evaluate_list(int count, const int64_t *numbers)
{
    evaluate_input(DTYPE_INT64, SHAPE(count), numbers);
}

/* Element `place` of numbers that count up. */
static void
s_store_place(dtype_t dtype, char *to, int64_t place)
{
    tensor_convert(dtype, to, DTYPE_INT64, &(int64_t){place % 100}, 1);
}

void
evaluate_count_up(dtype_t dtype, const shape_t *shape)
{
    size_t count = (size_t)shape_elements(shape), size = dtype_size(dtype);
    char *elements = calloc(count + 1, size);
    for (size_t i = 0; i < count; i++)
        s_store_place(dtype, elements + i * size, (int64_t)i);
    evaluate_input(dtype, shape, elements);
    free(elements);
}

void
evaluate_absent(void)
{
    s_inputs[s_inputs_count] = GRAPH_NONE;
    s_elements[s_inputs_count++] = (tensor_t){.dtype = DTYPE_NONE};
}

void
evaluate_int(const char *name, int64_t value)
{
    assert_ok(graph_set_int(s_graph, s_node, name, value, &s_fault), &s_fault);
}

void
evaluate_ints(const char *name, int count, const int64_t *values)
{
    assert_ok(
        graph_set_ints(s_graph, s_node, name, values, (size_t)count, &s_fault),
        &s_fault);
}

void
evaluate_float(const char *name, float value)
{
    assert_ok(graph_set_float(s_graph, s_node, name, value, &s_fault),
              &s_fault);
}

void
evaluate_text(const char *name, const char *value)
{
    assert_ok(graph_set_text(s_graph, s_node, name, value, &s_fault), &s_fault);
}

void
evaluate_tensor(const char *name, dtype_t dtype, const void *element)
{
    tensor_t tensor;
    assert_ok(tensor_init(&tensor, dtype, SHAPE(1), &s_fault), &s_fault);
    memcpy(tensor.data, element, tensor.bytes);
    assert_ok(graph_set_tensor(s_graph, s_node, name, &tensor, &s_fault),
              &s_fault);
    tensor_release(&tensor);
}

/* Inputs beyond those that are known while shapes are inferred stay unknown
 * there, so evaluation runs here in any case. */
static int
s_run(const value_type_t *types)
{
    array_t inputs[INPUTS_MAX], outputs[EVALUATE_OUTPUTS_MAX];
    const array_t *in[INPUTS_MAX] = {NULL};
    array_t *out[EVALUATE_OUTPUTS_MAX];
    for (int i = 0; i < s_inputs_count; i++) {
        const tensor_t *x = &s_elements[i];
        inputs[i] = (array_t){x->dtype, x->shape, x->data};
        if (s_inputs[i] != GRAPH_NONE)
            in[i] = &inputs[i];
    }
    for (int i = 0; i < s_outputs; i++) {
        const value_type_t *type = &types[i];
        size_t bytes = tensor_bytes(type->dtype, &type->shape, 0);
        assert_true(bytes < EVALUATE_BYTES_MAX);
        evaluated[i].dtype = type->dtype;
        evaluated[i].shape = type->shape;
        memset(evaluated[i].data, 0xee, bytes + 1);
        outputs[i] = (array_t){type->dtype, type->shape, evaluated[i].data};
        out[i] = &outputs[i];
    }
    return eval_run(&s_graph->nodes[s_node], in, out, &s_fault);
}

/* The types of all values; NULL where the node is refused. */
static value_type_t *
s_infer(void)
{
    value_type_t *types = calloc(s_graph->values_count, sizeof *types);
    int result = shape_infer_start(s_graph, 1, types, &s_fault);
    for (int i = 0; i < s_inputs_count; i++) {
        if (s_inputs[i] == GRAPH_NONE)
            continue;
        types[s_inputs[i]].dtype = s_elements[i].dtype;
        types[s_inputs[i]].shape = s_elements[i].shape;
    }
    if (result != 0 || shape_infer_node(s_graph, s_node, types, &s_fault)) {
        free(types);
        return NULL;
    }
    return types;
}

static int
s_infer_and_run(void)
{
    fault_clear(&s_fault);
    node_t *node = &s_graph->nodes[s_node];
    free(node->inputs);
    node->inputs = calloc(INPUTS_MAX, sizeof *node->inputs);
    memcpy(node->inputs, s_inputs, sizeof s_inputs);
    node->inputs_count = s_inputs_count;
    value_type_t *types = s_infer();
    int result = types ? s_run(types) : -1;
    /* What is known must be what evaluation gives. */
    for (int i = 0; result == 0 && i < s_outputs; i++)
        if (types[i].known)
            assert_memory_equal(
                types[i].elements, evaluated[i].data,
                tensor_bytes(types[i].dtype, &types[i].shape, 0));
    free(types);
    return result;
}

void
evaluate(void)
{
    assert_ok(s_infer_and_run(), &s_fault);
}

const char *
evaluate_attempt(void)
{
    return s_infer_and_run() == 0 ? NULL : s_fault.text;
}

void
evaluate_refuses(const char *part)
{
    if (s_infer_and_run() == 0)
        fail_msg("'%s' should be refused", part);
    if (!strstr(s_fault.text, part))
        fail_msg("'%s' is not in '%s'", part, s_fault.text);
}

static void
s_expect_type(dtype_t dtype, const shape_t *shape)
{
    char text[128], expected[128];
    assert_string_equal(dtype_name(evaluated[0].dtype), dtype_name(dtype));
    assert_string_equal(shape_text(&evaluated[0].shape, text, sizeof text),
                        shape_text(shape, expected, sizeof expected));
}

void
evaluate_expect(dtype_t dtype, const shape_t *shape, const void *elements)
{
    s_expect_type(dtype, shape);
    size_t bytes = tensor_bytes(dtype, shape, 0);
    if (bytes)
        assert_memory_equal(evaluated[0].data, elements, bytes);
    assert_int_equal((unsigned char)evaluated[0].data[bytes], 0xee);
}

double
evaluate_element(int output, size_t i)
{
    const evaluated_t *y = &evaluated[output];
    double element;
    assert_true((int64_t)i < shape_elements(&y->shape));
    tensor_convert(DTYPE_FLOAT64, &element, y->dtype,
                   y->data + i * dtype_size(y->dtype), 1);
    return element;
}

void
evaluate_expect_numbers(dtype_t dtype, const shape_t *shape,
                        const double *numbers, size_t count)
{
    s_expect_type(dtype, shape);
    assert_int_equal(count, shape_elements(shape));
    for (size_t i = 0; i < count; i++) {
        double element = evaluate_element(0, i);
        if (element != numbers[i] && !(isnan(element) && isnan(numbers[i])))
            fail_msg("element %zu is %.17g, not %.17g", i, element, numbers[i]);
    }
}

void
evaluate_expect_places(dtype_t dtype, const shape_t *shape,
                       const int64_t *places)
{
    char expected[8];
    size_t size = dtype_size(dtype);
    s_expect_type(dtype, shape);
    for (int64_t i = 0; i < shape_elements(shape); i++) {
        s_store_place(dtype, expected, places[i] < 0 ? 0 : places[i]);
        assert_memory_equal(expected, evaluated[0].data + (size_t)i * size,
                            size);
    }
}
