/* What a broker serves, as it tells its clients in WELCOME: tensors, image
 * transform, labels, limits.
 *
 *   {"model", "digest" (64 hex), "parts",
 *    "inputs": [{"name", "dtype", "shape": ["N", 3, 32, 32]}], "outputs",
 *    "image": {"size": [height, width], "resize", "shorter", "filter",
 *              "channels", "layout", "range", "mean", "std"} or null,
 *    "labels": [text...] or null, "scores": "probabilities" | "logits",
 *    "limits": {"frame_bytes", "window_jobs", "window_bytes"}}
 */
#ifndef CONVOY_COMMON_SERVICE_H
#define CONVOY_COMMON_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/image.h"
#include "common/proto.h"
#include "common/tensor.h"

enum {
    SERVICE_MODEL_MAX = 64,  /* bytes of a model's name */
    SERVICE_LABEL_MAX = 256, /* bytes of a label */
    SERVICE_LABELS_MAX = 50000,
};

typedef enum scores {
    SCORES_PROBABILITIES,
    SCORES_LOGITS, /* the client applies softmax */
} scores_t;

typedef struct service {
    char model[SERVICE_MODEL_MAX + 1];
    digest_t digest;
    int parts_count;
    int inputs_count;
    int outputs_count;
    tensor_spec_t inputs[TENSORS_MAX]; /* DIM_BATCH only as axis 0 */
    tensor_spec_t outputs[TENSORS_MAX];
    bool has_image;
    image_transform_t image;
    scores_t scores;
    char **labels; /* owned; none where the config names none */
    size_t labels_count;
    size_t labels_capacity;
    uint64_t frame_bytes_max;
    uint64_t window_jobs;
    uint64_t window_bytes;
} service_t;

/* Everything zero. */
void service_init(service_t *self);
void service_release(service_t *self);

/* Append a copy of a label. -1 with FAULT_INPUT where it is empty, too long or
 * not printable UTF-8, or there are too many; FAULT_MEMORY. */
int service_add_label(service_t *self, const char *label, size_t size,
                      fault_t *fault);

/* As a new JSON object for info_encode, or NULL with FAULT_MEMORY. */
json_t *service_encode(const service_t *self, fault_t *fault);

/* Out of an untrusted object; every field is checked: types, ranges, shapes,
 * one label an output element. -1 with FAULT_BAD_FRAME naming the key and
 * nothing to release. Keys that are not known are ignored. */
int service_decode(service_t *self, const json_t *object, fault_t *fault);

#endif
