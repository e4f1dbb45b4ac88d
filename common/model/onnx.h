/* ONNX files: read into a graph, and written from one.
 *
 * Source: onnx.proto of ONNX 1.12 (IR 8; newer fields are skipped) and the
 * operator changes of opsets 7 to 21.
 */
#ifndef CONVOY_COMMON_MODEL_ONNX_H
#define CONVOY_COMMON_MODEL_ONNX_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/model/blob.h"
#include "common/model/graph.h"

enum {
    ONNX_OPSET_MIN = 7,
    ONNX_OPSET_MAX = 21,
    ONNX_PROPERTIES_MAX = 64,
};

/* The property that says "false" where a graph is `direct`: it goes with the
 * file, so that all workers of a part compute alike. */
#define ONNX_PROPERTY_WINOGRAD "convoy.winograd"

/* One of ModelProto.metadata_props. */
typedef struct onnx_property {
    const char *key;
    const char *value;
} onnx_property_t;

typedef struct onnx_model {
    graph_t *graph; /* owned; set it to NULL to keep the graph */
    int64_t opset;  /* as the file had it; the graph's is ONNX_OPSET_MAX */
    int64_t ir;
    char *producer;
    onnx_property_t *properties; /* owned, texts too */
    size_t properties_count;
} onnx_model_t;

/* The graph of an ONNX file in the semantics of ONNX_OPSET_MAX, sorted;
 * constants are ranges of the file, or (onnx_open alone) of files below its
 * folder where it says so. Inputs whose axis 0 has a name or no size
 * have DIM_BATCH there; shapes of other values are left to shape inference.
 * NULL with FAULT_INPUT naming the node, tensor or field (and the path). */
onnx_model_t *onnx_open(const char *path, fault_t *fault);

/* The same for a sample of this shape (no batch axis; rank 0: not known), which
 * says what other axes are that an input leaves open. */
onnx_model_t *onnx_open_for(const char *path, const shape_t *sample,
                            fault_t *fault);
onnx_model_t *onnx_read(blob_t *file, fault_t *fault);
void onnx_destroy(onnx_model_t **self);

/* The value of a property, or NULL. */
const char *onnx_property(const onnx_model_t *self, const char *key);

/* Write a graph (topologically sorted; inputs with dtype and shape) as a new
 * file, at opset 17 and IR 8, or 21 and 10 where a node needs it. The same
 * graph gives the same bytes. digest (may be NULL) gets that of the file. On
 * failure there is no file: -1 with FAULT_INPUT (a weight that cannot be read)
 * or FAULT_SYSTEM. */
int onnx_write(const graph_t *graph, const char *path,
               const onnx_property_t *properties, size_t properties_count,
               digest_t *digest, fault_t *fault);

#endif
