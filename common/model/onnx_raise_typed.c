/* Raising, second half: nodes whose meaning depended on the shape or the type
 * of what they read. The graph is walked in order, so that what a node reads is
 * known when its turn comes. */
#include "common/model/onnx_raise.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/shape.h"

enum {
    ADDED_MAX = 4,                 /* values that one node may add */
    EXPANDED_BYTES_MAX = 64 << 20, /* of constants made here, in all */
};

typedef struct raising {
    graph_t *graph;
    value_type_t *types;   /* of one sample */
    value_type_t *another; /* of two; NULL where the graph cannot have two */
    int64_t opset;
    size_t expanded_bytes;
    fault_t *fault;
} raising_t;

typedef int raise_fn(raising_t *self, int node);

static int
s_fault(const raising_t *self, int index, const char *why)
{
    return node_fault(&self->graph->nodes[index], self->fault, "%s", why);
}

static int
s_input(const raising_t *self, int index, int slot)
{
    const node_t *node = &self->graph->nodes[index];
    return slot < node->inputs_count ? node->inputs[slot] : GRAPH_NONE;
}

/* A value beside the node's output; its type is that of nothing yet. */
static int
s_add_value(raising_t *self, int index, const char *suffix)
{
    const graph_t *graph = self->graph;
    const char *base = graph->values[graph->nodes[index].outputs[0]].name;
    char *name = graph_fresh_name(graph, base, suffix, self->fault);
    int value =
        name ? graph_add_value(self->graph, name, DTYPE_NONE, NULL, self->fault)
             : -1;
    free(name);
    return value;
}

/* A constant beside the node's output; takes the blob over. */
static int
s_add_constant(raising_t *self, int index, const char *suffix, dtype_t dtype,
               const shape_t *shape, dtype_t stored, blob_t *blob)
{
    const graph_t *graph = self->graph;
    const char *base = graph->values[graph->nodes[index].outputs[0]].name;
    char *name = graph_fresh_name(graph, base, suffix, self->fault);
    int value = -1;
    if (name && blob)
        value = graph_add_constant(self->graph, name, dtype, shape, stored,
                                   blob, self->fault);
    free(name);
    blob_release(&blob);
    if (value < 0)
        return -1;
    self->types[value] = (value_type_t){.dtype = dtype, .shape = *shape};
    if (self->another)
        self->another[value] = self->types[value];
    return value;
}

/* --- bounds and fillings: numbers of what they bound --- */

static int
s_follow_dtype(raising_t *self, int index)
{
    int x = s_input(self, index, 0);
    dtype_t dtype = x == GRAPH_NONE ? DTYPE_NONE : self->types[x].dtype;
    for (int slot = 1; slot < 3; slot++) {
        int from = s_input(self, index, slot);
        if (from == GRAPH_NONE || dtype == DTYPE_NONE)
            continue;
        const value_t *value = &self->graph->values[from];
        if (!value->constant || value->dtype != DTYPE_FLOAT32 ||
            dtype == DTYPE_FLOAT32)
            continue;
        const shape_t shape = value->shape;
        int to = s_add_constant(self, index, slot == 1 ? "least" : "most",
                                dtype, &shape, value->constant->stored,
                                blob_share(value->constant->blob));
        if (to < 0 ||
            graph_set_input(self->graph, index, slot, to, self->fault))
            return -1;
    }
    return 0;
}

/* --- GroupNormalization: a scale a group, now one a channel --- */

static int
s_spread(raising_t *self, int index, int slot, int64_t groups, int64_t channels)
{
    int from = s_input(self, index, slot);
    const value_t *value =
        from == GRAPH_NONE ? NULL : &self->graph->values[from];
    if (!value || !value->constant || value->shape.rank != 1 ||
        value->shape.dims[0] != groups)
        return s_fault(self, index,
                       "below opset 21 it needs constants, one a group");
    size_t size = dtype_size(value->dtype);
    size_t bytes = (size_t)channels * size;
    self->expanded_bytes += bytes;
    if (self->expanded_bytes > EXPANDED_BYTES_MAX)
        return s_fault(self, index, "too many channels");
    uint8_t *memory = mem_new(1, bytes, self->fault);
    if (!memory)
        return -1;
    size_t each = (size_t)(channels / groups);
    for (int64_t g = groups; g-- > 0;) {
        uint8_t *to = memory + (size_t)g * each * size;
        if (graph_read_elements(self->graph, from, (size_t)g, 1, value->dtype,
                                to, self->fault)) {
            free(memory);
            return -1;
        }
        for (size_t i = 1; i < each; i++)
            memcpy(to + i * size, to, size);
    }
    const shape_t shape = {1, {channels}};
    int spread = s_add_constant(self, index, slot == 1 ? "scale" : "bias",
                                value->dtype, &shape, value->dtype,
                                blob_take(memory, bytes, self->fault));
    return spread < 0
               ? -1
               : graph_set_input(self->graph, index, slot, spread, self->fault);
}

