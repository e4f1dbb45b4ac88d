/* TensorProtos of the skeleton as constants and tensors. Private to the ONNX
 * reader. */
#ifndef CONVOY_COMMON_MODEL_ONNX_TENSOR_H
#define CONVOY_COMMON_MODEL_ONNX_TENSOR_H

#include "onnx.pb-c.h"

#include "common/fault.h"
#include "common/model/blob.h"
#include "common/model/graph.h"
#include "common/model/onnx_external.h"
#include "common/tensor.h"

/* Where elements may be: in the file itself, or (NULL: nowhere else) in the
 * files beside it. */
typedef struct onnx_source {
    blob_t *file;
    onnx_external_t *external;
} onnx_source_t;

/* A dtype Convoy reads, or -1 with a fault naming what has it. */
int onnx_dtype(int32_t data_type, const char *name, dtype_t *dtype,
               fault_t *fault);

/* Add the tensor as a constant: a range of a file, or a copy of typed data.
 * The value's index, or -1. */
int onnx_add_constant(graph_t *graph, const Onnx__TensorProto *proto,
                      const char *name, const onnx_source_t *source,
                      fault_t *fault);

/* Read the tensor into memory (an attribute: ATTRIBUTE_BYTES_MAX at most). */
int onnx_read_tensor(tensor_t *tensor, const Onnx__TensorProto *proto,
                     const char *name, const onnx_source_t *source,
                     fault_t *fault);

#endif
