/* Transposes that follow each other become one, or none. */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_TRANSPOSE_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_TRANSPOSE_H

#include "common/fault.h"
#include "common/model/graph.h"

/* A sorted graph that shape inference accepts in. One that undoes another
 * becomes an Identity; what is no longer needed is left for graph_prune. */
int simplify_transposes(graph_t *graph, fault_t *fault);

#endif
