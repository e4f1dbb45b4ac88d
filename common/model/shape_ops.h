/* Inside shape inference: one node at work, and the operators by family.
 *
 * Adding an operator: a function in the file of its family, a line here, a row
 * in shape.c's table.
 */
#ifndef CONVOY_COMMON_MODEL_SHAPE_OPS_H
#define CONVOY_COMMON_MODEL_SHAPE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/shape.h"

enum {
    SHAPING_SPATIAL_MAX = 3,      /* axes a kernel moves along */
    SHAPING_EXTENT_MAX = 1 << 20, /* of a kernel, stride, pad, dilation */
};

/* The node at work. */
typedef struct shaping {
    const graph_t *graph;
    const node_t *node;
    value_type_t *types; /* of all values */
    fault_t *fault;
} shaping_t;

/* FAULT_INPUT: "node 'NAME' (OP): " and a sentence. Returns -1. */
int shaping_fault(const shaping_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The type of an input; NULL where it is absent. */
const value_type_t *shaping_input(const shaping_t *self, int index);

/* Between min and max inputs, the first min of them present, and exactly one
 * output (or the first of several). */
int shaping_arity(const shaping_t *self, int min, int max);

/* Inputs 0..count-1 that are present are float32 (or all of one of the floating
 * types). */
int shaping_floats(const shaping_t *self, int count);

/* Set the type of output 0: every dim at least 1 and the size sane. */
int shaping_output(const shaping_t *self, dtype_t dtype, const shape_t *shape);

/* An attribute of exactly `count` ints in min..SHAPING_EXTENT_MAX, each
 * `absent` where there is none. */
int shaping_ints(const shaping_t *self, const char *name, int count,
                 int64_t absent, int64_t min, int64_t *values);

/* An axis of `rank`, negative ones from the end, into 0..rank-1. */
int shaping_axis(const shaping_t *self, int64_t axis, int rank, int *result);

/* The elements of a constant integer input; their number, or -1. */
int shaping_constant(const shaping_t *self, int index, int64_t *values,
                     int max);

/* a against b, aligned at the last axis; false where they do not fit. */
bool shape_broadcast(const shape_t *a, const shape_t *b, shape_t *result);

/* --- inference, by family --- */
typedef int shaping_fn(const shaping_t *self);

shaping_fn shape_conv, shape_pool, shape_global_pool, shape_batch_norm;
shaping_fn shape_gemm, shape_matmul;
shaping_fn shape_unary, shape_binary, shape_clip, shape_cast, shape_softmax;
shaping_fn shape_dropout, shape_prelu;
shaping_fn shape_flatten, shape_reshape, shape_transpose, shape_concat;
shaping_fn shape_squeeze, shape_unsqueeze, shape_reduce_mean;

/* --- floating-point operations of one node --- */
typedef double flop_fn(const shaping_t *self);

flop_fn flop_conv, flop_pool, flop_global_pool, flop_gemm, flop_matmul;

/* --- whether a node mixes samples stacked along axis 0 --- */
typedef bool mixes_fn(const shaping_t *self);

mixes_fn mixes_gemm, mixes_matmul, mixes_axis, mixes_flatten, mixes_reduce;

#endif
