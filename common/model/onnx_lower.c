/* Nodes as NodeProtos: as they are, in the form of opset 17, or as their
 * formula. */
#include "common/model/onnx_lower.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/onnx_schema.h"

enum { OPSET_LOW = 17, OPSET_HIGH = 21, AXES_MAX = TENSOR_RANK_MAX };

/* A node in question. */
typedef struct lowering {
    const graph_t *graph;
    const value_type_t *types; /* NULL: not known */
    const node_t *node;
} lowering_t;

static const value_t *
s_input(const lowering_t *self, int slot)
{
    const node_t *node = self->node;
    if (slot >= node->inputs_count || node->inputs[slot] == GRAPH_NONE)
        return NULL;
    return &self->graph->values[node->inputs[slot]];
}

/* --- inputs that were attributes --- */

static const char *const reduces[] = {
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
};

/* Input 1 of these is the attribute "axes" at opset 17 (ReduceSum changed
 * earlier). */
static bool
s_had_axes(const node_t *node)
{
    for (size_t i = 0; i < sizeof reduces / sizeof reduces[0]; i++)
        if (strcmp(reduces[i], node->op) == 0)
            return true;
    return false;
}

/* The number of axes, 0 where there are none, -1 where they are no constant
 * or too many. */
static int
s_axes_count(const lowering_t *self)
{
    const value_t *axes = s_input(self, 1);
    if (!axes)
        return 0;
    int64_t count = axes->constant ? shape_elements(&axes->shape) : -1;
    return count > AXES_MAX ? -1 : (int)count;
}

/* --- whether opset 17 can say it --- */

/* Attributes that came later may go where they say what was always so. */
typedef bool droppable_fn(const lowering_t *self, const attribute_t *attribute);

static bool
s_are_ones(const lowering_t *self, const attribute_t *attribute)
{
    (void)self;
    for (size_t i = 0; i < attribute->count; i++)
        if (attribute->ints[i] != 1)
            return false;
    return true;
}

static bool
s_is_zero(const lowering_t *self, const attribute_t *attribute)
{
    (void)self;
    return attribute->i == 0;
}

static bool
s_is_stretch(const lowering_t *self, const attribute_t *attribute)
{
    (void)self;
    return attribute->text && strcmp(attribute->text, "stretch") == 0;
}

/* Of float8 alone. */
static bool
s_always(const lowering_t *self, const attribute_t *attribute)
{
    (void)self;
    (void)attribute;
    return true;
}

static bool
s_is_no_noop(const lowering_t *self, const attribute_t *attribute)
{
    return attribute->i == 0 || s_axes_count(self) > 0;
}

/* Equal parts need no number: there are as many as outputs. */
static bool
s_is_even(const lowering_t *self, const attribute_t *attribute)
{
    if (!self->types || attribute->i != self->node->outputs_count)
        return false;
    const shape_t *shape = &self->types[self->node->inputs[0]].shape;
    int64_t axis = node_int(self->node, "axis", 0);
    axis += axis < 0 ? shape->rank : 0;
    return axis >= 0 && axis < shape->rank &&
           shape->dims[axis] % attribute->i == 0;
}

static const struct {
    const char *op; /* NULL: any */
    const char *attribute;
    droppable_fn *droppable;
} newer_attributes[] = {
    {"AveragePool", "dilations", s_are_ones},
    {"Cast", "saturate", s_always},
    {NULL, "noop_with_empty_axes", s_is_no_noop},
    {"Resize", "antialias", s_is_zero},
    {"Resize", "keep_aspect_ratio_policy", s_is_stretch},
    {"Split", "num_outputs", s_is_even},
};

static bool
s_is_droppable(const lowering_t *self, const attribute_t *attribute)
{
    enum { ROWS = sizeof newer_attributes / sizeof newer_attributes[0] };
    for (size_t i = 0; i < ROWS; i++)
        if ((!newer_attributes[i].op ||
             strcmp(newer_attributes[i].op, self->node->op) == 0) &&
            strcmp(newer_attributes[i].attribute, attribute->name) == 0)
            return newer_attributes[i].droppable(self, attribute);
    return false;
}

/* Words of attributes that are newer than the attribute. */
static const struct {
    const char *op, *attribute, *word;
} newer_words[] = {
    {"Pad", "mode", "wrap"},
    {"Resize", "coordinate_transformation_mode", "half_pixel_symmetric"},
    {"ScatterND", "reduction", "max"},
    {"ScatterND", "reduction", "min"},
};

static bool
s_has_newer_word(const node_t *node)
{
    for (size_t i = 0; i < sizeof newer_words / sizeof newer_words[0]; i++)
        if (strcmp(newer_words[i].op, node->op) == 0 &&
            strcmp(node_text(node, newer_words[i].attribute, ""),
                   newer_words[i].word) == 0)
            return true;
    return false;
}

/* Maxima and minima of booleans came with opset 20. */
static bool
s_is_newer_dtype(const lowering_t *self)
{
    const node_t *node = self->node;
    return (strcmp(node->op, "ReduceMax") == 0 ||
            strcmp(node->op, "ReduceMin") == 0) &&
           (!self->types || self->types[node->inputs[0]].dtype == DTYPE_BOOL);
}

