/* Nodes of the graph as NodeProtos of an older opset. Private to the ONNX
 * writer. */
#ifndef CONVOY_COMMON_MODEL_ONNX_LOWER_H
#define CONVOY_COMMON_MODEL_ONNX_LOWER_H

#include "onnx.pb-c.h"

#include "common/fault.h"
#include "common/model/graph.h"

/* Called with each NodeProto, borrowed for the call. */
typedef int onnx_emit_fn(void *context, const Onnx__NodeProto *node,
                         fault_t *fault);

/* 17, or 21 where a node has no expression in 17. */
int onnx_lower_opset(const graph_t *graph);

/* Emit one node at that opset, as it is or as its decomposition. */
int onnx_lower_node(const graph_t *graph, const node_t *node, int opset,
                    onnx_emit_fn *emit, void *context, fault_t *fault);

#endif
