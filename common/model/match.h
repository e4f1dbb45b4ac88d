/* Looking at a graph for formulas: values by the node that makes them. */
#ifndef CONVOY_COMMON_MODEL_MATCH_H
#define CONVOY_COMMON_MODEL_MATCH_H

#include <stdbool.h>

#include "common/model/graph.h"

/* The op of the node that makes a value; "" for inputs, constants and
 * GRAPH_NONE. */
const char *match_op(const graph_t *graph, int value);

/* Input `index` of the node that makes a value, or GRAPH_NONE. */
int match_input(const graph_t *graph, int value, int index);

/* Whether a value is a constant float32 of one element on at most one axis,
 * and which. */
bool match_scalar(const graph_t *graph, int value, float *number);

/* Equal to five digits, as float32 constants of a formula are. */
bool match_near(double number, double wanted);

enum { MATCH_LEAVES_MAX = 4 };

/* A product written as any tree of Mul and Div by numbers: its number and its
 * tensors. */
typedef struct factors {
    double number;
    int leaves[MATCH_LEAVES_MAX];
    int count;
} factors_t;

/* Multiply what a value is the product of into factors (number 1 at first),
 * looking at most `depth` nodes deep. False where it has too many tensors. */
bool match_factors(const graph_t *graph, int value, int depth,
                   factors_t *factors);

/* value = wanted + other, either way round: the other one. */
bool match_plus(const graph_t *graph, int value, double wanted, int *other);

#endif
