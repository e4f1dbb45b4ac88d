/* Formulas and the operators they stand for. */
#include "common/model/patterns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float root_2 = 1.41421356237309505f;
static const float root_2_by_pi = 0.797884560802865356f;
static const float cubic = 0.044715f;

enum { LEAVES_MAX = 4, PRODUCT_DEPTH_MAX = 4 };

/* --- looking at a graph --- */

/* A node's op by the value it makes, "" for inputs and constants. */
static const char *
s_op(const graph_t *graph, int value)
{
    int producer =
        value == GRAPH_NONE ? GRAPH_NONE : graph->values[value].producer;
    return producer == GRAPH_NONE ? "" : graph->nodes[producer].op;
}

static int
s_input(const graph_t *graph, int value, int index)
{
    const node_t *node = &graph->nodes[graph->values[value].producer];
    return index < node->inputs_count ? node->inputs[index] : GRAPH_NONE;
}

static bool
s_scalar(const graph_t *graph, int value, float *number)
{
    if (value == GRAPH_NONE)
        return false;
    const value_t *v = &graph->values[value];
    return v->constant && v->dtype == DTYPE_FLOAT32 &&
           shape_elements(&v->shape) == 1 &&
           graph_read_constant(graph, value, DTYPE_FLOAT32, number, NULL) == 0;
}

static bool
s_near(double number, double wanted)
{
    return fabs(number - wanted) <= 1e-5 * fabs(wanted);
}

/* A product written as any tree of Mul and Div by numbers: its number and its
 * tensors. */
typedef struct factors {
    double number;
    int leaves[LEAVES_MAX];
    int count;
} factors_t;

static bool
s_factors(const graph_t *graph, int value, int depth, factors_t *factors)
{
    float number;
    const char *op = s_op(graph, value);
    if (s_scalar(graph, value, &number)) {
        factors->number *= (double)number;
        return true;
    }
    if (depth > 0 && strcmp(op, "Mul") == 0)
        return s_factors(graph, s_input(graph, value, 0), depth - 1, factors) &&
               s_factors(graph, s_input(graph, value, 1), depth - 1, factors);
    if (depth > 0 && strcmp(op, "Div") == 0 &&
        s_scalar(graph, s_input(graph, value, 1), &number) && number != 0) {
        factors->number /= (double)number;
        return s_factors(graph, s_input(graph, value, 0), depth - 1, factors);
    }
    if (value == GRAPH_NONE || factors->count == LEAVES_MAX)
        return false;
    factors->leaves[factors->count++] = value;
    return true;
}

