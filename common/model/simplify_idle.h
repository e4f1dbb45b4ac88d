/* Nodes that hand on what they get: a Pad by nothing, a Slice of everything, a
 * Cast to the same type, an Expand or a Reshape to the same shape, a Concat of
 * one. Exporters write them for sizes they do not know.
 */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_IDLE_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_IDLE_H

#include "common/fault.h"
#include "common/model/graph.h"

/* Let them be Identity, in a sorted graph that shape inference accepts. */
int simplify_idle(graph_t *graph, fault_t *fault);

#endif
