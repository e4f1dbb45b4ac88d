/* Computing one node on tensors in memory: plain loops for any dtype.
 *
 * Three need it: simplification folds constants, shape inference follows the
 * arithmetic that shapes are made by, and the engine runs here what no
 * float32 kernel of its own fits: integers, booleans, rare operators, odd
 * layouts. Nothing is allocated; a node that shape inference has accepted
 * fails only for numbers that it could not see (an index out of range).
 */
#ifndef CONVOY_COMMON_MODEL_EVAL_H
#define CONVOY_COMMON_MODEL_EVAL_H

#include <stdbool.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/tensor.h"

/* A tensor whose elements belong to somebody else: dense, C order. Where an
 * operator looks at the shape alone (Shape, Size) data may be NULL. */
typedef struct array {
    dtype_t dtype;
    shape_t shape; /* concrete; dims may be 0 */
    void *data;
} array_t;

/* Whether eval_run computes this operator. */
bool eval_knows(const char *op);

/* Whether it looks at the type of its inputs only, not at their elements. */
bool eval_needs_types_only(const char *op);

/* Compute every output that is not NULL. inputs[i] is NULL where an optional
 * input is absent; there are node->inputs_count and node->outputs_count of
 * them. Outputs have the dtypes and shapes that shape inference gave and do
 * not overlap the inputs. -1 with FAULT_INPUT naming the node. */
int eval_run(const node_t *node, const array_t *const *inputs,
             array_t *const *outputs, fault_t *fault);

#endif
