/* Formulas and the operators they stand for: activations. */
#include "common/model/patterns.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/match.h"
#include "common/model/patterns_norm.h"

static const float root_2 = 1.41421356237309505f;
static const float root_2_by_pi = 0.797884560802865356f;
static const float cubic = 0.044715f;

enum { PRODUCT_DEPTH_MAX = 4 };

/* value = erf(x / sqrt 2) */
static bool
s_is_erf(const graph_t *graph, int value, int x)
{
    factors_t inner = {.number = 1};
    return strcmp(match_op(graph, value), "Erf") == 0 &&
           match_factors(graph, match_input(graph, value, 0), 2, &inner) &&
           inner.count == 1 && inner.leaves[0] == x &&
           match_near(inner.number, 1 / (double)root_2);
}

static bool
s_is_cube(const graph_t *graph, int value, int x)
{
    factors_t term = {.number = 1};
    float three;
    if (!match_factors(graph, value, PRODUCT_DEPTH_MAX, &term) ||
        !match_near(term.number, (double)cubic))
        return false;
    if (term.count == 3)
        return term.leaves[0] == x && term.leaves[1] == x &&
               term.leaves[2] == x;
    return term.count == 1 &&
           strcmp(match_op(graph, term.leaves[0]), "Pow") == 0 &&
           match_input(graph, term.leaves[0], 0) == x &&
           match_scalar(graph, match_input(graph, term.leaves[0], 1), &three) &&
           three == 3;
}

/* value = tanh(sqrt(2 / pi) (x + 0.044715 x^3)) */
static bool
s_is_tanh(const graph_t *graph, int value, int x)
{
    factors_t outer = {.number = 1};
    if (strcmp(match_op(graph, value), "Tanh") != 0 ||
        !match_factors(graph, match_input(graph, value, 0), 1, &outer) ||
        outer.count != 1 || !match_near(outer.number, (double)root_2_by_pi) ||
        strcmp(match_op(graph, outer.leaves[0]), "Add") != 0)
        return false;
    int a = match_input(graph, outer.leaves[0], 0);
    int b = match_input(graph, outer.leaves[0], 1);
    return (a == x && s_is_cube(graph, b, x)) ||
           (b == x && s_is_cube(graph, a, x));
}

/* value = min(max(x + 3, 0), 6) */
static bool
s_is_shifted_relu6(const graph_t *graph, int value, int x)
{
    int inner;
    float low, high;
    return strcmp(match_op(graph, value), "Clip") == 0 &&
           match_scalar(graph, match_input(graph, value, 1), &low) &&
           match_scalar(graph, match_input(graph, value, 2), &high) &&
           low == 0 && high == 6 &&
           match_plus(graph, match_input(graph, value, 0), 3, &inner) &&
           inner == x;
}

/* value = min(max(x / 6 + 1 / 2, 0), 1) */
static bool
s_is_hard_sigmoid(const graph_t *graph, int value, int x)
{
    if (strcmp(match_op(graph, value), "HardSigmoid") != 0 ||
        match_input(graph, value, 0) != x)
        return false;
    const node_t *node = &graph->nodes[graph->values[value].producer];
    return match_near((double)node_float(node, "alpha", 0.2f), 1.0 / 6) &&
           match_near((double)node_float(node, "beta", 0.5f), 0.5);
}

/* value = op(inner(x)), or op(x) where inner is NULL. */
static bool
s_is_of(const graph_t *graph, int value, const char *op, const char *inner,
        int x)
{
    if (strcmp(match_op(graph, value), op) != 0)
        return false;
    value = match_input(graph, value, 0);
    return inner ? s_is_of(graph, value, inner, NULL, x) : value == x;
}

/* The operator that number * x * gate is; NULL if none. */
static const char *
s_gated(const graph_t *graph, double number, int x, int gate,
        const char **approximate)
{
    int inner;
    *approximate = NULL;
    if (number == 1 && s_is_of(graph, gate, "Sigmoid", NULL, x))
        return "Silu";
    if (number == 1 && s_is_of(graph, gate, "Tanh", "Softplus", x))
        return "Mish";
    if (number == 1 && s_is_hard_sigmoid(graph, gate, x))
        return "HardSwish";
    if (match_near(number, 1.0 / 6) && s_is_shifted_relu6(graph, gate, x))
        return "HardSwish";
    if (!match_near(number, 0.5) || !match_plus(graph, gate, 1, &inner))
        return NULL;
    *approximate = s_is_erf(graph, inner, x)    ? "none"
                   : s_is_tanh(graph, inner, x) ? "tanh"
                                                : NULL;
    return *approximate ? "Gelu" : NULL;
}

/* 1: fused; 0: it is none of these; -1: fault. */
static int
s_fuse_gate(graph_t *graph, int index, double number, int x, int gate,
            fault_t *fault)
{
    const char *approximate;
    const char *op = s_gated(graph, number, x, gate, &approximate);
    if (!op)
        return 0;
    if (graph_rewrite_node(graph, index, op, &x, 1, fault) != 0 ||
        (approximate &&
         graph_set_text(graph, index, "approximate", approximate, fault) != 0))
        return -1;
    return 1;
}

/* A product of two tensors and a number, either way round. */
static int
s_fuse_product(graph_t *graph, const value_type_t *types, int index,
               fault_t *fault)
{
    const node_t *node = &graph->nodes[index];
    const shape_t *made = &types[node->outputs[0]].shape;
    factors_t factors = {.number = 1};
    int done = 0;
    if ((strcmp(node->op, "Mul") != 0 && strcmp(node->op, "Div") != 0) ||
        !match_factors(graph, node->outputs[0], PRODUCT_DEPTH_MAX, &factors) ||
        factors.count != 2)
        return 0;
    /* A number of one axis gives that axis to a tensor that has none. */
    for (int i = 0; i < 2 && done == 0; i++)
        if (shape_equal(&types[factors.leaves[i]].shape, made))
            done = s_fuse_gate(graph, index, factors.number, factors.leaves[i],
                               factors.leaves[!i], fault);
    return done;
}

/* From the last node on, so that the whole of a formula is seen before its
 * parts; what it no longer needs is pruned. */
int
patterns_fuse(graph_t *graph, fault_t *fault)
{
    value_type_t *types = shape_types_new(graph, 1, fault);
    if (!types)
        return -1;
    int done = 0;
    for (size_t n = graph->nodes_count; n-- > 0 && done >= 0;) {
        if (graph->nodes[n].removed)
            continue;
        done = s_fuse_product(graph, types, (int)n, fault);
        if (done == 0)
            done = patterns_fuse_norm(graph, types, (int)n, fault);
    }
    free(types);
    if (done < 0 || graph_prune(graph, fault) != 0)
        return -1;
    return graph_compact(graph, fault);
}
