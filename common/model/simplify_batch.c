/* Shapes that grow with the batch, where nodes take them. */
#include "common/model/simplify_batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/shape.h"

/* Two odd sizes that no network has as another dimension of its own. */
enum { FEW = 3, MANY = 7 };

typedef struct settling {
    graph_t *graph;
    value_type_t *few, *many; /* of all values there were at first */
    size_t types_count;
    int *uses;    /* of each value */
    int *readers; /* the last node that reads it, or GRAPH_NONE */
    fault_t *fault;
} settling_t;

/* A value that there are types for: none that was added since. */
static bool
s_is_typed(const settling_t *self, int value)
{
    return value != GRAPH_NONE && (size_t)value < self->types_count;
}

/* Axes whose size depends on the batch, as a set. */
static unsigned
s_growing(const settling_t *self, int value)
{
    unsigned axes = 0;
    const shape_t *few = &self->few[value].shape;
    const shape_t *many = &self->many[value].shape;
    for (int i = 0; i < few->rank; i++)
        axes |= (unsigned)(few->dims[i] != many->dims[i]) << i;
    return axes;
}

/* A new constant list of integers. */
static int
s_add_list(settling_t *self, const char *name, const int64_t *items, int count)
{
    const shape_t shape = {1, {count}};
    char *fresh = graph_fresh_name(self->graph, name, "shape", self->fault);
    int value = fresh ? graph_add_elements(self->graph, fresh, DTYPE_INT64,
                                           &shape, items, self->fault)
                      : -1;
    free(fresh);
    return value;
}

/* The target of a reshape with -1 where the batch goes in. */
static int
s_settle_reshape(settling_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    int output = node->outputs[0];
    if (!s_is_typed(self, output))
        return 0;
    unsigned growing = s_growing(self, output);
    shape_t target = self->few[output].shape;
    if (__builtin_popcount(growing) != 1)
        return 0;
    for (int i = 0; i < target.rank; i++) {
        if (growing >> i & 1)
            target.dims[i] = -1;
        else if (target.dims[i] == 0)
            return 0;
    }
    int list = s_add_list(self, self->graph->values[output].name, target.dims,
                          target.rank);
    if (list < 0)
        return -1;
    self->graph->nodes[index].inputs[1] = list;
    return 0;
}

/* A tensor [batch, ...] beside the output of a node in its only reader: it is
 * there when the reader runs, and whatever part that is in. */
static int
s_beside(const settling_t *self, int value)
{
    const graph_t *graph = self->graph;
    int reader = self->readers[value];
    if (reader == GRAPH_NONE || self->uses[value] != 1)
        return GRAPH_NONE;
    const node_t *node = &graph->nodes[reader];
    for (int i = 0; i < node->inputs_count; i++) {
        int other = node->inputs[i];
        if (other == value || !s_is_typed(self, other) ||
            graph->values[other].constant)
            continue;
        const shape_t *few = &self->few[other].shape;
        if (few->rank > 0 && few->dims[0] == FEW && s_growing(self, other) == 1)
            return other;
    }
    return GRAPH_NONE;
}

/* A node with one new output, in the part of `like`. */
static int
s_add_node(settling_t *self, const char *op, const char *name,
           const int *inputs, int count, int part)
{
    graph_t *graph = self->graph;
    char *fresh = graph_fresh_name(graph, name, op, self->fault);
    int value =
        fresh ? graph_add_value(graph, fresh, DTYPE_NONE, NULL, self->fault)
              : -1;
    int node = value < 0 ? -1
                         : graph_add_node(graph, op, fresh, inputs, count,
                                          &value, 1, self->fault);
    free(fresh);
    if (node >= 0)
        graph->nodes[node].part = part;
    return node;
}

/* Concat(Shape(beside)[0:1], rest) as the target of an expand to [batch, rest].
 * Axes that the input has already stay as they are with a 1. */
