/* Graphs of older opsets in the semantics of the newest. Private to the ONNX
 * reader.
 *
 * Source: onnx/defs/.../old.cc of ONNX, "Operator Schemas" and Changelog.
 */
#ifndef CONVOY_COMMON_MODEL_ONNX_RAISE_H
#define CONVOY_COMMON_MODEL_ONNX_RAISE_H

#include <stdint.h>

#include "common/fault.h"
#include "common/model/graph.h"

/* Raise a sorted graph whose nodes are as the file has them; it is sorted
 * again. -1 with FAULT_INPUT naming a node that cannot be raised. */
int onnx_raise_graph(graph_t *graph, int64_t opset, fault_t *fault);

/* The second half, for nodes whose meaning depended on the shape or the type
 * of what they read. */
int onnx_raise_typed(graph_t *graph, int64_t opset, fault_t *fault);

#endif
