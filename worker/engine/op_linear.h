/* Rows times a constant matrix: what fully connected layers share. */
#ifndef CONVOY_WORKER_ENGINE_OP_LINEAR_H
#define CONVOY_WORKER_ENGINE_OP_LINEAR_H

#include "worker/engine/op.h"
#include "worker/kernel/linear.h"

/* The state of such a step. */
typedef struct op_linear {
    linear_shape_t shape;
    bool transposed; /* weights are stored [outs][depth], else [depth][outs] */
    float factor;    /* of the weights */
} op_linear_t;

/* Take over the step: its second input, a constant, are the weights, its first
 * input rows of depth and its output rows of outs, those of all samples one
 * after the other (OP_DENSE). step->bias is the caller's. */
int op_linear_prepare(const build_t *build, step_t *step,
                      const op_linear_t *linear, fault_t *fault);

void op_linear_run(const step_t *step, const run_t *run);

#endif
