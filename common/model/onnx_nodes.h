/* The nodes of an ONNX file's skeleton: held against the table of operators,
 * then added to the graph as they are. Private to the ONNX reader. */
#ifndef CONVOY_COMMON_MODEL_ONNX_NODES_H
#define CONVOY_COMMON_MODEL_ONNX_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/onnx_tensor.h"

/* A file being read. */
typedef struct onnx_reader {
    onnx_source_t source;
    const shape_t *sample; /* without batch axis; NULL: not known */
    const Onnx__GraphProto *proto;
    graph_t *graph; /* with initializers and inputs when nodes are read */
    int64_t opset;
    int *inputs; /* of the node being read, then its outputs */
} onnx_reader_t;

/* Put "node 'NAME' (OP): " in front of a fault, as shape inference says it; a
 * node without a name is called by what it makes, or by its number. -1. */
int onnx_nodes_name(const onnx_reader_t *self, size_t index, fault_t *fault);

/* Whether all of them can be read, before anything is made of one. */
int onnx_nodes_check(const onnx_reader_t *self, fault_t *fault);

/* Add them to the graph; a Constant is a constant there. -1 with FAULT_INPUT
 * naming the node. */
int onnx_nodes_read(onnx_reader_t *self, fault_t *fault);

/* Of a node or an opset: ONNX's own. */
bool onnx_nodes_is_default_domain(const char *domain);

#endif
