/* Folding: what does not depend on a job is computed once, before the cut.
 *
 * Nodes over constants become constants, and so does the arithmetic around
 * shapes as far as it is the same for every batch. A Reshape whose target grows
 * with the batch gets a -1 in its place, an Expand takes the batch from a
 * tensor beside it; so no chain of shapes is left that a cut could go through
 * in what exporters usually write.
 */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_FOLD_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_FOLD_H

#include "common/fault.h"
#include "common/model/graph.h"

/* A sorted graph that shape inference accepts in; what is no longer needed is
 * left for graph_prune, and the order for graph_sort. */
int simplify_fold(graph_t *graph, fault_t *fault);

#endif
