/* One node on its own: shape inference, then eval_run, on tensors from a test.
 *
 * Elements are given and seen as doubles, whatever the dtype.
 */
#ifndef CONVOY_TESTS_SUPPORT_EVALUATION_H
#define CONVOY_TESTS_SUPPORT_EVALUATION_H

#include "common/model/eval.h"
#include "common/model/graph.h"
#include "common/tensor.h"

enum {
    EVALUATION_INPUTS_MAX = 8,
    EVALUATION_OUTPUTS_MAX = 3,
    EVALUATION_ELEMENTS_MAX = 20000,
};

typedef struct evaluation_test {
    graph_t *graph;
    int node;
    int values[EVALUATION_INPUTS_MAX];
    int inputs;
    int outputs[EVALUATION_OUTPUTS_MAX];
    tensor_t x[EVALUATION_INPUTS_MAX], y[EVALUATION_OUTPUTS_MAX];
    fault_t fault;
} evaluation_test_t;

/* Inputs first, then the node; a failure fails the running test. */
void evaluation_begin(evaluation_test_t *self);
void evaluation_end(evaluation_test_t *self);

/* An input of computed elements, `elements` repeated as often as needed. */
void evaluation_input(evaluation_test_t *self, dtype_t dtype, shape_t shape,
                      const double *elements, size_t count);
/* The same as a constant of the graph: axes, bounds. */
void evaluation_constant(evaluation_test_t *self, dtype_t dtype, shape_t shape,
                         const double *elements, size_t count);
/* An optional input left out. */
void evaluation_absent(evaluation_test_t *self);

/* The node of all inputs; set its attributes afterwards in self->graph. */
void evaluation_node(evaluation_test_t *self, const char *op, int outputs);

/* -1 with self->fault where inference or evaluation refuses. */
int evaluation_run(evaluation_test_t *self);

/* Element i of an output. */
double evaluation_element(const evaluation_test_t *self, int output, size_t i);

/* evaluation_run, then its first output is exactly this. */
void evaluation_expect(evaluation_test_t *self, dtype_t dtype, shape_t shape,
                       const double *elements, size_t count);

/* evaluation_run fails with a sentence that contains this; ends the test. */
void evaluation_refused(evaluation_test_t *self, const char *part);

#endif
