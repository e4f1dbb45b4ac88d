/* Batch norms melt into their neighbours: y = s * x + t, a channel. */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_NORM_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_NORM_H

#include "common/fault.h"
#include "common/model/graph.h"

/* Of a sorted graph; afterwards it wants pruning. All sums are in double. */
int simplify_norms(graph_t *graph, fault_t *fault);

#endif
