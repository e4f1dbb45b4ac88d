/* Raising, first half: attributes that became inputs, operators that changed
 * their name, and what needs no look at shapes. */
#include "common/model/onnx_raise.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/onnx.h"

enum { DROPPED = 0, ALWAYS = ONNX_OPSET_MAX + 1 };

/* An attribute of op below an opset: which input it became. */
typedef struct move {
    const char *op;
    int64_t below;
    const char *attribute;
    int input;
} move_t;

static const move_t moves[] = {
    {"BatchNormalization", 14, "momentum", DROPPED},
    {"Clip", 11, "min", 1},
    {"Clip", 11, "max", 2},
    {"Dropout", 12, "ratio", DROPPED},
    {"Pad", 11, "pads", 1},
    {"Pad", 11, "value", 2},
    {"ReduceL2", 18, "axes", 1},
    {"ReduceMax", 18, "axes", 1},
    {"ReduceMean", 18, "axes", 1},
    {"ReduceMin", 18, "axes", 1},
    {"ReduceSum", 13, "axes", 1},
    {"Slice", 10, "starts", 1},
    {"Slice", 10, "ends", 2},
    {"Slice", 10, "axes", 3},
    {"Split", 13, "split", 1},
    {"Squeeze", 13, "axes", 1},
    {"Unsqueeze", 13, "axes", 1},
    {"Upsample", 9, "scales", 1},
};

typedef struct raising {
    graph_t *graph;
    int64_t opset;
    int *uses; /* of every value; made when first needed */
    fault_t *fault;
} raising_t;

typedef int raise_fn(raising_t *self, int node);

static int
s_fault(const raising_t *self, int index, const char *why)
{
    return node_fault(&self->graph->nodes[index], self->fault, "%s", why);
}

/* --- attributes that became inputs --- */

/* The attribute as a constant, named after the node's output. */
static int
s_add_constant(raising_t *self, int index, const attribute_t *attribute)
{
    const node_t *node = &self->graph->nodes[index];
    shape_t shape = {.rank = 1, .dims = {(int64_t)attribute->count}};
    dtype_t dtype = DTYPE_INT64;
    const void *elements = attribute->ints;
    if (attribute->kind == ATTRIBUTE_FLOAT) {
        shape.rank = 0;
        dtype = DTYPE_FLOAT32;
        elements = &attribute->f;
    } else if (attribute->kind == ATTRIBUTE_FLOATS) {
        dtype = DTYPE_FLOAT32;
        elements = attribute->floats;
    } else if (attribute->kind != ATTRIBUTE_INTS) {
        return s_fault(self, index, "an attribute has the wrong type");
    }
    const char *base = node->name;
    if (node->outputs_count && node->outputs[0] != GRAPH_NONE)
        base = self->graph->values[node->outputs[0]].name;
    char *name =
        graph_fresh_name(self->graph, base, attribute->name, self->fault);
    int value = name ? graph_add_elements(self->graph, name, dtype, &shape,
                                          elements, self->fault)
                     : -1;
    free(name);
    return value;
}

static int
s_move(raising_t *self, int index, const move_t *move)
{
    const attribute_t *attribute =
        node_attribute(&self->graph->nodes[index], move->attribute);
    if (!attribute)
        return 0;
    if (move->input != DROPPED) {
        int value = s_add_constant(self, index, attribute);
        if (value < 0 || graph_set_input(self->graph, index, move->input, value,
                                         self->fault))
            return -1;
    }
    graph_drop_attribute(self->graph, index, move->attribute);
    return 0;
}

/* --- operators that changed --- */

static bool
s_is_empty(const graph_t *graph, int value)
{
    return value != GRAPH_NONE && graph->values[value].constant &&
           shape_elements(&graph->values[value].shape) == 0;
}

/* Optional outputs that nobody reads are not made: masks, indices, and what
 * training wanted to know. */
static int
s_trim_outputs(raising_t *self, int index)
{
    node_t *node = &self->graph->nodes[index];
    if (!self->uses)
        self->uses = graph_count_uses(self->graph, self->fault);
    if (!self->uses)
        return -1;
    for (; node->outputs_count > 1; node->outputs_count--) {
        int last = node->outputs[node->outputs_count - 1];
        if (last != GRAPH_NONE && self->uses[last])
            break;
        if (last != GRAPH_NONE)
            self->graph->values[last].producer = GRAPH_NONE;
    }
    return 0;
}

