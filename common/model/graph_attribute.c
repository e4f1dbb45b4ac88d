/* The attributes of a graph's nodes. */
#include "common/model/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static void
s_release(attribute_t *attribute)
{
    free(attribute->name);
    free(attribute->text);
    free(attribute->ints);
    free(attribute->floats);
    tensor_release(&attribute->tensor);
}

void
graph_attributes_release(node_t *node)
{
    for (size_t i = 0; i < node->attributes_count; i++)
        s_release(&node->attributes[i]);
    free(node->attributes);
    node->attributes = NULL;
    node->attributes_count = 0;
}

void
graph_node_release(node_t *node)
{
    graph_attributes_release(node);
    free(node->inputs);
    free(node->outputs);
    free(node->name);
    free(node->op);
}

const attribute_t *
node_attribute(const node_t *node, const char *name)
{
    for (size_t i = 0; i < node->attributes_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

/* Put a filled-in attribute in place; takes it over, also on failure. */
static int
s_put(graph_t *self, int index, attribute_t *attribute, const char *name,
      fault_t *fault)
{
    node_t *node = &self->nodes[index];
    attribute->name = mem_text(name, strlen(name), fault);
    if (!attribute->name) {
        s_release(attribute);
        return -1;
    }
    attribute_t *old = (attribute_t *)node_attribute(node, name);
    if (old) {
        s_release(old);
        *old = *attribute;
        return 0;
    }
    attribute_t *grown = NULL;
    if (node->attributes_count < GRAPH_ATTRIBUTES_MAX)
        grown = realloc(node->attributes,
                        (node->attributes_count + 1) * sizeof *grown);
    if (!grown) {
        s_release(attribute);
        return fault_set(fault, FAULT_INPUT,
                         "node '%.60s' (%.40s) has more than %d attributes",
                         node->name, node->op, GRAPH_ATTRIBUTES_MAX);
    }
    node->attributes = grown;
    node->attributes[node->attributes_count++] = *attribute;
    return 0;
}

int
graph_set_int(graph_t *self, int node, const char *name, int64_t value,
              fault_t *fault)
{
    attribute_t attribute = {.kind = ATTRIBUTE_INT, .i = value};
    return s_put(self, node, &attribute, name, fault);
}

int
graph_set_float(graph_t *self, int node, const char *name, float value,
                fault_t *fault)
{
    attribute_t attribute = {.kind = ATTRIBUTE_FLOAT, .f = value};
    return s_put(self, node, &attribute, name, fault);
}

int
graph_set_ints(graph_t *self, int node, const char *name, const int64_t *values,
               size_t count, fault_t *fault)
{
    attribute_t attribute = {.kind = ATTRIBUTE_INTS, .count = count};
    attribute.ints = mem_new(count, sizeof *values, fault);
    if (!attribute.ints)
        return -1;
    if (count)
        memcpy(attribute.ints, values, count * sizeof *values);
    return s_put(self, node, &attribute, name, fault);
}

int
graph_set_floats(graph_t *self, int node, const char *name, const float *values,
                 size_t count, fault_t *fault)
{
    attribute_t attribute = {.kind = ATTRIBUTE_FLOATS, .count = count};
    attribute.floats = mem_new(count, sizeof *values, fault);
    if (!attribute.floats)
        return -1;
    if (count)
        memcpy(attribute.floats, values, count * sizeof *values);
    return s_put(self, node, &attribute, name, fault);
}

int
graph_set_text(graph_t *self, int node, const char *name, const char *value,
               fault_t *fault)
{
    attribute_t attribute = {.kind = ATTRIBUTE_TEXT};
    attribute.text = mem_text(value, strlen(value), fault);
    if (!attribute.text)
        return -1;
    return s_put(self, node, &attribute, name, fault);
}

int
graph_set_tensor(graph_t *self, int node, const char *name,
                 const tensor_t *value, fault_t *fault)
{
    attribute_t attribute = {.kind = ATTRIBUTE_TENSOR};
    if (tensor_init(&attribute.tensor, value->dtype, &value->shape, fault) != 0)
        return -1;
    if (value->bytes)
        memcpy(attribute.tensor.data, value->data, value->bytes);
    return s_put(self, node, &attribute, name, fault);
}

void
graph_drop_attribute(graph_t *self, int index, const char *name)
{
    node_t *node = &self->nodes[index];
    attribute_t *found = (attribute_t *)node_attribute(node, name);
    if (!found)
        return;
    s_release(found);
    size_t behind = (size_t)(node->attributes + node->attributes_count - found);
    memmove(found, found + 1, (behind - 1) * sizeof *found);
    node->attributes_count--;
}

static int
s_copy(graph_t *self, int node, const attribute_t *from, fault_t *fault)
{
    switch (from->kind) {
    case ATTRIBUTE_INT:
        return graph_set_int(self, node, from->name, from->i, fault);
    case ATTRIBUTE_FLOAT:
        return graph_set_float(self, node, from->name, from->f, fault);
    case ATTRIBUTE_TEXT:
        return graph_set_text(self, node, from->name, from->text, fault);
    case ATTRIBUTE_TENSOR:
        return graph_set_tensor(self, node, from->name, &from->tensor, fault);
    case ATTRIBUTE_FLOATS:
        return graph_set_floats(self, node, from->name, from->floats,
                                from->count, fault);
    case ATTRIBUTE_INTS:
        return graph_set_ints(self, node, from->name, from->ints, from->count,
                              fault);
    }
    assert(!"an attribute of a known kind");
    return -1;
}

int
graph_copy_attributes(graph_t *self, int node, const node_t *from,
                      fault_t *fault)
{
    for (size_t i = 0; i < from->attributes_count; i++)
        if (s_copy(self, node, &from->attributes[i], fault) != 0)
            return -1;
    return 0;
}

int64_t
node_int(const node_t *node, const char *name, int64_t absent)
{
    const attribute_t *found = node_attribute(node, name);
    return found && found->kind == ATTRIBUTE_INT ? found->i : absent;
}

float
node_float(const node_t *node, const char *name, float absent)
{
    const attribute_t *found = node_attribute(node, name);
    return found && found->kind == ATTRIBUTE_FLOAT ? found->f : absent;
}

const char *
node_text(const node_t *node, const char *name, const char *absent)
{
    const attribute_t *found = node_attribute(node, name);
    return found && found->kind == ATTRIBUTE_TEXT ? found->text : absent;
}
