/* What still depends on the batch, put so that any batch runs and no chain of
 * shapes is left that a cut could go through.
 *
 * A Reshape whose target grows with the batch gets a -1 in its place; an Expand
 * to the batch reads it off a tensor beside its output, in the same part. That
 * is what exporters usually write; other shape arithmetic stays as it is.
 */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_BATCH_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_BATCH_H

#include "common/fault.h"
#include "common/model/graph.h"

/* A sorted, folded graph in; what is no longer needed is left for graph_prune,
 * and the order for graph_sort. */
int simplify_batch(graph_t *graph, fault_t *fault);

#endif
