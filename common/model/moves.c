/* Operators that only put elements elsewhere, as walks. */
#include "common/model/moves.h"

#include <assert.h>
#include <string.h>

#include "common/model/eval_ops.h"
#include "common/model/slice.h"

/* What a walk is made of. */
typedef struct moving {
    const node_t *node;
    const array_t *const *inputs;
    int slot;
    const shape_t *shape; /* of the output */
} moving_t;

typedef const char *moving_fn(const moving_t *self, walk_t *walk);

static const array_t *
s_input(const moving_t *self, int index)
{
    return index < self->node->inputs_count ? self->inputs[index] : NULL;
}

static const char *
s_transpose(const moving_t *self, walk_t *walk)
{
    const shape_t *from = &s_input(self, 0)->shape;
    const attribute_t *perm = node_attribute(self->node, "perm");
    int64_t strides[TENSOR_RANK_MAX];
    *walk = walk_over(self->shape);
    walk->sources = 1;
    shape_strides(from, strides);
    for (int i = 0; i < from->rank; i++)
        walk->strides[0][i] =
            strides[perm ? perm->ints[i] : from->rank - 1 - i];
    return NULL;
}

static const char *
s_expand(const moving_t *self, walk_t *walk)
{
    *walk = walk_over(self->shape);
    walk_add_broadcast(walk, &s_input(self, 0)->shape);
    return NULL;
}

static const char *
s_slice(const moving_t *self, walk_t *walk)
{
    enum { LISTS = 4 }; /* starts, ends, axes, steps */
    int64_t numbers[LISTS][TENSOR_RANK_MAX], strides[TENSOR_RANK_MAX];
    const int64_t *lists[LISTS] = {NULL};
    int counts[LISTS] = {0};
    for (int i = 0; i < LISTS; i++) {
        const array_t *list = s_input(self, i + 1);
        if (!list)
            continue;
        counts[i] = eval_ints(list, numbers[i], TENSOR_RANK_MAX);
        lists[i] = numbers[i];
    }
    const shape_t *from = &s_input(self, 0)->shape;
    slice_t slice;
    const char *why = slice_resolve(
        &slice, from,
        &(slice_lists_t){counts[0], lists[0], lists[1], lists[2], lists[3]});
    if (why)
        return why;
    *walk = walk_over(&slice.shape);
    walk->sources = 1;
    shape_strides(from, strides);
    for (int i = 0; i < from->rank; i++) {
        walk->strides[0][i] = strides[i] * slice.steps[i];
        walk->at[0] += strides[i] * slice.starts[i];
    }
    return NULL;
}

/* Where an output of Split begins: behind the sizes that are listed, or all
 * are alike but perhaps the last. */
static int64_t
s_split_start(const moving_t *self, int64_t dim)
{
    const array_t *sizes = s_input(self, 1);
    int64_t start = 0, outputs = self->node->outputs_count;
    if (!sizes)
        return self->slot * ((dim + outputs - 1) / outputs);
    for (int i = 0; i < self->slot; i++)
        start += eval_int(sizes, i);
    return start;
}

static const char *
s_split(const moving_t *self, walk_t *walk)
{
    const shape_t *from = &s_input(self, 0)->shape;
    int64_t axis = node_int(self->node, "axis", 0);
    axis = axis < 0 ? axis + from->rank : axis;
    *walk = walk_over(self->shape);
    walk->sources = 1;
    shape_strides(from, walk->strides[0]);
    walk->at[0] =
        walk->strides[0][axis] * s_split_start(self, from->dims[axis]);
    return NULL;
}

/* Of a single index, whatever the shape of that. */
static const char *
s_gather(const moving_t *self, walk_t *walk)
{
    const shape_t *from = &s_input(self, 0)->shape;
    int64_t axis = node_int(self->node, "axis", 0);
    axis = axis < 0 ? axis + from->rank : axis;
    int64_t index = eval_int(s_input(self, 1), 0), dim = from->dims[axis];
    index = index < 0 ? index + dim : index;
    if (index < 0 || index >= dim)
        return "an index is out of range";
    shape_t chosen = *from;
    chosen.dims[axis] = 1;
    *walk = walk_over(&chosen);
    walk->sources = 1;
    shape_strides(from, walk->strides[0]);
    walk->at[0] = walk->strides[0][axis] * index;
    return NULL;
}

static const char *
s_tile(const moving_t *self, walk_t *walk)
{
    const shape_t *from = &s_input(self, 0)->shape;
    int64_t strides[TENSOR_RANK_MAX];
    *walk = (walk_t){.rank = 0};
    shape_strides(from, strides);
    for (int i = 0; i < from->rank; i++) {
        walk_add_axis(walk, eval_int(s_input(self, 1), i), 0);
        walk_add_axis(walk, from->dims[i], strides[i]);
    }
    if (from->rank == 0)
        walk_add_axis(walk, 1, 0);
    return NULL;
}

/* y[n, c, h * b + i, w * b + j] is x[n, (i * b + j) * C + c, h, w], or with
 * mode CRD x[n, (c * b + i) * b + j, h, w]. */
static const char *
s_depth_to_space(const moving_t *self, walk_t *walk)
{
    const int64_t *x = s_input(self, 0)->shape.dims;
    int64_t b = node_int(self->node, "blocksize", 1);
    int64_t area = x[2] * x[3], channels = self->shape->dims[1];
    bool columns_first =
        strcmp(node_text(self->node, "mode", "DCR"), "CRD") == 0;
    *walk = (walk_t){.rank = 0};
    walk_add_axis(walk, x[0], x[1] * area);
    walk_add_axis(walk, channels, columns_first ? b * b * area : area);
    walk_add_axis(walk, x[2], x[3]);
    walk_add_axis(walk, b, columns_first ? b * area : b * channels * area);
    walk_add_axis(walk, x[3], 1);
    walk_add_axis(walk, b, columns_first ? area : channels * area);
    return NULL;
}

/* y[n, (i * b + j) * C + c, h, w] is x[n, c, h * b + i, w * b + j]. */
static const char *
s_space_to_depth(const moving_t *self, walk_t *walk)
{
    const int64_t *x = s_input(self, 0)->shape.dims;
    int64_t b = node_int(self->node, "blocksize", 1);
    *walk = (walk_t){.rank = 0};
    walk_add_axis(walk, x[0], x[1] * x[2] * x[3]);
    walk_add_axis(walk, b, x[3]);
    walk_add_axis(walk, b, 1);
    walk_add_axis(walk, x[1], x[2] * x[3]);
    walk_add_axis(walk, x[2] / b, b * x[3]);
    walk_add_axis(walk, x[3] / b, b);
    return NULL;
}

const char *
moves_find(const node_t *node, const array_t *const *inputs, int slot,
           const shape_t *shape, walk_t *walk)
{
    static const struct {
        const char *op;
        moving_fn *find;
    } rows[] = {
        {"DepthToSpace", s_depth_to_space},
        {"Expand", s_expand},
        {"Gather", s_gather},
        {"Slice", s_slice},
        {"SpaceToDepth", s_space_to_depth},
        {"Split", s_split},
        {"Tile", s_tile},
        {"Transpose", s_transpose},
    };
    const moving_t moving = {node, inputs, slot, shape};
    size_t count = sizeof rows / sizeof rows[0], row = 0;
    while (row < count && strcmp(rows[row].op, node->op) != 0)
        row++;
    assert(row < count);
    /* a sentence of the function's, never `moving` */
    /* cppcheck-suppress returnDanglingLifetime */
    return rows[row].find(&moving, walk);
}
