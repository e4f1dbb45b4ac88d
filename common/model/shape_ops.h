/* Inside shape inference: one node at work, and the operators by family.
 *
 * Adding an operator: a function in the file of its family, a line here, a row
 * in shape_rows.c's table.
 */
#ifndef CONVOY_COMMON_MODEL_SHAPE_OPS_H
#define CONVOY_COMMON_MODEL_SHAPE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/shape.h"

enum {
    SHAPING_EXTENT_MAX = 1 << 20, /* of what a node says in one number */
};

static const int64_t SHAPING_ELEMENTS_MAX = (int64_t)1 << 36; /* of a tensor */

/* Where the samples of a batch lie in a tensor: along this axis, in which each
 * of `inner` blocks holds every sample. [L * N, C] made of [L, N, C] has axis
 * 0 and inner L. */
typedef struct sample_place {
    int axis; /* SAMPLE_NOWHERE: the tensor does not grow with the batch */
    int64_t inner;
} sample_place_t;

enum { SAMPLE_NOWHERE = -1 };

/* The node at work. */
typedef struct shaping {
    const graph_t *graph;
    const node_t *node;
    value_type_t *types; /* of all values */
    fault_t *fault;
    const sample_place_t *places; /* of all values, for mixes_... alone */
} shaping_t;

/* How shape inference treats an operator. */
typedef int shaping_fn(const shaping_t *self);
typedef double flop_fn(const shaping_t *self);
typedef bool mixes_fn(const shaping_t *self);

typedef struct shape_row {
    const char *op;
    shaping_fn *infer;
    flop_fn *flop;   /* NULL: per_item an element of the output */
    double per_item; /* where flop is NULL */
    mixes_fn *mixes; /* whether it works across samples; NULL: never */
    unsigned shapes; /* bit i: input i follows from the output's shape */
} shape_row_t;

/* The row of an operator, or NULL. */
const shape_row_t *shape_row(const char *op);

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

/* An axis of `rank`, negative ones from the end, into 0..rank-1. */
int shaping_axis(const shaping_t *self, int64_t axis, int rank, int *result);

/* The elements of an integer input (a list or a single one) that is constant or
 * known for this batch; their number, or -1 with a fault. */
int shaping_constant(const shaping_t *self, int index, int64_t *values,
                     int max);

/* The axes of `rank` in such an input, as a set; how many it names, or -1. */
int shaping_axes(const shaping_t *self, int index, int rank, unsigned *set);

/* The dims of a shape, or other numbers that count something, in an input like
 * that. */
int shaping_dims(const shaping_t *self, int index, shape_t *shape);

/* a against b, aligned at the last axis; false where they do not fit. */
bool shape_broadcast(const shape_t *a, const shape_t *b, shape_t *result);

/* Set the type of any output (a NULL slot is skipped); dims may be 0. */
int shaping_give(const shaping_t *self, int slot, dtype_t dtype,
                 const shape_t *shape);

/* The axis of an input that samples lie along, or SAMPLE_NOWHERE. */
int shaping_sample_axis(const shaping_t *self, int index);

/* --- inference, by family --- */

shaping_fn shape_conv, shape_conv_transpose, shape_max_pool, shape_average_pool;
shaping_fn shape_global_pool, shape_batch_norm;
shaping_fn shape_gemm, shape_matmul;
/* Element by element: of any dtype, of floating point, of numbers. */
shaping_fn shape_unary, shape_unary_float, shape_unary_number, shape_not;
/* With broadcasting; the first two take any number of tensors. */
shaping_fn shape_sum, shape_extremum, shape_binary, shape_pow, shape_mod;
shaping_fn shape_compare, shape_equality, shape_logic;
shaping_fn shape_clip, shape_cast, shape_softmax;
shaping_fn shape_dropout, shape_prelu;
shaping_fn shape_flatten, shape_reshape, shape_transpose, shape_concat;
shaping_fn shape_squeeze, shape_unsqueeze;
shaping_fn shape_layer_norm, shape_instance_norm, shape_group_norm, shape_lrn;
shaping_fn shape_reduce_sum, shape_reduce_extremum;
shaping_fn shape_shape, shape_size, shape_constant_of_shape, shape_range;
shaping_fn shape_expand, shape_tile, shape_pad, shape_resize;
shaping_fn shape_depth_to_space, shape_space_to_depth;
shaping_fn shape_slice, shape_split, shape_gather, shape_where;
shaping_fn shape_scatter_nd, shape_arg_max;

/* --- floating-point operations of one node --- */

flop_fn flop_conv, flop_conv_transpose, flop_pool, flop_global_pool;
flop_fn flop_gemm, flop_matmul, flop_reduce, flop_lrn, flop_resize;

/* --- whether a node works across samples --- */

/* Softmax, Concat, ...: attribute axis. Reductions: axes in input 1. Images:
 * all but axis 0 of the first input belongs together. */
mixes_fn mixes_axis, mixes_reduce, mixes_image, mixes_max_pool;
mixes_fn mixes_gemm, mixes_matmul;
mixes_fn mixes_squeeze, mixes_slice, mixes_tile, mixes_pad;
mixes_fn mixes_scatter_nd, mixes_resize;
/* All axes from attribute axis on belong together. */
mixes_fn mixes_layer;
/* Attribute axis, 0 where it is absent, of input 0. */
mixes_fn mixes_first_axis;

#endif