static int
s_raise_group_norm(raising_t *self, int index)
{
    int x = s_input(self, index, 0);
    const shape_t *shape = x == GRAPH_NONE ? NULL : &self->types[x].shape;
    int64_t groups = node_int(&self->graph->nodes[index], "num_groups", 0);
    if (!shape || shape->rank < 2 || groups < 1 || shape->dims[1] < groups ||
        shape->dims[1] % groups != 0 || shape->dims[1] > EXPANDED_BYTES_MAX)
        return s_fault(self, index, "its channels do not fit its groups");
    if (shape->dims[1] == groups)
        return 0;
    return s_spread(self, index, 1, groups, shape->dims[1]) ||
                   s_spread(self, index, 2, groups, shape->dims[1])
               ? -1
               : 0;
}

/* --- Resize 10: the nearest going down is the one above --- */

static int
s_raise_nearest(raising_t *self, int index)
{
    float scales[KNOWN_BYTES_MAX / sizeof(float)];
    bool up = false, down = false;
    int from = s_input(self, index, 2);
    if (strcmp(node_text(&self->graph->nodes[index], "mode", "nearest"),
               "nearest") != 0)
        return 0;
    const value_type_t *type = &self->types[from];
    if (!type->known || type->dtype != DTYPE_FLOAT32)
        return s_fault(self, index, "its scales are not known");
    int64_t count = shape_elements(&type->shape);
    memcpy(scales, type->elements, (size_t)count * sizeof *scales);
    for (int64_t i = 0; i < count; i++) {
        up |= scales[i] > 1;
        down |= scales[i] < 1;
    }
    if (up && down)
        return s_fault(self, index,
                       "opset 10 does not say which place is the "
                       "nearest one, export at 11 or newer");
    return graph_set_text(self->graph, index, "nearest_mode",
                          down ? "ceil" : "floor", self->fault);
}

/* --- softmax: the axis and all behind it were one --- */

/* The new axis where no more than one of those has more than one place, or
 * -1. */
static int
s_single_axis(const shape_t *shape, int axis)
{
    int found = shape->rank - 1;
    int wide = 0;
    for (int i = axis; i < shape->rank; i++)
        if (shape->dims[i] != 1) {
            found = i;
            wide++;
        }
    return wide > 1 ? -1 : found;
}

/* The shape as Reshape's input: where the batch is, what is left. */
static int
s_add_shape(raising_t *self, int index, int x)
{
    const shape_t *shape = &self->types[x].shape;
    const shape_t vector = {1, {shape->rank}};
    int64_t *dims = mem_new((size_t)shape->rank, sizeof *dims, self->fault);
    if (!dims)
        return -1;
    int open = 0;
    for (int i = 0; i < shape->rank; i++) {
        dims[i] = shape->dims[i];
        if (self->another && self->another[x].shape.dims[i] != dims[i]) {
            dims[i] = -1;
            open++;
        }
    }
    if (open > 1) {
        free(dims);
        return s_fault(self, index,
                       "several axes vary, export at opset 13 or newer");
    }
    size_t bytes = (size_t)shape->rank * sizeof *dims;
    return s_add_constant(self, index, "shape", DTYPE_INT64, &vector,
                          DTYPE_INT64, blob_take(dims, bytes, self->fault));
}