static bool
s_fits_low(const lowering_t *self)
{
    const node_t *node = self->node;
    if (onnx_formula_has(node, OPSET_LOW))
        return true;
    if (!onnx_schema_knows(node->op, OPSET_LOW) || s_has_newer_word(node) ||
        (s_had_axes(node) && s_axes_count(self) < 0) ||
        (strcmp(node->op, "Pad") == 0 && s_input(self, 3)) ||
        s_is_newer_dtype(self))
        return false;
    for (size_t i = 0; i < node->attributes_count; i++)
        if (!onnx_schema_type(node->op, OPSET_LOW, node->attributes[i].name) &&
            !s_is_droppable(self, &node->attributes[i]))
            return false;
    return true;
}

int
onnx_lower_opset(const graph_t *graph, const value_type_t *types)
{
    for (size_t i = 0; i < graph->nodes_count; i++) {
        const lowering_t lowering = {graph, types, &graph->nodes[i]};
        if (!graph->nodes[i].removed && !s_fits_low(&lowering))
            return OPSET_HIGH;
    }
    return OPSET_LOW;
}

bool
onnx_lower_takes(const node_t *node, int opset, int slot)
{
    return opset == OPSET_LOW && slot == 1 && s_had_axes(node);
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

/* What a NodeProto points at while it is emitted. */
typedef struct plain {
    char **names; /* of inputs, then of outputs */
    Onnx__AttributeProto *attributes;
    Onnx__AttributeProto **pointers;
    Onnx__TensorProto *tensors;
    size_t attributes_count;
    int64_t axes[AXES_MAX];
} plain_t;

/* Input 1 as the attribute it was; no axes are all of them. */
static int
s_add_axes(plain_t *self, const graph_t *graph, const node_t *node,
           fault_t *fault)
{
    static char name[] = "axes";
    const lowering_t lowering = {.graph = graph, .node = node};
    int count = s_axes_count(&lowering);
    if (count == 0)
        return 0;
    assert(count > 0);
    if (graph_read_constant(graph, node->inputs[1], DTYPE_INT64, self->axes,
                            fault))
        return -1;
    Onnx__AttributeProto *proto = &self->attributes[self->attributes_count];
    onnx__attribute_proto__init(proto);
    proto->name = name;
    proto->has_type = 1;
    proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    proto->n_ints = (size_t)count;
    proto->ints = self->axes;
    self->pointers[self->attributes_count++] = proto;
    return 0;
}

static void
s_add_attributes(plain_t *self, const node_t *node, int opset)
{
    for (size_t i = 0; i < node->attributes_count; i++) {
        size_t at = self->attributes_count;
        if (opset == OPSET_LOW &&
            !onnx_schema_type(node->op, opset, node->attributes[i].name))
            continue;
        s_fill_attribute(&self->attributes[at], &self->tensors[at],
                         &node->attributes[i]);
        self->pointers[self->attributes_count++] = &self->attributes[at];
    }
}

static int
s_emit_filled(plain_t *self, const graph_t *graph, const node_t *node,
              int opset, onnx_emit_fn *emit, void *context, fault_t *fault)
{
    int inputs_count = node->inputs_count;
    if (inputs_count > 1 && onnx_lower_takes(node, opset, 1))
        inputs_count = 1;
    s_add_attributes(self, node, opset);
    if (inputs_count < node->inputs_count &&
        s_add_axes(self, graph, node, fault))
        return -1;
    Onnx__NodeProto proto = ONNX__NODE_PROTO__INIT;
    s_fill_names(graph, node->inputs, inputs_count, self->names);
    s_fill_names(graph, node->outputs, node->outputs_count,
                 self->names + inputs_count);
    proto.n_input = (size_t)inputs_count;
    proto.input = self->names;
    proto.n_output = (size_t)node->outputs_count;
    proto.output = self->names + inputs_count;
    proto.name = node->name && *node->name ? node->name : NULL;
    proto.op_type = node->op;
    proto.n_attribute = self->attributes_count;
    proto.attribute = self->pointers;
    return emit(context, &proto, fault);
}

static int
s_emit_plain(const graph_t *graph, const node_t *node, int opset,
             onnx_emit_fn *emit, void *context, fault_t *fault)
{
    size_t count = node->attributes_count + 1;
    size_t names = (size_t)(node->inputs_count + node->outputs_count);
    plain_t plain = {0};
    plain.names = mem_new(names, sizeof *plain.names, fault);
    plain.attributes = mem_new(count, sizeof *plain.attributes, fault);
    plain.pointers = mem_new(count, sizeof *plain.pointers, fault);
    plain.tensors = mem_new(count, sizeof *plain.tensors, fault);
    int result = -1;
    if (plain.names && plain.attributes && plain.pointers && plain.tensors)
        result =
            s_emit_filled(&plain, graph, node, opset, emit, context, fault);
    free(plain.names);
    free(plain.attributes);
    free(plain.pointers);
    free(plain.tensors);
    return result;
}

int
onnx_lower_node(const graph_t *graph, const node_t *node, int opset,
                onnx_emit_fn *emit, void *context, fault_t *fault)
{
    if (onnx_formula_has(node, opset))
        return onnx_formula_emit(graph, node, emit, context, fault);
    return s_emit_plain(graph, node, opset, emit, context, fault);
}
