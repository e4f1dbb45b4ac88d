/* Nodes as NodeProtos: as they are, or decomposed for an older opset.
 *
 * Decompositions are those of PyTorch's exporter, so that other tools (and our
 * own patterns) recognise them. */
#include "common/model/onnx_lower.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { OPSET_LOW = 17, OPSET_HIGH = 21 };

/* --- decompositions --- */

/* to = op(a, b); names but x (the input) and y (the output) are local. An op
 * of NULL makes a scalar constant. */
typedef struct step {
    const char *op;
    const char *a;
    const char *b;
    const char *to;
    double scalar;
} step_t;

static const step_t gelu_erf[] = {
    {NULL, NULL, NULL, "sqrt2", 1.4142135623730951},
    {"Div", "x", "sqrt2", "scaled", 0},
    {"Erf", "scaled", NULL, "erf", 0},
    {NULL, NULL, NULL, "one", 1},
    {"Add", "erf", "one", "sum", 0},
    {"Mul", "x", "sum", "weighted", 0},
    {NULL, NULL, NULL, "half", 0.5},
    {"Mul", "weighted", "half", "y", 0},
    {0},
};

static const step_t gelu_tanh[] = {
    {"Mul", "x", "x", "square", 0},
    {"Mul", "x", "square", "cube", 0},
    {NULL, NULL, NULL, "beta", 0.044715},
    {"Mul", "beta", "cube", "bent", 0},
    {"Add", "x", "bent", "inner", 0},
    {NULL, NULL, NULL, "alpha", 0.7978845608028654}, /* sqrt(2 / pi) */
    {"Mul", "alpha", "inner", "scaled", 0},
    {"Tanh", "scaled", NULL, "tanh", 0},
    {NULL, NULL, NULL, "one", 1},
    {"Add", "tanh", "one", "sum", 0},
    {"Mul", "x", "sum", "weighted", 0},
    {NULL, NULL, NULL, "half", 0.5},
    {"Mul", "weighted", "half", "y", 0},
    {0},
};

static const step_t mish[] = {
    {"Softplus", "x", NULL, "softplus", 0},
    {"Tanh", "softplus", NULL, "tanh", 0},
    {"Mul", "x", "tanh", "y", 0},
    {0},
};

/* Ops that opset 17 does not have; steps is NULL where there is no way to say
 * it there. A row with an attribute is for nodes whose attribute has that
 * text. */
typedef struct lowering {
    const char *op;
    const char *attribute;
    const char *text;
    const step_t *steps;
} lowering_t;

static const lowering_t lowerings[] = {
    {"Gelu", "approximate", "tanh", gelu_tanh},
    {"Gelu", NULL, NULL, gelu_erf},
    {"Mish", NULL, NULL, mish},
    {"BitwiseAnd", NULL, NULL, NULL},
    {"BitwiseNot", NULL, NULL, NULL},
    {"BitwiseOr", NULL, NULL, NULL},
    {"BitwiseXor", NULL, NULL, NULL},
    {"CenterCropPad", NULL, NULL, NULL},
    {"Col2Im", NULL, NULL, NULL},
    {"DeformConv", NULL, NULL, NULL},
    {"GroupNormalization", NULL, NULL, NULL},
    {"Pad", NULL, NULL, NULL},
    {"ReduceL1", NULL, NULL, NULL},
    {"ReduceL2", NULL, NULL, NULL},
    {"ReduceLogSum", NULL, NULL, NULL},
    {"ReduceLogSumExp", NULL, NULL, NULL},
    {"ReduceMax", NULL, NULL, NULL},
    {"ReduceMean", NULL, NULL, NULL},
    {"ReduceMin", NULL, NULL, NULL},
    {"ReduceProd", NULL, NULL, NULL},
    {"ReduceSumSquare", NULL, NULL, NULL},
    {"Resize", NULL, NULL, NULL},
    {"Split", NULL, NULL, NULL},
};

static const lowering_t *
s_lowering(const node_t *node)
{
    for (size_t i = 0; i < sizeof lowerings / sizeof lowerings[0]; i++) {
        const lowering_t *row = &lowerings[i];
        if (strcmp(row->op, node->op) == 0 &&
            (!row->attribute ||
             strcmp(node_text(node, row->attribute, ""), row->text) == 0))
            return row;
    }
    return NULL;
}