/* value = number + other: the other one. */
static bool
s_plus(const graph_t *graph, int value, double wanted, int *other)
{
    float number;
    if (strcmp(s_op(graph, value), "Add") != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (s_scalar(graph, s_input(graph, value, i), &number) &&
            s_near((double)number, wanted)) {
            *other = s_input(graph, value, !i);
            return *other != GRAPH_NONE;
        }
    return false;
}

/* --- recognising --- */

/* value = erf(x / sqrt 2) */
static bool
s_is_erf(const graph_t *graph, int value, int x)
{
    factors_t inner = {.number = 1};
    return strcmp(s_op(graph, value), "Erf") == 0 &&
           s_factors(graph, s_input(graph, value, 0), 2, &inner) &&
           inner.count == 1 && inner.leaves[0] == x &&
           s_near(inner.number, 1 / (double)root_2);
}

static bool
s_is_cube(const graph_t *graph, int value, int x)
{
    factors_t term = {.number = 1};
    float three;
    if (!s_factors(graph, value, PRODUCT_DEPTH_MAX, &term) ||
        !s_near(term.number, (double)cubic))
        return false;
    if (term.count == 3)
        return term.leaves[0] == x && term.leaves[1] == x &&
               term.leaves[2] == x;
    return term.count == 1 && strcmp(s_op(graph, term.leaves[0]), "Pow") == 0 &&
           s_input(graph, term.leaves[0], 0) == x &&
           s_scalar(graph, s_input(graph, term.leaves[0], 1), &three) &&
           three == 3;
}

/* value = tanh(sqrt(2 / pi) (x + 0.044715 x^3)) */
static bool
s_is_tanh(const graph_t *graph, int value, int x)
{
    factors_t outer = {.number = 1};
    if (strcmp(s_op(graph, value), "Tanh") != 0 ||
        !s_factors(graph, s_input(graph, value, 0), 1, &outer) ||
        outer.count != 1 || !s_near(outer.number, (double)root_2_by_pi) ||
        strcmp(s_op(graph, outer.leaves[0]), "Add") != 0)
        return false;
    int a = s_input(graph, outer.leaves[0], 0);
    int b = s_input(graph, outer.leaves[0], 1);
    return (a == x && s_is_cube(graph, b, x)) ||
           (b == x && s_is_cube(graph, a, x));
}

/* Turn a node into one of `op` on x, keeping its output and its part. */
static void
s_become(graph_t *graph, int index, char *op, int x)
{
    node_t *node = &graph->nodes[index];
    free(node->op);
    node->op = op;
    node->inputs[0] = x;
    node->inputs_count = 1;
}

static int
s_fuse(graph_t *graph, int index, const char *op, int x, fault_t *fault)
{
    char *copy = strdup(op);
    if (!copy)
        return fault_set(fault, FAULT_MEMORY, "out of memory");
    s_become(graph, index, copy, x);
    return 0;
}

/* Two tensors and a number, either way round. */
static int
s_fuse_pair(graph_t *graph, int index, double number, int x, int gate,
            fault_t *fault)
{
    int inner;
    const char *op = s_op(graph, gate);
    if (number == 1 && strcmp(op, "Sigmoid") == 0 &&
        s_input(graph, gate, 0) == x)
        return s_fuse(graph, index, "Silu", x, fault) == 0 ? 1 : -1;
    if (number == 1 && strcmp(op, "HardSigmoid") == 0 &&
        s_input(graph, gate, 0) == x) {
        const node_t *node = &graph->nodes[graph->values[gate].producer];
        if (s_near((double)node_float(node, "alpha", 0.2f), 1.0 / 6) &&
            s_near((double)node_float(node, "beta", 0.5f), 0.5))
            return s_fuse(graph, index, "HardSwish", x, fault) == 0 ? 1 : -1;
    }
    if (!s_near(number, 0.5) || !s_plus(graph, gate, 1, &inner))
        return 0;
    bool exact = s_is_erf(graph, inner, x);
    if (!exact && !s_is_tanh(graph, inner, x))
        return 0;
    if (graph_set_text(graph, index, "approximate", exact ? "none" : "tanh",
                       fault) != 0)
        return -1;
    return s_fuse(graph, index, "Gelu", x, fault) == 0 ? 1 : -1;
}

/* From the last node on, so that the whole of a formula is seen before its
 * parts; what it no longer needs is pruned. */
int
patterns_fuse(graph_t *graph, fault_t *fault)
{
    for (size_t n = graph->nodes_count; n-- > 0;) {
        const node_t *node = &graph->nodes[n];
        factors_t factors = {.number = 1};
        if (node->removed ||
            (strcmp(node->op, "Mul") != 0 && strcmp(node->op, "Div") != 0) ||
            !s_factors(graph, node->outputs[0], PRODUCT_DEPTH_MAX, &factors) ||
            factors.count != 2)
            continue;
        int done = 0;
        for (int i = 0; i < 2 && done == 0; i++)
            done = s_fuse_pair(graph, (int)n, factors.number, factors.leaves[i],
                               factors.leaves[!i], fault);
        if (done < 0)
            return -1;
    }
    if (graph_prune(graph, fault) != 0)
        return -1;
    return graph_compact(graph, fault);
}

/* --- writing out --- */

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
