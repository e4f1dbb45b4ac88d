/* Looking at a graph for formulas. */
#include "common/model/match.h"

#include <math.h>
#include <string.h>

const char *
match_op(const graph_t *graph, int value)
{
    int producer =
        value == GRAPH_NONE ? GRAPH_NONE : graph->values[value].producer;
    return producer == GRAPH_NONE ? "" : graph->nodes[producer].op;
}

int
match_input(const graph_t *graph, int value, int index)
{
    const node_t *node = &graph->nodes[graph->values[value].producer];
    return index < node->inputs_count ? node->inputs[index] : GRAPH_NONE;
}

bool
match_scalar(const graph_t *graph, int value, float *number)
{
    if (value == GRAPH_NONE)
        return false;
    const value_t *v = &graph->values[value];
    /* More axes would give their number to the result. */
    return v->constant && v->dtype == DTYPE_FLOAT32 && v->shape.rank <= 1 &&
           shape_elements(&v->shape) == 1 &&
           graph_read_constant(graph, value, DTYPE_FLOAT32, number, NULL) == 0;
}

bool
match_near(double number, double wanted)
{
    return fabs(number - wanted) <= 1e-5 * fabs(wanted);
}

bool
match_factors(const graph_t *graph, int value, int depth, factors_t *factors)
{
    float number;
    const char *op = match_op(graph, value);
    if (match_scalar(graph, value, &number)) {
        factors->number *= (double)number;
        return true;
    }
    if (depth > 0 && strcmp(op, "Mul") == 0)
        return match_factors(graph, match_input(graph, value, 0), depth - 1,
                             factors) &&
               match_factors(graph, match_input(graph, value, 1), depth - 1,
                             factors);
    if (depth > 0 && strcmp(op, "Div") == 0 &&
        match_scalar(graph, match_input(graph, value, 1), &number) &&
        number != 0) {
        factors->number /= (double)number;
        return match_factors(graph, match_input(graph, value, 0), depth - 1,
                             factors);
    }
    if (value == GRAPH_NONE || factors->count == MATCH_LEAVES_MAX)
        return false;
    factors->leaves[factors->count++] = value;
    return true;
}

bool
match_plus(const graph_t *graph, int value, double wanted, int *other)
{
    float number;
    if (strcmp(match_op(graph, value), "Add") != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (match_scalar(graph, match_input(graph, value, i), &number) &&
            match_near((double)number, wanted)) {
            *other = match_input(graph, value, !i);
            return *other != GRAPH_NONE;
        }
    return false;
}
