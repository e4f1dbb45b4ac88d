/* Nodes of older opsets in the semantics of opset 21: attributes that became
 * inputs, and softmax, whose axis once meant "and all behind it".
 *
 * Source: onnx/defs/.../old.cc of ONNX, "Operator Schemas" and Changelog. */
#include "common/model/onnx_raise.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

enum { DROPPED = 0 };

/* An attribute of op below an opset: which input it became. */
typedef struct change {
    const char *op;
    int64_t below;
    const char *attribute;
    int input;
} change_t;

static const change_t changes[] = {
    {"BatchNormalization", 9, "spatial", DROPPED},
    {"BatchNormalization", 14, "momentum", DROPPED},
    {"Clip", 11, "min", 1},
    {"Clip", 11, "max", 2},
    {"Dropout", 12, "ratio", DROPPED},
    {"Pad", 11, "pads", 1},
    {"Pad", 11, "value", 2},
    {"ReduceL1", 18, "axes", 1},
    {"ReduceL2", 18, "axes", 1},
    {"ReduceLogSum", 18, "axes", 1},
    {"ReduceLogSumExp", 18, "axes", 1},
    {"ReduceMax", 18, "axes", 1},
    {"ReduceMean", 18, "axes", 1},
    {"ReduceMin", 18, "axes", 1},
    {"ReduceProd", 18, "axes", 1},
    {"ReduceSum", 13, "axes", 1},
    {"ReduceSumSquare", 18, "axes", 1},
    {"Slice", 10, "starts", 1},
    {"Slice", 10, "ends", 2},
    {"Slice", 10, "axes", 3},
    {"Split", 13, "split", 1},
    {"Squeeze", 13, "axes", 1},
    {"TopK", 10, "k", 1},
    {"Unsqueeze", 13, "axes", 1},
};

enum { CHANGES = sizeof changes / sizeof changes[0] };

static const change_t *
s_change(const char *op, int64_t opset, const char *attribute)
{
    for (size_t i = 0; i < CHANGES; i++)
        if (opset < changes[i].below && strcmp(changes[i].op, op) == 0 &&
            strcmp(changes[i].attribute, attribute) == 0)
            return &changes[i];
    return NULL;
}

bool
onnx_raise_takes(const char *op, int64_t opset, const char *attribute)
{
    return s_change(op, opset, attribute) != NULL;
}

/* The attribute as a constant, named after the node's output. */
static int
s_add_constant(graph_t *graph, const Onnx__NodeProto *node,
               const Onnx__AttributeProto *attribute, fault_t *fault)
{
    char name[GRAPH_NAME_MAX + 1];
    snprintf(name, sizeof name, "%s/%s",
             node->n_output ? node->output[0] : node->name, attribute->name);
    const shape_t scalar = {.rank = 0};
    shape_t vector = {.rank = 1, .dims = {(int64_t)attribute->n_ints}};
    switch (attribute->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return graph_add_elements(graph, name, DTYPE_FLOAT32, &scalar,
                                  &attribute->f, fault);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        vector.dims[0] = 1;
        return graph_add_elements(graph, name, DTYPE_INT64, &vector,
                                  &attribute->i, fault);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return graph_add_elements(
            graph, name, DTYPE_INT64, &vector,
            attribute->n_ints ? attribute->ints : &(int64_t){0}, fault);
    default:
        return fault_set(fault, FAULT_INPUT,
                         "%s: attribute %s has the wrong type", node->op_type,
                         attribute->name);
    }
}

int
onnx_raise_inputs(graph_t *graph, const Onnx__NodeProto *node, int64_t opset,
                  int *inputs, int *count, fault_t *fault)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = node->attribute[i];
        const change_t *change =
            s_change(node->op_type, opset, attribute->name);
        if (change && strcmp(attribute->name, "spatial") == 0 &&
            attribute->i != 1)
            return fault_set(fault, FAULT_INPUT,
                             "%s with spatial = 0 is not read", node->op_type);
        if (!change || change->input == DROPPED)
            continue;
        while (*count <= change->input)
            inputs[(*count)++] = GRAPH_NONE;
        int constant = s_add_constant(graph, node, attribute, fault);
        if (constant < 0)
            return -1;
        inputs[change->input] = constant;
    }
    return 0;
}

/* --- softmax --- */

/* Ops whose output has the rank of their first input, and those that give
 * rank 2. */
static const char *const keep_rank[] = {
    "Relu",
    "Clip",
    "LeakyRelu",
    "Sigmoid",
    "Tanh",
    "Dropout",
    "Identity",
    "BatchNormalization",
    "Conv",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Softmax",
    "LogSoftmax",
    "GlobalMaxPool",
    "Elu",
    "HardSigmoid",
    "PRelu",
    "InstanceNormalization",
    "Concat",
};

static bool
s_keeps_rank(const char *op)
{
    for (size_t i = 0; i < sizeof keep_rank / sizeof keep_rank[0]; i++)
        if (strcmp(keep_rank[i], op) == 0)
            return true;
    return false;
}

/* The rank of a value, found by going back through the graph; -1 if that does
 * not tell. */
static int
s_rank(const graph_t *graph, int value)
{
    for (size_t steps = 0; steps <= graph->nodes_count; steps++) {
        if (value == GRAPH_NONE)
            return -1;
        if (graph->values[value].shaped)
            return graph->values[value].shape.rank;
        if (graph->values[value].producer == GRAPH_NONE)
            return -1;
        const node_t *node = &graph->nodes[graph->values[value].producer];
        if (strcmp(node->op, "Flatten") == 0 || strcmp(node->op, "Gemm") == 0)
            return 2;
        if (!s_keeps_rank(node->op) || node->inputs_count == 0)
            return -1;
        value = node->inputs[0];
    }
    return -1;
}

/* Before opset 13 the axis (default 1) and all behind it were one. */
static int
s_raise_softmax(graph_t *graph, int index, fault_t *fault)
{
    const node_t *node = &graph->nodes[index];
    int64_t axis = node_int(node, "axis", 1);
    int rank = node->inputs_count ? s_rank(graph, node->inputs[0]) : -1;
    if (axis != -1 && (rank < 0 || (axis < 0 ? axis + rank : axis) != rank - 1))
        return fault_set(fault, FAULT_INPUT,
                         "%s %s over several axes (opset below 13) is not "
                         "read, export at opset 13 or newer",
                         node->op, node->name);
    return graph_set_int(graph, index, "axis", -1, fault);
}

int
onnx_raise_graph(graph_t *graph, int64_t opset, fault_t *fault)
{
    if (opset >= 13)
        return 0;
    for (size_t i = 0; i < graph->nodes_count; i++) {
        const char *op = graph->nodes[i].op;
        bool softmax = strcmp(op, "Softmax") == 0 ||
                       strcmp(op, "LogSoftmax") == 0 ||
                       strcmp(op, "Hardmax") == 0;
        if (softmax && s_raise_softmax(graph, (int)i, fault))
            return -1;
    }
    return 0;
}
