/* Nodes of the graph as NodeProtos of an older opset. Private to the ONNX
 * writer. */
#ifndef CONVOY_COMMON_MODEL_ONNX_LOWER_H
#define CONVOY_COMMON_MODEL_ONNX_LOWER_H

#include <stdbool.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/onnx_formula.h"
#include "common/model/shape.h"

/* 17, or 21 where a node has no expression in 17. types (of one sample) may be
 * NULL; then some nodes that have one are not seen to. */
int onnx_lower_opset(const graph_t *graph, const value_type_t *types);

/* Whether that input is an attribute of the node at that opset: its constant
 * need not be there for it. */
bool onnx_lower_takes(const node_t *node, int opset, int slot);

/* Emit one node at that opset, as it is or as its formula. */
int onnx_lower_node(const graph_t *graph, const node_t *node, int opset,
                    onnx_emit_fn *emit, void *context, fault_t *fault);

#endif
