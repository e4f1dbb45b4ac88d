/* Decomposed operators and their one-node form.
 *
 * Standard ONNX has no SiLU, and exporters write what their opset lacks as its
 * formula. So does the writer (onnx_formula.h): a part file holds the formula,
 * and whoever loads one calls patterns_fuse, after which the graph may have
 * nodes of
 *
 *   Silu                x * sigmoid(x), which no file ever has
 *   Gelu                as in opset 20: attribute approximate "none" | "tanh"
 *   Mish                as in opset 18: x * tanh(softplus(x))
 *   HardSwish           as in opset 14: x * max(0, min(1, x / 6 + 1 / 2))
 *   LayerNormalization  as in opset 17, see patterns_norm.h
 */
#ifndef CONVOY_COMMON_MODEL_PATTERNS_H
#define CONVOY_COMMON_MODEL_PATTERNS_H

#include "common/fault.h"
#include "common/model/graph.h"

/* A sorted graph in, a sorted and compact graph out. */
int patterns_fuse(graph_t *graph, fault_t *fault);

#endif
