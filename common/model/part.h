/* One part of a network: its own graph, its boundaries, its file.
 *
 * A part file is standard ONNX and the only thing a worker ever loads. Its
 * metadata say which model and part it is. It lies in a folder under its
 * SHA-256, written under a temporary name and renamed.
 */
#ifndef CONVOY_COMMON_MODEL_PART_H
#define CONVOY_COMMON_MODEL_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/model/graph.h"
#include "common/tensor.h"

typedef struct part {
    int index, count;
    bool batchable;
    tensor_spec_t inputs[TENSORS_MAX]; /* DIM_BATCH only if batchable */
    int inputs_count;
    tensor_spec_t outputs[TENSORS_MAX];
    int outputs_count;

    /* Of one sample. */
    int nodes;
    uint64_t parameters;
    uint64_t weight_bytes;
    uint64_t activation_bytes;
    double flop;
    uint64_t in_bytes, out_bytes;

    char *path; /* of the file; owned */
    uint64_t bytes;
    digest_t digest;
} part_t;

/* The graph of one part of a cut graph, with the weights it needs. The
 * boundary tensors are called as in the whole graph; one that only passes
 * through gets a new name on its way out. */
graph_t *part_extract(const graph_t *whole, int index, int count,
                      fault_t *fault);

/* Fill in everything but the file. */
int part_init(part_t *self, const graph_t *graph, int index, int count,
              fault_t *fault);
void part_release(part_t *self);

/* Write the part's file into a folder (which exists) and fill in path, bytes
 * and digest. The same graph gives the same bytes. -1 with FAULT_SYSTEM naming
 * the file. */
int part_write(part_t *self, const graph_t *graph, const char *model,
               const char *folder, fault_t *fault);

/* What a worker does: a part file (any ONNX model is one) as a sorted graph,
 * checked, with patterns fused. */
graph_t *part_read(const char *path, fault_t *fault);

/* The same out of a file that is open (and was verified). */
graph_t *part_load(blob_t *file, fault_t *fault);

#endif
