/* A graph laid out for running: operands, steps, and where everything lies.
 *
 *   plan_init   shapes, steps, checks, fusion, the arena's layout; reads no
 *               weights and allocates little
 *   plan_load   weights read and packed, the arena allocated
 *
 * The arena: each operand that is computed has a place from the step that
 * makes it to the last step that reads it; places of operands that are never
 * alive together may overlap. Operands that share bytes (share.h) have one
 * place together.
 */
#ifndef CONVOY_WORKER_ENGINE_PLAN_H
#define CONVOY_WORKER_ENGINE_PLAN_H

#include "worker/engine/op.h"

typedef struct plan {
    operand_t *operands; /* one a graph value */
    size_t operands_count;
    step_t *steps;
    size_t steps_count;
    operand_t **pointers; /* all the steps' inputs and outputs */

    operand_t *inputs[TENSORS_MAX];
    int inputs_count;
    operand_t *outputs[TENSORS_MAX];
    int outputs_count;

    bool batchable;
    size_t batch_max;
    double flop; /* of one sample */

    size_t *offsets; /* of operands in the arena; PLAN_NO_PLACE without one */
    size_t arena_bytes;
    char *arena;
    size_t weights_bytes;  /* after plan_load; before it, about that */
    size_t scratch_floats; /* a thread, after plan_load */
} plan_t;

#define PLAN_NO_PLACE ((size_t)-1)

/* Lay out a sorted graph for at most batch_max samples a run (1 where the
 * graph is not batchable). On failure the plan is empty. */
int plan_init(plan_t *self, const graph_t *graph, int batch_max,
              fault_t *fault);

/* Read and pack the weights of the same graph, allocate the arena. */
int plan_load(plan_t *self, const graph_t *graph, int threads, fault_t *fault);

void plan_release(plan_t *self);

/* Forget the steps that have lost their op. */
void plan_close_gaps(plan_t *self);

#endif
