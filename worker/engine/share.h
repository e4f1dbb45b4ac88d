/* Which operands of a plan share bytes.
 *
 * Operands that share form a group around its root, the largest of them; each
 * lies in a sample of the root at an offset: a view, what a Split or a Slice
 * hands on, the inputs of a Concat, the output of an element-wise step where
 * its input was, a sum where its residual was. A group has one lifetime, from
 * its first writer to its last reader, and one place. An operand that is
 * smaller than its root has samples that do not lie one after the other: the
 * root's sample is its stride.
 */
#ifndef CONVOY_WORKER_ENGINE_SHARE_H
#define CONVOY_WORKER_ENGINE_SHARE_H

#include "worker/engine/plan.h"

/* Of one operand. */
typedef struct share {
    size_t parent; /* the operand it lies in; a root is its own */
    size_t offset; /* in a sample of the parent, in bytes */

    /* Of a root. Steps count from 1; 0 is before the run, the plan's inputs and
     * outputs live until after the last. */
    size_t first, last;
    bool placed; /* needs a place: is computed or an input */
    bool dense;  /* read or written by a step with OP_DENSE */
} share_t;

/* A share for each operand of the plan, to be freed. */
share_t *shares_new(const plan_t *plan, const graph_t *graph, fault_t *fault);

/* The root that an operand lies in, and where in its sample. */
size_t shares_root(share_t *shares, size_t operand, size_t *offset);

/* Whether a step only puts elements where they are already. */
bool shares_make_idle(const plan_t *plan, const graph_t *graph, share_t *shares,
                      const step_t *step);

#endif
