/* Nodes of older opsets in the semantics of opset 21: attributes that became
 * inputs, and softmax, whose axis once meant "and all behind it".
 *
 * Source: onnx/defs/.../old.cc of ONNX, "Operator Schemas" and Changelog. */
#include "common/model/onnx_raise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/shape.h"

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

/* Before opset 13 the axis (default 1) and all behind it were one. */
static int
s_raise_softmax(graph_t *graph, int index, int rank, fault_t *fault)
{
    const node_t *node = &graph->nodes[index];
    int64_t axis = node_int(node, "axis", 1);
    if ((axis < 0 ? axis + rank : axis) != rank - 1)
        return fault_set(fault, FAULT_INPUT,
                         "%s %s over several axes (opset below 13) is not "
                         "read, export at opset 13 or newer",
                         node->op, node->name);
    return graph_set_int(graph, index, "axis", -1, fault);
}

static bool
s_is_softmax(const node_t *node)
{
    return strcmp(node->op, "Softmax") == 0 ||
           strcmp(node->op, "LogSoftmax") == 0 ||
           strcmp(node->op, "Hardmax") == 0;
}

int
onnx_raise_graph(graph_t *graph, int64_t opset, fault_t *fault)
{
    value_type_t *types = NULL;
    int result = 0;
    for (size_t i = 0; opset < 13 && result == 0 && i < graph->nodes_count;
         i++) {
        const node_t *node = &graph->nodes[i];
        if (!s_is_softmax(node) || node->inputs_count == 0 ||
            node->inputs[0] == GRAPH_NONE)
            continue;
        /* Shapes do not depend on the axis, so they can be had before. */
        if (!types && !(types = shape_types_new(graph, 1, fault)))
            return -1;
        result = s_raise_softmax(graph, (int)i,
                                 types[node->inputs[0]].shape.rank, fault);
    }
    free(types);
    return result;
}
