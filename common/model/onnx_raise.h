/* Nodes of older opsets in the semantics of the newest. Private to the ONNX
 * reader. */
#ifndef CONVOY_COMMON_MODEL_ONNX_RAISE_H
#define CONVOY_COMMON_MODEL_ONNX_RAISE_H

#include <stdbool.h>
#include <stdint.h>

#include "onnx.pb-c.h"

#include "common/fault.h"
#include "common/model/graph.h"

/* True if an attribute of this op is something else since: an input, or
 * nothing at all. It is then not an attribute of the node. */
bool onnx_raise_takes(const char *op, int64_t opset, const char *attribute);

/* Add the inputs that were attributes at that opset, as constants of the
 * graph: inputs[] (room for GRAPH_NODE_INPUTS_MAX) and *count grow. */
int onnx_raise_inputs(graph_t *graph, const Onnx__NodeProto *node,
                      int64_t opset, int *inputs, int *count, fault_t *fault);

/* What can only be translated once the graph is there and sorted. */
int onnx_raise_graph(graph_t *graph, int64_t opset, fault_t *fault);

#endif
