/* Functions of two tensors with numpy's broadcasting. */
#ifndef CONVOY_WORKER_KERNEL_BINARY_H
#define CONVOY_WORKER_KERNEL_BINARY_H

#include <stddef.h>

enum { BINARY_RANK_MAX = 8 };

typedef enum binary_kind {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_MAX, /* a NaN wins, in either operand */
    BINARY_MIN,
    BINARY_POW,
    BINARY_PRELU, /* a < 0 ? a b : a */
    BINARIES
} binary_kind_t;

/* y is dense over dims; an operand's stride is in elements and 0 along the
 * axes where it is repeated. */
typedef struct binary_shape {
    int rank;
    size_t dims[BINARY_RANK_MAX];
    size_t a_strides[BINARY_RANK_MAX];
    size_t b_strides[BINARY_RANK_MAX];
} binary_shape_t;

/* Merge neighbouring axes where both operands allow it; the result computes
 * the same with fewer, longer loops. */
void binary_simplify(binary_shape_t *shape);

/* y = a f b. y may be a or b where that operand is not repeated. */
void binary(binary_kind_t kind, const binary_shape_t *shape, float *y,
            const float *a, const float *b);

#endif