int
onnx_lower_opset(const graph_t *graph)
{
    for (size_t i = 0; i < graph->nodes_count; i++) {
        const lowering_t *row = s_lowering(&graph->nodes[i]);
        /* dilated average pooling came with opset 19 */
        bool dilated = strcmp(graph->nodes[i].op, "AveragePool") == 0 &&
                       node_attribute(&graph->nodes[i], "dilations");
        if (!graph->nodes[i].removed && ((row && !row->steps) || dilated))
            return OPSET_HIGH;
    }
    return OPSET_LOW;
}

/* A decomposition under way. */
typedef struct chain {
    const graph_t *graph;
    const char *x;
    const char *y;
    dtype_t dtype;
    onnx_emit_fn *emit;
    void *context;
} chain_t;

/* The name in the file of a local name: "y/local", and more slashes where the
 * graph has that already. Owned by the caller; NULL with a fault. */
static char *
s_local(const chain_t *self, const char *local, fault_t *fault)
{
    if (strcmp(local, "x") == 0 || strcmp(local, "y") == 0) {
        const char *name = *local == 'x' ? self->x : self->y;
        return mem_text(name, strlen(name), fault);
    }
    enum { SLASHES_MAX = 8 };
    size_t size = strlen(self->y) + strlen(local) + SLASHES_MAX + 1;
    char *name = mem_new(1, size, fault);
    for (int slashes = 1; name && slashes <= SLASHES_MAX; slashes++) {
        snprintf(name, size, "%s%.*s%s", self->y, slashes, "////////", local);
        if (graph_find(self->graph, name) == GRAPH_NONE)
            return name;
    }
    free(name);
    return fault_null(fault, FAULT_INPUT, "%s: no name left for its %s",
                      self->y, local);
}

static int
s_emit_scalar(const chain_t *self, const step_t *step, char *to, fault_t *fault)
{
    (void)fault;
    uint8_t raw[8];
    tensor_convert(self->dtype, raw, DTYPE_FLOAT64, &step->scalar, 1);
    Onnx__TensorProto tensor = ONNX__TENSOR_PROTO__INIT;
    tensor.has_data_type = 1;
    tensor.data_type = self->dtype;
    tensor.has_raw_data = 1;
    tensor.raw_data.data = raw;
    tensor.raw_data.len = dtype_size(self->dtype);
    Onnx__AttributeProto attribute = ONNX__ATTRIBUTE_PROTO__INIT;
    char name[] = "value", op[] = "Constant";
    attribute.name = name;
    attribute.has_type = 1;
    attribute.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    attribute.t = &tensor;
    Onnx__AttributeProto *attributes[] = {&attribute};
    char *outputs[] = {to};
    Onnx__NodeProto node = ONNX__NODE_PROTO__INIT;
    node.n_output = 1;
    node.output = outputs;
    node.op_type = op;
    node.n_attribute = 1;
    node.attribute = attributes;
    return self->emit(self->context, &node, fault);
}

static int
s_emit_step(const chain_t *self, const step_t *step, fault_t *fault)
{
    char *to = s_local(self, step->to, fault);
    char *a = to && step->a ? s_local(self, step->a, fault) : NULL;
    char *b = to && step->b ? s_local(self, step->b, fault) : NULL;
    int result = -1;
    if (to && !step->op) {
        result = s_emit_scalar(self, step, to, fault);
    } else if (to && a && (b || !step->b)) {
        char *inputs[] = {a, b}, *outputs[] = {to};
        char op[16];
        snprintf(op, sizeof op, "%s", step->op);
        Onnx__NodeProto node = ONNX__NODE_PROTO__INIT;
        node.n_input = b ? 2 : 1;
        node.input = inputs;
        node.n_output = 1;
        node.output = outputs;
        node.op_type = op;
        result = self->emit(self->context, &node, fault);
    }
    free(to);
    free(a);
    free(b);
    return result;
}

/* --- nodes as they are --- */

static void
s_fill_tensor(Onnx__TensorProto *proto, const tensor_t *tensor)
{
    onnx__tensor_proto__init(proto);
    proto->n_dims = (size_t)tensor->shape.rank;
    proto->dims = (int64_t *)(uintptr_t)tensor->shape.dims;
    proto->has_data_type = 1;
    proto->data_type = tensor->dtype;
    proto->has_raw_data = 1;
    proto->raw_data.len = tensor->bytes;
    proto->raw_data.data = tensor->data;
}

