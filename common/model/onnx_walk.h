/* The bounded walk in front of protobuf-c: an ONNX file without its weights.
 *
 * protobuf-c recurses as deep as a file says and copies everything. The walk
 * goes first: it checks depth, lengths, wire types and counts, refuses what
 * Convoy does not read, and copies the message with every TensorProto's
 * elements replaced by the place where they are in the file.
 */
#ifndef CONVOY_COMMON_MODEL_ONNX_WALK_H
#define CONVOY_COMMON_MODEL_ONNX_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/blob.h"
#include "common/tensor.h"

enum {
    ONNX_DEPTH_MAX = 32,
    ONNX_SKELETON_BYTES_MAX = 64 << 20,
    ONNX_UNPACKED_BYTES_MAX = 256 << 20, /* about, once unpacked */
};

/* The message without elements, to be freed; *size its bytes. NULL with
 * FAULT_INPUT naming field and byte. */
uint8_t *onnx_walk(const blob_t *file, size_t *size, fault_t *fault);

/* Where elements are: what the skeleton has in place of raw_data. */
typedef struct onnx_place {
    uint64_t offset; /* in the file */
    uint64_t bytes;
    dtype_t typed; /* of float_data or double_data; DTYPE_NONE: raw_data */
} onnx_place_t;

/* False if the bytes are no place that onnx_walk made. */
bool onnx_place_decode(onnx_place_t *self, const uint8_t *bytes, size_t size);

#endif
