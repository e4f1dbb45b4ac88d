/* Layers that only move elements. */
#include <stdio.h>
#include <string.h>

#include "common/model/layers_ops.h"

/* A reshape, in which 0 keeps an axis and -1 takes the rest. */
static int
s_reshape(layering_t *self, const char *suffix, int input, const int64_t *dims,
          int rank)
{
    char name[32];
    const shape_t shape = {1, {rank}};
    snprintf(name, sizeof name, "%s%sshape", suffix ? suffix : "",
             suffix ? "." : "");
    const int inputs[] = {
        input, layering_constant(self, name, DTYPE_INT64, &shape, dims)};
    return inputs[1] < 0 ? -1
                         : layering_simple(self, "Reshape", suffix, inputs, 2);
}

static int
s_transpose(layering_t *self, const char *suffix, int input,
            const int64_t *order, int rank)
{
    int node = layering_node(self, "Transpose", suffix, &input, 1);
    if (node < 0 || graph_set_ints(self->graph, node, "perm", order,
                                   (size_t)rank, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

/* Anything but "all behind the samples" is a reshape. */
int
layer_flatten(layering_t *self)
{
    int from, to, rank = layering_shape(self)->rank;
    if (layering_axis(self, "start_dim", 1, &from) != 0 ||
        layering_axis(self, "end_dim", -1, &to) != 0)
        return -1;
    if (from > to)
        return layering_wrong(self, "start_dim is behind end_dim");
    if (from == 1 && to == rank - 1)
        return layering_simple(self, "Flatten", NULL, self->inputs, 1);
    int64_t dims[TENSOR_RANK_MAX] = {0};
    int left = rank - (to - from);
    for (int i = 0; i < left; i++)
        dims[i] = i < from    ? 0
                  : i == from ? -1
                              : layering_shape(self)->dims[i + to - from];
    return s_reshape(self, NULL, self->inputs[0], dims, left);
}

/* One axis behind the samples becomes several; -1 takes the rest. */
int
layer_unflatten(layering_t *self)
{
    const shape_t *x = layering_shape(self);
    int64_t sizes[TENSOR_RANK_MAX], dims[TENSOR_RANK_MAX] = {0};
    int axis, count;
    if (layering_axis(self, "dim", 1, &axis) != 0 ||
        layering_ints(self, "unflattened_size", -1, INT32_MAX, sizes, &count))
        return -1;
    int rank = x->rank + count - 1;
    if (axis == 0 || rank > TENSOR_RANK_MAX)
        return layering_wrong(self, "axis %d of %d cannot become %d", axis,
                              x->rank, count);
    for (int i = 0; i < rank; i++)
        dims[i] = i < axis           ? 0
                  : i < axis + count ? sizes[i - axis]
                                     : x->dims[i - count + 1];
    for (int i = 0; i < count; i++)
        if (sizes[i] == 0)
            return layering_wrong(self, "no axis has size 0");
    return s_reshape(self, NULL, self->inputs[0], dims, rank);
}

int
layer_permute(layering_t *self)
{
    int64_t order[TENSOR_RANK_MAX];
    int count, rank = layering_shape(self)->rank;
    unsigned seen = 0;
    if (layering_ints(self, "dims", 0, TENSOR_RANK_MAX - 1, order, &count) != 0)
        return -1;
    for (int i = 0; i < count; i++)
        seen |= 1u << order[i];
    if (count != rank || seen != (1u << rank) - 1 || order[0] != 0)
        return layering_wrong(self,
                              "dims should be 0 (the samples stay first) and "
                              "then 1 to %d in any order",
                              rank - 1);
    return s_transpose(self, NULL, self->inputs[0], order, rank);
}

/* Axes are split, put in another order, and merged. */
static int
s_rearrange(layering_t *self, const int64_t *split, const int64_t *order,
            int rank, const int64_t merged[4])
{
    int value = s_reshape(self, "split", self->inputs[0], split, rank);
    if (value >= 0)
        value = s_transpose(self, "turned", value, order, rank);
    return value < 0 ? -1 : s_reshape(self, NULL, value, merged, 4);
}

static int
s_divide(layering_t *self, const char *name, int64_t divisor, int64_t size)
{
    if (size % divisor == 0)
        return 0;
    return layering_unfit(self, "%s = %lld does not go into %lld", name,
                          (long long)divisor, (long long)size);
}

int
layer_channel_shuffle(layering_t *self)
{
    static const int64_t order[] = {0, 2, 1, 3, 4};
    const int64_t *x = layering_shape(self)->dims;
    int64_t groups;
    if (layering_int(self, "groups", 1, 1, LAYER_EXTENT_MAX, &groups) != 0 ||
        s_divide(self, "groups", groups, x[1]) != 0)
        return -1;
    const int64_t split[] = {0, groups, x[1] / groups, x[2], x[3]};
    const int64_t merged[] = {0, x[1], x[2], x[3]};
    return s_rearrange(self, split, order, 5, merged);
}

/* Not ONNX's DepthToSpace and SpaceToDepth, which know torch's order of
 * channels one way only. */
int
layer_pixel_shuffle(layering_t *self)
{
    static const int64_t order[] = {0, 1, 4, 2, 5, 3};
    const int64_t *x = layering_shape(self)->dims;
    int64_t r;
    if (layering_int(self, "upscale_factor", 1, 1, 256, &r) != 0 ||
        s_divide(self, "upscale_factor squared", r * r, x[1]) != 0)
        return -1;
    int64_t channels = x[1] / (r * r);
    const int64_t split[] = {0, channels, r, r, x[2], x[3]};
    const int64_t merged[] = {0, channels, x[2] * r, x[3] * r};
    return s_rearrange(self, split, order, 6, merged);
}

int
layer_pixel_unshuffle(layering_t *self)
{
    static const int64_t order[] = {0, 1, 3, 5, 2, 4};
    const int64_t *x = layering_shape(self)->dims;
    int64_t r;
    if (layering_int(self, "downscale_factor", 1, 1, 256, &r) != 0 ||
        s_divide(self, "downscale_factor", r, x[2]) != 0 ||
        s_divide(self, "downscale_factor", r, x[3]) != 0)
        return -1;
    const int64_t split[] = {0, x[1], x[2] / r, r, x[3] / r, r};
    const int64_t merged[] = {0, x[1] * r * r, x[2] / r, x[3] / r};
    return s_rearrange(self, split, order, 6, merged);
}

static int
s_int64s(layering_t *self, const char *suffix, const int64_t *items, int count)
{
    const shape_t shape = {1, {count}};
    return layering_constant(self, suffix, DTYPE_INT64, &shape, items);
}

/* torch.narrow: `length` places of an axis, from `start` on. */
int
layer_narrow(layering_t *self)
{
    const shape_t x = *layering_shape(self);
    int axis;
    int64_t start, length;
    if (layering_axis(self, "dim", 1, &axis) != 0)
        return -1;
    int64_t size = x.dims[axis];
    if (layering_int(self, "start", 0, 0, INT32_MAX, &start) != 0 ||
        layering_int(self, "length", size - start, 1, INT32_MAX, &length) != 0)
        return -1;
    if (axis == 0)
        return layering_wrong(self, "axis 0 is the samples");
    if (start >= size || length > size - start)
        return layering_unfit(
            self, "%lld from place %lld on, but axis %d has %lld",
            (long long)length, (long long)start, axis, (long long)size);
    const int64_t end = start + length, along = axis;
    const int inputs[] = {self->inputs[0], s_int64s(self, "start", &start, 1),
                          s_int64s(self, "end", &end, 1),
                          s_int64s(self, "dim", &along, 1)};
    for (int i = 1; i < 4; i++)
        if (inputs[i] < 0)
            return -1;
    return layering_simple(self, "Slice", NULL, inputs, 4);
}

/* torch counts from the last axis: left, right, top, bottom. */
int
layer_pad(layering_t *self)
{
    int64_t given[TENSOR_RANK_MAX], pads[TENSOR_RANK_MAX] = {0};
    int count, axes = layering_axes(self), rank = axes + 2;
    bool reflect = strcmp(self->row->node, "reflect") == 0;
    double value;
    if (layering_ints(self, "padding", 0, LAYER_EXTENT_MAX, given, &count) ||
        layering_float(self, "value", 0.0, -1e30, 1e30, &value) != 0)
        return -1;
    if (count != 1 && count != 2 * axes)
        return layering_wrong(self, "padding should be 1 or %d numbers",
                              2 * axes);
    for (int i = 0; i < axes; i++) {
        int from = count == 1 ? 0 : 2 * (axes - 1 - i);
        pads[2 + i] = given[from];
        pads[rank + 2 + i] = given[count == 1 ? 0 : from + 1];
        int64_t size = layering_shape(self)->dims[2 + i];
        if (reflect && (pads[2 + i] >= size || pads[rank + 2 + i] >= size))
            return layering_unfit(self,
                                  "a reflection ends at the last of %lld "
                                  "elements",
                                  (long long)size);
    }
    const int inputs[] = {self->inputs[0],
                          s_int64s(self, "pads", pads, 2 * rank),
                          layering_scalar(self, "value", (float)value)};
    if (inputs[1] < 0 || inputs[2] < 0)
        return -1;
    bool constant = strcmp(self->row->node, "constant") == 0;
    int node = layering_node(self, "Pad", NULL, inputs, constant ? 3 : 2);
    if (node < 0 || graph_set_text(self->graph, node, "mode", self->row->node,
                                   self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}