/* y = softmax(x) becomes y = reshape(softmax(flatten(x)), shape of x). */
static int
s_flatten_softmax(raising_t *self, int index, int x, int axis)
{
    graph_t *graph = self->graph;
    int y = graph->nodes[index].outputs[0];
    int shape = s_add_shape(self, index, x);
    int flat = shape < 0 ? -1 : s_add_value(self, index, "flat");
    int soft = flat < 0 ? -1 : s_add_value(self, index, "soft");
    if (soft < 0)
        return -1;
    char name[GRAPH_NAME_MAX + 1];
    memcpy(name, graph->nodes[index].name,
           strlen(graph->nodes[index].name) + 1);
    graph_set_output(graph, index, 0, soft);
    const int back[] = {soft, shape};
    int flatten =
        graph_add_node(graph, "Flatten", name, &x, 1, &flat, 1, self->fault);
    if (flatten < 0 ||
        graph_set_int(graph, flatten, "axis", axis, self->fault) ||
        graph_set_input(graph, index, 0, flat, self->fault) ||
        graph_set_int(graph, index, "axis", -1, self->fault))
        return -1;
    return graph_add_node(graph, "Reshape", name, back, 2, &y, 1, self->fault) <
                   0
               ? -1
               : 0;
}

static int
s_raise_softmax(raising_t *self, int index)
{
    int x = s_input(self, index, 0);
    int rank = x == GRAPH_NONE ? 0 : self->types[x].shape.rank;
    int64_t axis = node_int(&self->graph->nodes[index], "axis", 1);
    if (axis < 0)
        axis += rank;
    if (axis < 0 || axis >= rank)
        return s_fault(self, index, "it has no such axis");
    const value_type_t *types = self->another ? self->another : self->types;
    int single = s_single_axis(&types[x].shape, (int)axis);
    if (single >= 0)
        return graph_set_int(self->graph, index, "axis", single, self->fault);
    return s_flatten_softmax(self, index, x, (int)axis);
}

/* --- the walk --- */

typedef struct raise_row {
    const char *op;
    int64_t below;
    raise_fn *before; /* the node's output has a type, or NULL */
    raise_fn *after;
} raise_row_t;

static const raise_row_t rows[] = {
    {"Clip", 11, s_follow_dtype, NULL},
    {"GroupNormalization", 21, s_raise_group_norm, NULL},
    {"LogSoftmax", 13, NULL, s_raise_softmax},
    {"Pad", 11, s_follow_dtype, NULL},
    {"Resize", 11, s_raise_nearest, NULL},
    {"Softmax", 13, NULL, s_raise_softmax},
};

static const raise_row_t *
s_row(const raising_t *self, int index)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (self->opset < rows[i].below &&
            strcmp(rows[i].op, self->graph->nodes[index].op) == 0)
            return &rows[i];
    return NULL;
}

static int
s_raise_node(raising_t *self, int index, bool last)
{
    const node_t *node = &self->graph->nodes[index];
    const raise_row_t *row = s_row(self, index);
    bool made = node->outputs_count > 0 && node->outputs[0] != GRAPH_NONE;
    if (row && made && row->before && row->before(self, index))
        return -1;
    if (last && row && !row->after)
        return 0; /* nobody asks for its type */
    if (shape_infer_node(self->graph, index, self->types, self->fault))
        return -1;
    if (self->another &&
        shape_infer_node(self->graph, index, self->another, NULL)) {
        free(self->another);
        self->another = NULL;
    }
    return row && row->after ? row->after(self, index) : 0;
}

int
onnx_raise_typed(graph_t *graph, int64_t opset, fault_t *fault)
{
    raising_t raising = {.graph = graph, .opset = opset, .fault = fault};
    size_t rooms = graph->values_count, count = 0;
    for (size_t i = 0; i < graph->nodes_count; i++)
        if (s_row(&raising, (int)i)) {
            rooms += ADDED_MAX;
            count = i + 1;
        }
    if (count == 0)
        return 0;
    raising.types = mem_new(rooms, sizeof *raising.types, fault);
    raising.another = mem_new(rooms, sizeof *raising.another, fault);
    int result = -1;
    if (raising.types && raising.another)
        result = shape_infer_start(graph, 1, raising.types, fault) ||
                         shape_infer_start(graph, 2, raising.another, fault)
                     ? -1
                     : 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = s_raise_node(&raising, (int)i, i + 1 == count);
    free(raising.types);
    free(raising.another);
    return result ? -1 : graph_sort(graph, fault);
}
