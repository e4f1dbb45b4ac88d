/* ONNX files: the walk, protobuf-c behind it, the graph, shape inference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/onnx.h"
#include "common/model/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    void *copy = malloc(size ? size : 1);
    if (size)
        memcpy(copy, bytes, size);
    blob_t *file = blob_take(copy, size, &fault);
    onnx_model_t *model = onnx_read(file, &fault);
    if (!model && fault.code == FAULT_NONE)
        abort();
    if (model)
        free(shape_types_new(model->graph, 1, &fault));
    onnx_destroy(&model);
    blob_release(&file);
    return 0;
}
