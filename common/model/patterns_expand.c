/* Operators that no file has, written out as their formulas. */
#include <stdlib.h>
#include <string.h>

#include "common/model/patterns.h"

static const float root_2 = 1.41421356237309505f;
static const float root_2_by_pi = 0.797884560802865356f;
static const float cubic = 0.044715f;

/* The formula of one node, under way. */
typedef struct formula {
    graph_t *graph;
    int node;
    fault_t *fault;
    bool failed;
} formula_t;

static int
s_number(formula_t *self, float number)
{
    if (self->failed)
        return GRAPH_NONE;
    const shape_t scalar = {.rank = 0};
    const node_t *node = &self->graph->nodes[self->node];
    char *name = graph_fresh_name(self->graph,
                                  self->graph->values[node->outputs[0]].name,
                                  "number", self->fault);
    int value = name ? graph_add_elements(self->graph, name, DTYPE_FLOAT32,
                                          &scalar, &number, self->fault)
                     : -1;
    free(name);
    self->failed = value < 0;
    return value;
}

/* op(a, b), or op(a) where b is GRAPH_NONE. */
static int
s_apply(formula_t *self, const char *op, int a, int b)
{
    if (self->failed)
        return GRAPH_NONE;
    graph_t *graph = self->graph;
    int made = graph->nodes[self->node].outputs[0];
    char *name =
        graph_fresh_name(graph, graph->values[made].name, op, self->fault);
    int value =
        name ? graph_add_value(graph, name, DTYPE_NONE, NULL, self->fault) : -1;
    const int inputs[] = {a, b};
    int node = value < 0 ? -1
                         : graph_add_node(graph, op, name, inputs,
                                          b == GRAPH_NONE ? 1 : 2, &value, 1,
                                          self->fault);
    free(name);
    self->failed = node < 0;
    if (!self->failed)
        graph->nodes[node].part = graph->nodes[self->node].part;
    return value;
}

static int
s_silu(formula_t *self, int x)
{
    return s_apply(self, "Mul", x, s_apply(self, "Sigmoid", x, GRAPH_NONE));
}

static int
s_half_of(formula_t *self, int x, int gate)
{
    int sum = s_apply(self, "Add", gate, s_number(self, 1));
    return s_apply(self, "Mul", s_apply(self, "Mul", x, sum),
                   s_number(self, 0.5f));
}

static int
s_gelu_erf(formula_t *self, int x)
{
    int scaled = s_apply(self, "Div", x, s_number(self, root_2));
    return s_half_of(self, x, s_apply(self, "Erf", scaled, GRAPH_NONE));
}

static int
s_gelu_tanh(formula_t *self, int x)
{
    int cube = s_apply(self, "Mul", s_apply(self, "Mul", x, x), x);
    int term = s_apply(self, "Mul", cube, s_number(self, cubic));
    int inner = s_apply(self, "Mul", s_apply(self, "Add", x, term),
                        s_number(self, root_2_by_pi));
    return s_half_of(self, x, s_apply(self, "Tanh", inner, GRAPH_NONE));
}

/* The last node of the formula makes the tensor the operator made. */
static int
s_expand(graph_t *graph, int index, fault_t *fault)
{
    formula_t formula = {.graph = graph, .node = index, .fault = fault};
    const node_t *node = &graph->nodes[index];
    int x = node->inputs[0], made = node->outputs[0], last;
    if (strcmp(node->op, "Silu") == 0)
        last = s_silu(&formula, x);
    else if (strcmp(node_text(node, "approximate", "none"), "tanh") == 0)
        last = s_gelu_tanh(&formula, x);
    else
        last = s_gelu_erf(&formula, x);
    if (formula.failed)
        return -1;
    int maker = graph->values[last].producer;
    graph_remove_node(graph, index);
    graph_set_output(graph, maker, 0, made);
    return 0;
}

int
patterns_expand(graph_t *graph, fault_t *fault)
{
    size_t count = graph->nodes_count;
    for (size_t n = 0; n < count; n++) {
        const node_t *node = &graph->nodes[n];
        if (!node->removed &&
            (strcmp(node->op, "Silu") == 0 || strcmp(node->op, "Gelu") == 0) &&
            s_expand(graph, (int)n, fault) != 0)
            return -1;
    }
    if (graph_prune(graph, fault) != 0)
        return -1;
    return graph_compact(graph, fault);
}
