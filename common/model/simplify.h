/* Making a graph smaller without changing its numbers: what does not depend on
 * a job is computed, transposes melt, what hands on its input, identities and
 * dropouts go, batch norms go into their neighbours and zeroes around an image
 * into the window behind them, what nobody needs is pruned.
 *
 * Batch norm is y = s * x + t with s and t a channel. It goes into the weights
 * of the convolution or matrix product before it; where an activation stands
 * between, it goes into the next one behind it, if that alone reads it (a shift
 * only where no zero padding would see it); what is left stays a node.
 */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_H

#include "common/fault.h"
#include "common/model/graph.h"

/* A sorted graph that shape inference accepts in, a sorted and compact graph
 * out; inputs, outputs and their names stay. Indices change. */
int simplify_graph(graph_t *graph, fault_t *fault);

#endif
