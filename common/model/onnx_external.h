/* Weights that an ONNX file keeps in other files of its folder. Private to the
 * ONNX reader.
 *
 * Source: onnx/docs/ExternalData.md. Only its keys are known (location, offset,
 * length; a checksum is not looked at), and a location is a path below the
 * model's folder in the sense of blob_open_below.
 */
#ifndef CONVOY_COMMON_MODEL_ONNX_EXTERNAL_H
#define CONVOY_COMMON_MODEL_ONNX_EXTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"

#include "common/fault.h"
#include "common/model/blob.h"

enum {
    ONNX_EXTERNAL_FILES_MAX = 512, /* each stays open while weights are used */
};

typedef struct onnx_external onnx_external_t;

/* The folder of a model's file, opened. NULL with FAULT_INPUT. */
onnx_external_t *onnx_external_new(const char *model_path, fault_t *fault);
void onnx_external_destroy(onnx_external_t **self);

/* The range that a tensor of so many bytes names. self is NULL for a model
 * that has no folder (it came over the wire): refused. NULL with FAULT_INPUT,
 * not naming the tensor. */
blob_t *onnx_external_open(onnx_external_t *self,
                           const Onnx__TensorProto *proto, uint64_t bytes,
                           fault_t *fault);

#endif
