/* Recognising layer normalisation. */
#include "common/model/patterns_norm.h"

#include <string.h>

#include "common/model/match.h"

/* What is found on the way from the end of the formula to its x. */
typedef struct norm {
    const value_type_t *types;
    int x;
    int scale, bias; /* constants; bias may be GRAPH_NONE */
    int64_t axes;    /* how many of the last ones */
    float epsilon;
} norm_t;

static bool
s_is_constant(const graph_t *graph, int value)
{
    return value != GRAPH_NONE && graph->values[value].constant != NULL;
}

/* value = op(other, constant), either way round. */
static bool
s_with_constant(const graph_t *graph, int value, const char *op, int *other,
                int *constant)
{
    if (strcmp(match_op(graph, value), op) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (s_is_constant(graph, match_input(graph, value, i))) {
            *constant = match_input(graph, value, i);
            *other = match_input(graph, value, !i);
            return *other != GRAPH_NONE && !s_is_constant(graph, *other);
        }
    return false;
}

/* value = the mean of `of` over its last axes, which are kept. */
static bool
s_is_mean(const graph_t *graph, const norm_t *norm, int value, int *of,
          int64_t *axes)
{
    if (strcmp(match_op(graph, value), "ReduceMean") != 0)
        return false;
    const node_t *node = &graph->nodes[graph->values[value].producer];
    int list = match_input(graph, value, 1);
    int64_t items[TENSOR_RANK_MAX];
    if (node_int(node, "keepdims", 1) == 0 || !s_is_constant(graph, list) ||
        graph->values[list].dtype != DTYPE_INT64)
        return false;
    *of = node->inputs[0];
    int rank = norm->types[*of].shape.rank;
    *axes = shape_elements(&graph->values[list].shape);
    if (*axes < 1 || *axes > rank ||
        graph_read_constant(graph, list, DTYPE_INT64, items, NULL) != 0)
        return false;
    unsigned seen = 0;
    for (int64_t i = 0; i < *axes; i++)
        seen |= 1u << (items[i] < 0 ? -items[i] : rank - items[i]);
    return seen == (2u << *axes) - 2;
}

/* value = x - mean(x) */
static bool
s_is_centred(const graph_t *graph, const norm_t *norm, int value, int *x,
             int64_t *axes)
{
    int of;
    if (strcmp(match_op(graph, value), "Sub") != 0)
        return false;
    *x = match_input(graph, value, 0);
    return *x != GRAPH_NONE &&
           s_is_mean(graph, norm, match_input(graph, value, 1), &of, axes) &&
           of == *x;
}

/* value = d^2: the d. */
static bool
s_is_square(const graph_t *graph, int value, int *d)
{
    float two;
    const char *op = match_op(graph, value);
    if (strcmp(op, "Pow") != 0 && strcmp(op, "Mul") != 0)
        return false;
    *d = match_input(graph, value, 0);
    int other = match_input(graph, value, 1);
    if (*op == 'M')
        return other == *d;
    return match_scalar(graph, other, &two) && two == 2;
}

/* value = sqrt(mean(d^2) + epsilon) of the d that is x - mean(x). */
static bool
s_is_deviation(const graph_t *graph, int value, norm_t *norm)
{
    int sum, variance, constant, square, d, x;
    int64_t axes;
    if (strcmp(match_op(graph, value), "Sqrt") != 0)
        return false;
    sum = match_input(graph, value, 0);
    return s_with_constant(graph, sum, "Add", &variance, &constant) &&
           match_scalar(graph, constant, &norm->epsilon) &&
           s_is_mean(graph, norm, variance, &square, &axes) &&
           axes == norm->axes && s_is_square(graph, square, &d) &&
           s_is_centred(graph, norm, d, &x, &axes) && axes == norm->axes &&
           x == norm->x;
}

/* value = d / deviation, or d * (1 / deviation). */
static bool
s_is_normal(const graph_t *graph, int value, norm_t *norm)
{
    const char *op = match_op(graph, value);
    if (strcmp(op, "Div") == 0)
        return s_is_centred(graph, norm, match_input(graph, value, 0), &norm->x,
                            &norm->axes) &&
               s_is_deviation(graph, match_input(graph, value, 1), norm);
    if (strcmp(op, "Mul") != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        int inverse = match_input(graph, value, i);
        if (strcmp(match_op(graph, inverse), "Reciprocal") == 0 &&
            s_is_centred(graph, norm, match_input(graph, value, !i), &norm->x,
                         &norm->axes))
            return s_is_deviation(graph, match_input(graph, inverse, 0), norm);
    }
    return false;
}

/* A constant is of x's last axes, all of them. */
static bool
s_fits(const graph_t *graph, const norm_t *norm, int constant)
{
    const shape_t *own = &graph->values[constant].shape;
    const shape_t *x = &norm->types[norm->x].shape;
    if (own->rank != norm->axes)
        return false;
    for (int i = 0; i < own->rank; i++)
        if (own->dims[i] != x->dims[x->rank - own->rank + i])
            return false;
    return true;
}

/* value = normal * scale (+ bias) */
static bool
s_is_norm(const graph_t *graph, int value, norm_t *norm)
{
    int scaled = value, normal;
    norm->bias = GRAPH_NONE;
    if (s_with_constant(graph, value, "Add", &scaled, &norm->bias))
        value = scaled;
    return s_with_constant(graph, value, "Mul", &normal, &norm->scale) &&
           s_is_normal(graph, normal, norm) &&
           s_fits(graph, norm, norm->scale) &&
           (norm->bias == GRAPH_NONE || s_fits(graph, norm, norm->bias));
}

int
patterns_fuse_norm(graph_t *graph, const value_type_t *types, int index,
                   fault_t *fault)
{
    norm_t norm = {.types = types};
    const node_t *node = &graph->nodes[index];
    if ((strcmp(node->op, "Add") != 0 && strcmp(node->op, "Mul") != 0) ||
        !s_is_norm(graph, node->outputs[0], &norm))
        return 0;
    const int inputs[] = {norm.x, norm.scale, norm.bias};
    int count = norm.bias == GRAPH_NONE ? 2 : 3;
    if (graph_rewrite_node(graph, index, "LayerNormalization", inputs, count,
                           fault) != 0 ||
        graph_set_int(graph, index, "axis", -norm.axes, fault) != 0 ||
        graph_set_float(graph, index, "epsilon", norm.epsilon, fault) != 0)
        return -1;
    return 1;
}
