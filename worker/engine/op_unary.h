/* Functions of one element, also as the end of another step. */
#ifndef CONVOY_WORKER_ENGINE_OP_UNARY_H
#define CONVOY_WORKER_ENGINE_OP_UNARY_H

#include "worker/engine/op.h"

/* What an element-wise node computes; kind NONE for a node of another family.
 * -1 with a fault where its parameters cannot be used. */
int op_unary_activation(const build_t *build, const step_t *step,
                        activation_t *activation, fault_t *fault);

/* "Relu" of ACTIVATION_RELU; of the approximation, its exact sibling. */
const char *op_unary_name(activation_kind_t kind);

#endif
