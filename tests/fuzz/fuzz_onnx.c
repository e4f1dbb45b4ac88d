/* ONNX files: the walk, protobuf-c behind it, the graph raised, shape
 * inference; and what was accepted is written and read again. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/model/onnx.h"
#include "common/model/shape.h"
#include "tests/support/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What Convoy writes it reads. */
static void
s_round(const graph_t *graph)
{
    enum { NODES_MAX = 200 };
    if (graph->nodes_count > NODES_MAX)
        return;
    char path[256];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.200s/fuzz_onnx-%ld",
             folder ? folder : P_tmpdir, (long)getpid());
    fault_t fault = {0};
    if (onnx_write(graph, path, NULL, 0, NULL, &fault) == 0) {
        onnx_model_t *again = onnx_open(path, &fault);
        if (!again) {
            fprintf(stderr, "%s\n", fault.text);
            abort();
        }
        onnx_destroy(&again);
    }
    unlink(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    blob_t *file = bytes_file(bytes, size);
    onnx_model_t *model = onnx_read(file, &fault);
    if (!model && fault.code == FAULT_NONE)
        abort();
    value_type_t *types =
        model ? shape_types_new(model->graph, 1, &fault) : NULL;
    if (types)
        s_round(model->graph);
    free(types);
    onnx_destroy(&model);
    blob_release(&file);
    return 0;
}