static int
s_add_target(settling_t *self, int index, int beside, const shape_t *target)
{
    graph_t *graph = self->graph;
    int output = graph->nodes[index].outputs[0];
    int part = graph->nodes[index].part;
    char *name = mem_text(graph->values[output].name,
                          strlen(graph->values[output].name), self->fault);
    if (!name)
        return -1;
    int result = -1;
    int batch = s_add_node(self, "Shape", name, &beside, 1, part);
    if (batch >= 0 &&
        graph_set_int(graph, batch, "start", 0, self->fault) == 0 &&
        graph_set_int(graph, batch, "end", 1, self->fault) == 0) {
        int items[] = {graph->nodes[batch].outputs[0], GRAPH_NONE};
        int count = target->rank > 1 ? 2 : 1;
        if (count == 2)
            items[1] =
                s_add_list(self, name, target->dims + 1, target->rank - 1);
        int whole = count == 2 && items[1] < 0
                        ? -1
                        : s_add_node(self, "Concat", name, items, count, part);
        if (whole >= 0 &&
            graph_set_int(graph, whole, "axis", 0, self->fault) == 0) {
            graph->nodes[index].inputs[1] = graph->nodes[whole].outputs[0];
            result = 0;
        }
    }
    free(name);
    return result;
}

static int
s_settle_expand(settling_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    int input = node->inputs[0], output = node->outputs[0];
    if (!s_is_typed(self, output) || !s_is_typed(self, input))
        return 0;
    shape_t target = self->few[output].shape;
    const shape_t *from = &self->few[input].shape;
    int shift = target.rank - from->rank;
    unsigned growing = s_growing(self, output);
    for (int i = 0; i < target.rank; i++)
        if (i >= shift && from->dims[i - shift] == target.dims[i]) {
            target.dims[i] = 1;
            growing &= ~(1u << i);
        }
    if (growing == 0) {
        int list = s_add_list(self, self->graph->values[output].name,
                              target.dims, target.rank);
        self->graph->nodes[index].inputs[1] = list;
        return list < 0 ? -1 : 0;
    }
    int beside = s_beside(self, output);
    if (growing != 1 || target.dims[0] != FEW || beside == GRAPH_NONE)
        return 0;
    return s_add_target(self, index, beside, &target);
}

/* Nodes whose second input is a shape that is known but grows. */
static int
s_settle(settling_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    if (node->removed || node->inputs_count < 2 ||
        !s_is_typed(self, node->inputs[1]) ||
        !self->many[node->inputs[1]].known ||
        self->graph->values[node->inputs[1]].constant)
        return 0;
    if (strcmp(node->op, "Reshape") == 0)
        return s_settle_reshape(self, index);
    if (strcmp(node->op, "Expand") == 0)
        return s_settle_expand(self, index);
    return 0;
}

static int
s_find_readers(settling_t *self)
{
    const graph_t *graph = self->graph;
    self->uses = graph_count_uses(graph, self->fault);
    self->readers =
        mem_new(graph->values_count, sizeof *self->readers, self->fault);
    if (!self->uses || !self->readers)
        return -1;
    for (size_t v = 0; v < graph->values_count; v++)
        self->readers[v] = GRAPH_NONE;
    for (size_t n = 0; n < graph->nodes_count; n++)
        for (int i = 0; i < graph->nodes[n].inputs_count; i++)
            if (!graph->nodes[n].removed &&
                graph->nodes[n].inputs[i] != GRAPH_NONE)
                self->readers[graph->nodes[n].inputs[i]] = (int)n;
    return 0;
}

int
simplify_batch(graph_t *graph, fault_t *fault)
{
    fault_t ignored; /* a model for a fixed batch has nothing to settle */
    settling_t self = {
        .graph = graph, .types_count = graph->values_count, .fault = fault};
    size_t count = graph->nodes_count;
    self.few = shape_types_new(graph, FEW, &ignored);
    self.many = self.few ? shape_types_new(graph, MANY, &ignored) : NULL;
    int result = self.many ? s_find_readers(&self) : 0;
    for (size_t n = 0; self.many && result == 0 && n < count; n++)
        result = s_settle(&self, (int)n);
    free(self.few);
    free(self.many);
    free(self.uses);
    free(self.readers);
    return result;
}
