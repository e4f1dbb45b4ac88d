/* Nodes of the skeleton become nodes of the graph. */
#include "common/model/onnx_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/onnx_schema.h"

bool
onnx_nodes_is_default_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

/* What messages call a node: by its name, or by the first tensor it makes. */
static const char *
s_node_name(const Onnx__NodeProto *proto)
{
    if (proto->name && *proto->name)
        return proto->name;
    for (size_t i = 0; i < proto->n_output; i++)
        if (*proto->output[i])
            return proto->output[i];
    return "";
}

int
onnx_nodes_name(const onnx_reader_t *self, size_t index, fault_t *fault)
{
    const Onnx__NodeProto *proto = self->proto->node[index];
    const char *op = proto->op_type ? proto->op_type : "";
    const char *name = s_node_name(proto);
    if (*name)
        return fault_prefix(fault, "node '%.60s' (%.40s)", name, op);
    return fault_prefix(fault, "node %zu (%.40s)", index, op);
}

/* The value of a name, made where it is not known yet. */
static int
s_require(onnx_reader_t *self, const char *name, fault_t *fault)
{
    int value = graph_find(self->graph, name);
    if (value != GRAPH_NONE)
        return value;
    return graph_add_value(self->graph, name, DTYPE_NONE, NULL, fault);
}

/* Indices of names into to[]; "" is an absent one. */
static int
s_require_all(onnx_reader_t *self, char *const *names, size_t count, int *to,
              fault_t *fault)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = *names[i] ? s_require(self, names[i], fault) : GRAPH_NONE;
        if (*names[i] && to[i] < 0)
            return -1;
    }
    return 0;
}

static int
s_set_text(onnx_reader_t *self, int node, const Onnx__AttributeProto *proto,
           fault_t *fault)
{
    char *text = mem_text((const char *)proto->s.data, proto->s.len, fault);
    if (!text)
        return -1;
    int result = graph_set_text(self->graph, node, proto->name, text, fault);
    free(text);
    return result;
}

static int
s_set_tensor(onnx_reader_t *self, int node, const Onnx__AttributeProto *proto,
             fault_t *fault)
{
    tensor_t tensor;
    if (!proto->t)
        return fault_set(fault, FAULT_INPUT, "attribute %s has no tensor",
                         proto->name);
    if (onnx_read_tensor(&tensor, proto->t, proto->name, &self->source, fault))
        return -1;
    int result =
        graph_set_tensor(self->graph, node, proto->name, &tensor, fault);
    tensor_release(&tensor);
    return result;
}

/* Of the type that onnx_schema_check found it to be. */
static int
s_set_attribute(onnx_reader_t *self, int node,
                const Onnx__AttributeProto *proto, fault_t *fault)
{
    const char *op = self->graph->nodes[node].op;
    switch (onnx_schema_type(op, self->opset, proto->name)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return graph_set_int(self->graph, node, proto->name, proto->i, fault);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return graph_set_float(self->graph, node, proto->name, proto->f, fault);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        return s_set_text(self, node, proto, fault);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return s_set_tensor(self, node, proto, fault);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return graph_set_floats(self->graph, node, proto->name, proto->floats,
                                proto->n_floats, fault);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return graph_set_ints(self->graph, node, proto->name, proto->ints,
                              proto->n_ints, fault);
    default:
        return fault_set(fault, FAULT_INPUT,
                         "its attribute %s has a type that is not read",
                         proto->name);
    }
}

/* What every node must have before anything else looks at it. */
static int
s_check_node(const Onnx__NodeProto *proto, int64_t opset, fault_t *fault)
{
    if (!onnx_nodes_is_default_domain(proto->domain))
        return fault_set(fault, FAULT_INPUT,
                         "the operator is of domain %.60s, only ONNX's own are "
                         "read",
                         proto->domain);
    if (proto->n_input > GRAPH_NODE_INPUTS_MAX ||
        proto->n_output > GRAPH_NODE_INPUTS_MAX ||
        proto->n_attribute > GRAPH_ATTRIBUTES_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "%zu inputs, %zu outputs, %zu attributes are too many",
                         proto->n_input, proto->n_output, proto->n_attribute);
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = proto->attribute[i];
        if (!attribute->name || !*attribute->name)
            return fault_set(fault, FAULT_INPUT, "an attribute without a name");
        if (attribute->ref_attr_name)
            return fault_set(fault, FAULT_INPUT,
                             "its attribute %.60s belongs to a function",
                             attribute->name);
    }
    return onnx_schema_check(proto, opset, fault);
}

