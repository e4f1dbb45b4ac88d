/* Layers that only move elements. */
#include "common/model/layers_ops.h"

/* Anything but "all behind the samples" is a reshape, in which 0 keeps an axis
 * and -1 takes the rest. */
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
    shape_t shape = {1, {rank - (to - from)}};
    for (int i = 0; i < shape.dims[0]; i++)
        dims[i] = i < from    ? 0
                  : i == from ? -1
                              : layering_shape(self)->dims[i + to - from];
    const int inputs[] = {
        self->inputs[0],
        layering_constant(self, "shape", DTYPE_INT64, &shape, dims)};
    if (inputs[1] < 0)
        return -1;
    return layering_simple(self, "Reshape", NULL, inputs, 2);
}
