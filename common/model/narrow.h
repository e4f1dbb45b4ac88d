/* Boundaries in float16: half the bytes between the parts.
 *
 *   part 0  ... -> y -> Cast -> y.half |  y.half -> Cast -> y.wide  part 1
 *
 * Only float32 tensors, and only between parts: what client and network give
 * each other stays as it is. A tensor that a part only passes on stays half.
 */
#ifndef CONVOY_COMMON_MODEL_NARROW_H
#define CONVOY_COMMON_MODEL_NARROW_H

#include "common/fault.h"
#include "common/model/graph.h"

/* The graph is cut into `parts` and stays so; its order is topological again
 * afterwards. */
int narrow_boundaries(graph_t *graph, int parts, fault_t *fault);

#endif
