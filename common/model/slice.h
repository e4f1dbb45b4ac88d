/* The numbers of Slice, resolved: shape inference, evaluation and the engine
 * read them alike. */
#ifndef CONVOY_COMMON_MODEL_SLICE_H
#define CONVOY_COMMON_MODEL_SLICE_H

#include <stdint.h>

#include "common/tensor.h"

typedef struct slice {
    int64_t starts[TENSOR_RANK_MAX]; /* within the tensor, of every axis */
    int64_t steps[TENSOR_RANK_MAX];  /* not 0; 1 where an axis is whole */
    shape_t shape;                   /* of what is left */
} slice_t;

/* The inputs of a node; axes and steps may be NULL. Any numbers: starts and
 * ends are clamped as ONNX clamps them, negative ones count from the end. */
typedef struct slice_lists {
    int count;
    const int64_t *starts, *ends, *axes, *steps;
} slice_lists_t;

/* NULL, or a sentence about what is wrong. */
const char *slice_resolve(slice_t *self, const shape_t *shape,
                          const slice_lists_t *lists);

#endif