/* All of them, before anything is made of one. */
int
onnx_nodes_check(const onnx_reader_t *self, fault_t *fault)
{
    for (size_t i = 0; i < self->proto->n_node; i++) {
        const Onnx__NodeProto *proto = self->proto->node[i];
        int result = proto->op_type && *proto->op_type
                         ? s_check_node(proto, self->opset, fault)
                         : fault_set(fault, FAULT_INPUT, "it has no operator");
        if (result)
            return onnx_nodes_name(self, i, fault);
    }
    return 0;
}

/* The value of a Constant that is told as numbers. */
static int
s_add_numbers(graph_t *graph, const char *name,
              const Onnx__AttributeProto *value, fault_t *fault)
{
    const struct {
        const char *name;
        dtype_t dtype;
        shape_t shape;
        const void *elements;
    } rows[] = {
        {"value_float", DTYPE_FLOAT32, {.rank = 0}, &value->f},
        {"value_int", DTYPE_INT64, {.rank = 0}, &value->i},
        {"value_floats",
         DTYPE_FLOAT32,
         {1, {(int64_t)value->n_floats}},
         value->floats},
        {"value_ints", DTYPE_INT64, {1, {(int64_t)value->n_ints}}, value->ints},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, value->name) == 0)
            return graph_add_elements(graph, name, rows[i].dtype,
                                      &rows[i].shape, rows[i].elements, fault);
    return fault_set(fault, FAULT_INPUT, "its %s is not read", value->name);
}

/* A Constant node is a constant, not a node. 0 if it is none of those that can
 * be read so, 1 if it was, -1 with a fault. */
static int
s_read_constant(onnx_reader_t *self, const Onnx__NodeProto *proto,
                fault_t *fault)
{
    if (strcmp(proto->op_type, "Constant") != 0)
        return 0;
    if (proto->n_output != 1 || proto->n_attribute != 1)
        return fault_set(fault, FAULT_INPUT, "a Constant without one value");
    const Onnx__AttributeProto *value = proto->attribute[0];
    const char *name = proto->output[0];
    int added = value->t && strcmp(value->name, "value") == 0
                    ? onnx_add_constant(self->graph, value->t, name,
                                        &self->source, fault)
                    : s_add_numbers(self->graph, name, value, fault);
    return added < 0 ? -1 : 1;
}

static int
s_add_node(onnx_reader_t *self, const Onnx__NodeProto *proto, fault_t *fault)
{
    int *outputs = self->inputs + GRAPH_NODE_INPUTS_MAX;
    if (s_require_all(self, proto->input, proto->n_input, self->inputs,
                      fault) ||
        s_require_all(self, proto->output, proto->n_output, outputs, fault))
        return -1;
    for (size_t i = 0; i < proto->n_output; i++) /* so far, ends alone are */
        if (outputs[i] != GRAPH_NONE && self->graph->values[outputs[i]].shaped)
            return fault_set(fault, FAULT_INPUT,
                             "it makes the tensor '%.80s', which is there",
                             proto->output[i]);
    int node = graph_add_node(self->graph, proto->op_type, s_node_name(proto),
                              self->inputs, (int)proto->n_input, outputs,
                              (int)proto->n_output, fault);
    for (size_t i = 0; node >= 0 && i < proto->n_attribute; i++)
        if (s_set_attribute(self, node, proto->attribute[i], fault))
            return -1;
    return node < 0 ? -1 : 0;
}

int
onnx_nodes_read(onnx_reader_t *self, fault_t *fault)
{
    for (size_t i = 0; i < self->proto->n_node; i++) {
        const Onnx__NodeProto *proto = self->proto->node[i];
        int result = s_read_constant(self, proto, fault);
        if (result == 0)
            result = s_add_node(self, proto, fault);
        if (result < 0)
            return onnx_nodes_name(self, i, fault);
    }
    return 0;
}
