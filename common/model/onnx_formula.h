/* Operators that an opset lacks, said as a formula of those it has. Private to
 * the ONNX writer.
 *
 * The formulas are those of PyTorch's exporter, so that other tools (and our
 * own patterns) recognise them.
 */
#ifndef CONVOY_COMMON_MODEL_ONNX_FORMULA_H
#define CONVOY_COMMON_MODEL_ONNX_FORMULA_H

#include <stdbool.h>

#include "onnx.pb-c.h"

#include "common/fault.h"
#include "common/model/graph.h"

/* Called with each NodeProto, borrowed for the call. */
typedef int onnx_emit_fn(void *context, const Onnx__NodeProto *node,
                         fault_t *fault);

/* Whether a node is to be said as a formula at this opset. */
bool onnx_formula_has(const node_t *node, int opset);

/* Emit the formula's nodes; there must be one. */
int onnx_formula_emit(const graph_t *graph, const node_t *node,
                      onnx_emit_fn *emit, void *context, fault_t *fault);

#endif
