/* Casts around every boundary. */
#include "common/model/narrow.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/model/shape.h"

typedef struct narrowing {
    graph_t *graph;
    int parts;
    int *last; /* of a value: the last part that needs it, -1: nobody */
    bool *out; /* of a value: an output of the whole */
    fault_t *fault;
} narrowing_t;

static int
s_find_readers(narrowing_t *self)
{
    const graph_t *graph = self->graph;
    self->last = mem_new(graph->values_count, sizeof *self->last, self->fault);
    self->out = mem_new(graph->values_count, sizeof *self->out, self->fault);
    if (!self->last || !self->out)
        return -1;
    for (size_t v = 0; v < graph->values_count; v++)
        self->last[v] = -1;
    for (size_t n = 0; n < graph->nodes_count; n++)
        for (int i = 0; i < graph->nodes[n].inputs_count; i++) {
            int value = graph->nodes[n].inputs[i];
            if (value != GRAPH_NONE && self->last[value] < graph->nodes[n].part)
                self->last[value] = graph->nodes[n].part;
        }
    for (int i = 0; i < graph->outputs_count; i++) {
        self->last[graph->outputs[i]] = self->parts - 1;
        self->out[graph->outputs[i]] = true;
    }
    return 0;
}

static int
s_new_value(narrowing_t *self, int like, const char *suffix, dtype_t dtype)
{
    char *name = graph_fresh_name(self->graph, self->graph->values[like].name,
                                  suffix, self->fault);
    int value =
        name ? graph_add_value(self->graph, name, dtype, NULL, self->fault)
             : -1;
    free(name);
    return value;
}

static int
s_cast(narrowing_t *self, int from, int to, dtype_t dtype, int part)
{
    graph_t *graph = self->graph;
    int node = graph_add_node(graph, "Cast", graph->values[to].name, &from, 1,
                              &to, 1, self->fault);
    if (node < 0)
        return -1;
    graph->nodes[node].part = part;
    return graph_set_int(graph, node, "to", dtype, self->fault);
}

/* Readers in a part read another value; false where there are none. */
static bool
s_reroute(graph_t *graph, int part, int from, int to)
{
    bool read = false;
    for (size_t n = 0; n < graph->nodes_count; n++)
        for (int i = 0; i < graph->nodes[n].inputs_count; i++)
            if (graph->nodes[n].part == part &&
                graph->nodes[n].inputs[i] == from) {
                graph->nodes[n].inputs[i] = to;
                read = true;
            }
    return read;
}

/* An output of the whole keeps its name, so what its part makes gets another
 * one, and the last part makes the output. */
static int
s_give_up_name(narrowing_t *self, int value, int home)
{
    graph_t *graph = self->graph;
    int full = s_new_value(self, value, "full", DTYPE_FLOAT32);
    if (full < 0)
        return -1;
    int producer = graph->values[value].producer;
    for (int i = 0; i < graph->nodes[producer].outputs_count; i++)
        if (graph->nodes[producer].outputs[i] == value)
            graph_set_output(graph, producer, i, full);
    s_reroute(graph, home, value, full);
    return full;
}

/* What a later part reads instead. */
static int
s_widen(narrowing_t *self, int value, int half, int part)
{
    if (self->out[value] && part == self->parts - 1)
        return s_cast(self, half, value, DTYPE_FLOAT32, part);
    int wide = s_new_value(self, value, "wide", DTYPE_FLOAT32);
    if (wide < 0)
        return -1;
    if (!s_reroute(self->graph, part, value, wide))
        return 0; /* it only passes through */
    return s_cast(self, half, wide, DTYPE_FLOAT32, part);
}

static int
s_narrow(narrowing_t *self, int value, int home)
{
    int half = s_new_value(self, value, "half", DTYPE_FLOAT16);
    if (half < 0)
        return -1;
    int full = self->out[value] ? s_give_up_name(self, value, home) : value;
    if (full < 0 || s_cast(self, full, half, DTYPE_FLOAT16, home) != 0)
        return -1;
    for (int part = home + 1; part <= self->last[value]; part++)
        if (s_widen(self, value, half, part) != 0)
            return -1;
    return 0;
}

/* Only what a node makes can be an output under another name. */
static int
s_narrow_all(narrowing_t *self, const value_type_t *types)
{
    graph_t *graph = self->graph;
    size_t count = graph->values_count;
    for (size_t v = 0; v < count; v++) {
        int producer = graph->values[v].producer;
        int home = producer == GRAPH_NONE ? 0 : graph->nodes[producer].part;
        if (graph->values[v].constant || types[v].dtype != DTYPE_FLOAT32 ||
            self->last[v] <= home || (self->out[v] && producer == GRAPH_NONE))
            continue;
        if (s_narrow(self, (int)v, home) != 0)
            return -1;
    }
    return 0;
}

int
narrow_boundaries(graph_t *graph, int parts, fault_t *fault)
{
    narrowing_t narrowing = {.graph = graph, .parts = parts, .fault = fault};
    value_type_t *types = shape_types_new(graph, 1, fault);
    int result = types ? s_find_readers(&narrowing) : -1;
    if (result == 0)
        result = s_narrow_all(&narrowing, types);
    free(types);
    free(narrowing.last);
    free(narrowing.out);
    return result == 0 ? graph_sort(graph, fault) : -1;
}
