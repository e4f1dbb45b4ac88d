/* The numbers of Resize, resolved: shape inference, evaluation and the engine
 * read them alike.
 *
 * Every axis is resized on its own: an element of the output is a sum over a
 * few places along each axis, weighted. Coordinates are float32, as in PyTorch
 * and ONNX Runtime, so that the nearest place is the same one.
 */
#ifndef CONVOY_COMMON_MODEL_RESIZING_H
#define CONVOY_COMMON_MODEL_RESIZING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/model/graph.h"
#include "common/tensor.h"

enum { RESIZING_TAPS_MAX = 4 };

typedef struct resizing resizing_t;

/* Where index `x` of the output's axis lies in the input. */
typedef float resizing_place_fn(const resizing_t *self, int axis, float x);
typedef double resizing_round_fn(double x);

struct resizing {
    int taps; /* along an axis: 1 nearest, 2 linear, 4 cubic */
    resizing_place_fn *place;
    resizing_round_fn *round; /* of nearest */
    bool crops;               /* to the region of interest */
    bool exclude_outside;
    double cubic;  /* coefficient a */
    float outside; /* the value there, where it crops */
    shape_t from, shape;
    float scales[TENSOR_RANK_MAX];
    float starts[TENSOR_RANK_MAX]; /* of the region, as parts of an axis */
    float ends[TENSOR_RANK_MAX];
};

/* The inputs of a node; NULL where one is absent or empty. */
typedef struct resizing_lists {
    const float *region;
    const float *scales;
    const int64_t *sizes;
    int region_count, scales_count, sizes_count;
} resizing_lists_t;

typedef struct taps {
    int count; /* 0: outside of what is cropped from */
    int64_t at[RESIZING_TAPS_MAX];
    double weights[RESIZING_TAPS_MAX];
} taps_t;

/* NULL, or a sentence about what is wrong. */
const char *resizing_resolve(resizing_t *self, const node_t *node,
                             const shape_t *from,
                             const resizing_lists_t *lists);

/* Whether an axis stays what it is. */
bool resizing_is_still(const resizing_t *self, int axis);

taps_t resizing_taps(const resizing_t *self, int axis, int64_t index);

#endif