/* One scale for each place, not each channel, is no batch norm of today. */
static int
s_raise_batch_norm(raising_t *self, int index)
{
    if (self->opset < 9 &&
        node_int(&self->graph->nodes[index], "spatial", 1) != 1)
        return s_fault(self, index, "spatial = 0 is not read");
    graph_drop_attribute(self->graph, index, "spatial");
    if (s_trim_outputs(self, index))
        return -1;
    return self->graph->nodes[index].outputs_count > 1
               ? s_fault(self, index,
                         "its statistics are read: export for inference")
               : 0;
}

/* An optional input of one element, where it is known; else *to stays. */
static int
s_read_scalar(raising_t *self, const node_t *node, int input, float *to)
{
    int value = input < node->inputs_count ? node->inputs[input] : GRAPH_NONE;
    if (value == GRAPH_NONE || !self->graph->values[value].constant ||
        shape_elements(&self->graph->values[value].shape) != 1)
        return 0;
    return graph_read_elements(self->graph, value, 0, 1, DTYPE_FLOAT32, to,
                               self->fault);
}

/* With training_mode it would drop, if there is a ratio to drop. */
static int
s_raise_dropout(raising_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    float ratio = 0.5f, training = 0.0f;
    if (s_trim_outputs(self, index) || s_read_scalar(self, node, 1, &ratio) ||
        s_read_scalar(self, node, 2, &training))
        return -1;
    return ratio != 0.0f && training != 0.0f
               ? s_fault(self, index,
                         "training_mode is on: export for inference")
               : 0;
}

/* Parts without sizes are a number of parts since. */
static int
s_raise_split(raising_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    if (node->inputs_count > 1 && node->inputs[1] != GRAPH_NONE)
        return 0;
    return graph_set_int(self->graph, index, "num_outputs", node->outputs_count,
                         self->fault);
}

/* (x, scales) of Upsample and the first Resize are (x, roi, scales), each
 * place of the result maps to place / scale, and the nearest is the one below
 * it; Resize 10, going down, took the one above (as ONNX Runtime does). */
static int
s_raise_scales(raising_t *self, int index)
{
    node_t *node = &self->graph->nodes[index];
    int scales = node->inputs_count > 1 ? node->inputs[1] : GRAPH_NONE;
    if (scales == GRAPH_NONE)
        return s_fault(self, index, "it has no scales");
    if (graph_set_input(self->graph, index, 1, GRAPH_NONE, self->fault) ||
        graph_set_input(self->graph, index, 2, scales, self->fault) ||
        graph_set_text(self->graph, index, "coordinate_transformation_mode",
                       "asymmetric", self->fault) ||
        graph_set_text(self->graph, index, "nearest_mode", "floor",
                       self->fault))
        return -1;
    return graph_set_op(self->graph, index, "Resize", self->fault);
}

/* An optional input of no elements is none: before opset 13 it could not be
 * left out, and exporters still write it so. */
static int
s_raise_resize(raising_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    for (int i = 1; i < node->inputs_count; i++)
        if (s_is_empty(self->graph, node->inputs[i]))
            node->inputs[i] = GRAPH_NONE;
    return 0;
}

typedef struct raise_row {
    const char *op;
    int64_t below;
    raise_fn *raise;
} raise_row_t;

static const raise_row_t rows[] = {
    {"BatchNormalization", ALWAYS, s_raise_batch_norm},
    {"Dropout", ALWAYS, s_raise_dropout},
    {"LayerNormalization", ALWAYS, s_trim_outputs},
    {"MaxPool", ALWAYS, s_trim_outputs},
    {"Resize", 11, s_raise_scales},
    {"Resize", ALWAYS, s_raise_resize},
    {"Split", 18, s_raise_split},
    {"Upsample", 10, s_raise_scales},
};

static int
s_raise_node(raising_t *self, int index)
{
    const graph_t *graph = self->graph;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        if (self->opset < moves[i].below &&
            strcmp(moves[i].op, graph->nodes[index].op) == 0 &&
            s_move(self, index, &moves[i]))
            return -1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (self->opset < rows[i].below &&
            strcmp(rows[i].op, graph->nodes[index].op) == 0 &&
            rows[i].raise(self, index))
            return -1;
    return 0;
}

int
onnx_raise_graph(graph_t *graph, int64_t opset, fault_t *fault)
{
    raising_t raising = {.graph = graph, .opset = opset, .fault = fault};
    int result = 0;
    for (size_t i = 0; result == 0 && i < graph->nodes_count; i++)
        result = s_raise_node(&raising, (int)i);
    free(raising.uses);
    return result ? -1 : onnx_raise_typed(graph, opset, fault);
}
