/* Layer normalisation written as its formula, which exporters did before opset
 * 17:
 *
 *   d = x - mean(x)
 *   y = d / sqrt(mean(d^2) + epsilon) * scale + bias
 *
 * with means over the last axes.
 */
#ifndef CONVOY_COMMON_MODEL_PATTERNS_NORM_H
#define CONVOY_COMMON_MODEL_PATTERNS_NORM_H

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/shape.h"

/* Let a node that is the end of that formula be a LayerNormalization; what it
 * no longer needs is left for graph_prune. types are those of the graph for one
 * sample. 1: it is one now, 0: it is not such an end, -1: fault. */
int patterns_fuse_norm(graph_t *graph, const value_type_t *types, int node,
                       fault_t *fault);

#endif