/* Point a proto at an attribute; nothing is copied. */
static void
s_fill_attribute(Onnx__AttributeProto *proto, Onnx__TensorProto *tensor,
                 const attribute_t *attribute)
{
    onnx__attribute_proto__init(proto);
    proto->name = attribute->name;
    proto->has_type = 1;
    proto->type = (Onnx__AttributeProto__AttributeType)attribute->kind;
    switch (attribute->kind) {
    case ATTRIBUTE_INT:
        proto->has_i = 1;
        proto->i = attribute->i;
        break;
    case ATTRIBUTE_FLOAT:
        proto->has_f = 1;
        proto->f = attribute->f;
        break;
    case ATTRIBUTE_TEXT:
        proto->has_s = 1;
        proto->s.data = (uint8_t *)attribute->text;
        proto->s.len = strlen(attribute->text);
        break;
    case ATTRIBUTE_TENSOR:
        s_fill_tensor(tensor, &attribute->tensor);
        proto->t = tensor;
        break;
    case ATTRIBUTE_FLOATS:
        proto->n_floats = attribute->count;
        proto->floats = attribute->floats;
        break;
    case ATTRIBUTE_INTS:
        proto->n_ints = attribute->count;
        proto->ints = attribute->ints;
        break;
    }
}

static void
s_fill_names(const graph_t *graph, const int *values, int count, char **names)
{
    static char absent[] = "";
    for (int i = 0; i < count; i++)
        names[i] =
            values[i] == GRAPH_NONE ? absent : graph->values[values[i]].name;
}

static int
s_emit_plain(const graph_t *graph, const node_t *node, onnx_emit_fn *emit,
             void *context, fault_t *fault)
{
    size_t count = node->attributes_count;
    int names_count = node->inputs_count + node->outputs_count;
    char **names = mem_new((size_t)names_count, sizeof *names, fault);
    Onnx__AttributeProto *attributes =
        mem_new(count, sizeof *attributes, fault);
    Onnx__AttributeProto **pointers = mem_new(count, sizeof *pointers, fault);
    Onnx__TensorProto *tensors = mem_new(count, sizeof *tensors, fault);
    int result = -1;
    if (names && attributes && pointers && tensors) {
        for (size_t i = 0; i < count; i++) {
            s_fill_attribute(&attributes[i], &tensors[i], &node->attributes[i]);
            pointers[i] = &attributes[i];
        }
        Onnx__NodeProto proto = ONNX__NODE_PROTO__INIT;
        s_fill_names(graph, node->inputs, node->inputs_count, names);
        s_fill_names(graph, node->outputs, node->outputs_count,
                     names + node->inputs_count);
        proto.n_input = (size_t)node->inputs_count;
        proto.input = names;
        proto.n_output = (size_t)node->outputs_count;
        proto.output = names + node->inputs_count;
        proto.name = node->name && *node->name ? node->name : NULL;
        proto.op_type = node->op;
        proto.n_attribute = count;
        proto.attribute = pointers;
        result = emit(context, &proto, fault);
    }
    free(names);
    free(attributes);
    free(pointers);
    free(tensors);
    return result;
}

int
onnx_lower_node(const graph_t *graph, const node_t *node, int opset,
                onnx_emit_fn *emit, void *context, fault_t *fault)
{
    const lowering_t *row = opset == OPSET_LOW ? s_lowering(node) : NULL;
    if (!row)
        return s_emit_plain(graph, node, emit, context, fault);
    assert(row->steps);
    if (node->inputs_count != 1 || node->outputs_count != 1 ||
        node->inputs[0] == GRAPH_NONE)
        return fault_set(fault, FAULT_INPUT, "%s %s needs one input", node->op,
                         node->name);
    const value_t *x = &graph->values[node->inputs[0]];
    chain_t chain = {.graph = graph,
                     .x = x->name,
                     .y = graph->values[node->outputs[0]].name,
                     .dtype = x->dtype ? x->dtype : DTYPE_FLOAT32,
                     .emit = emit,
                     .context = context};
    for (const step_t *step = row->steps; step->to; step++)
        if (s_emit_step(&chain, step, fault))
            return -1;
    return 0;
}
