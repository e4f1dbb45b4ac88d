/* Folding: what does not depend on a job is computed once, before the cut.
 *
 * Nodes over constants become constants, and so does the arithmetic around
 * shapes as far as it is the same for every batch.
 */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_FOLD_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_FOLD_H

#include "common/fault.h"
#include "common/model/graph.h"

/* A sorted graph that shape inference accepts in; what is no longer needed is
 * left for graph_prune. */
int simplify_fold(graph_t *graph, fault_t *fault);

#endif
