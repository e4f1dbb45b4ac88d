/* The numbers of Pad, resolved: shape inference, evaluation and the engine
 * read them alike. */
#ifndef CONVOY_COMMON_MODEL_PADDING_H
#define CONVOY_COMMON_MODEL_PADDING_H

#include <stdint.h>

#include "common/model/graph.h"
#include "common/tensor.h"

typedef enum padding_mode {
    PADDING_CONSTANT,
    PADDING_REFLECT, /* 2 1 | 0 1 2 3 | 2 1 */
    PADDING_EDGE,    /* 0 0 | 0 1 2 3 | 3 3 */
    PADDING_WRAP,    /* 2 3 | 0 1 2 3 | 0 1 */
    PADDING_UNKNOWN,
} padding_mode_t;

/* Along each axis, elements [keep, keep + kept) of the input lie from `begin`
 * on in the output; whatever is left there is padding. */
typedef struct padding {
    padding_mode_t mode;
    int64_t keep[TENSOR_RANK_MAX];
    int64_t kept[TENSOR_RANK_MAX];
    int64_t begin[TENSOR_RANK_MAX];
    shape_t shape; /* of the output */
} padding_t;

/* Any numbers: pads are `count` begins and as many ends, negative ones cut;
 * axes may be NULL. NULL, or a sentence about what is wrong. */
const char *padding_resolve(padding_t *self, const node_t *node,
                            const shape_t *shape, const int64_t *pads,
                            int count, const int64_t *axes);

/* Where along an axis of the input the output's index comes from; -1: nowhere,
 * it is the constant. */
int64_t padding_source(const padding_t *self, int axis, int64_t index);

#endif
