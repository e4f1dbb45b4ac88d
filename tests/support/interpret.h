/* A whole graph computed node by node for a batch at once, by plain loops and
 * with memory for every value: what the engine's plans are held against. */
#ifndef CONVOY_TESTS_SUPPORT_INTERPRET_H
#define CONVOY_TESTS_SUPPORT_INTERPRET_H

#include "common/model/graph.h"
#include "common/model/shape.h"

/* Arrays beside the graph's values. */
typedef struct interpreted {
    size_t count;
    value_type_t *types;
    void **data;
} interpreted_t;

/* Compute every value of a sorted graph from the elements of its inputs, batch
 * samples each. Knows what common/model/eval knows, and Gemm with transposed
 * weights and a bias. A failure fails the running test. */
void interpret(interpreted_t *self, const graph_t *graph, int64_t batch,
               const float *const *inputs);

void interpret_end(interpreted_t *self);

#endif
