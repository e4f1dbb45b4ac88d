/* What the engine makes of a graph of one input and one output. */
#ifndef CONVOY_TESTS_SUPPORT_OUTCOME_H
#define CONVOY_TESTS_SUPPORT_OUTCOME_H

#include "tests/support/networks.h"

enum { OUTCOME_BATCH = 3 };

typedef struct outcome {
    network_t network;
    float *x, *y;   /* OUTCOME_BATCH samples each */
    size_t in, out; /* floats of a sample */
    int batch_max;  /* OUTCOME_BATCH, or 1 where samples are mixed */
} outcome_t;

/* An empty graph with the input x, whose value is returned; dims[0] is
 * DIM_BATCH. */
int outcome_begin(outcome_t *self, uint64_t seed, int rank,
                  const int64_t *dims);

/* Run the batch on normal numbers, twice: the second run must not ask for
 * memory. A failure fails the running test. */
void outcome_run(outcome_t *self, int output);

/* All elements of a constant as float32; free them. */
float *outcome_constant(const outcome_t *self, int value);

void outcome_end(outcome_t *self);

#endif
