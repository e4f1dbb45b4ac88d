/* Shapes of operators that normalise by what they are given at the moment. */
#include "common/model/shape_ops.h"

/* Input `index` is one number for each of `count` channels. */
static int
s_a_channel(const shaping_t *self, int index, const char *name, int64_t count)
{
    char text[128];
    const shape_t *shape = &shaping_input(self, index)->shape;
    if (shape->rank != 1 || shape->dims[0] != count)
        return shaping_fault(self, "its %s is %s for %lld channels", name,
                             shape_text(shape, text, sizeof text),
                             (long long)count);
    return 0;
}

/* x is [N, channels, ...]. */
static int
s_channels(const shaping_t *self, int64_t *channels)
{
    char text[128];
    const shape_t *shape = &shaping_input(self, 0)->shape;
    if (shape->rank < 2)
        return shaping_fault(self, "its input %s is not [N, channels, ...]",
                             shape_text(shape, text, sizeof text));
    *channels = shape->dims[1];
    return 0;
}

int
shape_instance_norm(const shaping_t *self)
{
    int64_t channels;
    if (shaping_arity(self, 3, 3) != 0 || shaping_floats(self, 3) != 0 ||
        s_channels(self, &channels) != 0 ||
        s_a_channel(self, 1, "scale", channels) != 0 ||
        s_a_channel(self, 2, "bias", channels) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_group_norm(const shaping_t *self)
{
    int64_t channels, groups = node_int(self->node, "num_groups", 0);
    if (shape_instance_norm(self) != 0 || s_channels(self, &channels) != 0)
        return -1;
    if (groups < 1 || channels % groups != 0)
        return shaping_fault(self, "%lld groups do not divide %lld channels",
                             (long long)groups, (long long)channels);
    return 0;
}

/* The first axis that belongs to what is normalised together. */
static int
s_first_axis(const shaping_t *self, int *axis)
{
    return shaping_axis(self, node_int(self->node, "axis", -1),
                        shaping_input(self, 0)->shape.rank, axis);
}

int
shape_layer_norm(const shaping_t *self)
{
    char text[128];
    int axis;
    if (shaping_arity(self, 2, 3) != 0 || shaping_floats(self, 3) != 0 ||
        s_first_axis(self, &axis) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    for (int i = 1; i < 3; i++) {
        const value_type_t *given = shaping_input(self, i);
        shape_t sum;
        if (given && (!shape_broadcast(&x->shape, &given->shape, &sum) ||
                      !shape_equal(&sum, &x->shape)))
            return shaping_fault(self, "its %s %s does not fit",
                                 i == 1 ? "scale" : "bias",
                                 shape_text(&given->shape, text, sizeof text));
    }
    shape_t moments = x->shape;
    for (int i = axis; i < moments.rank; i++)
        moments.dims[i] = 1;
    if (shaping_give(self, 0, x->dtype, &x->shape) != 0)
        return -1;
    for (int i = 1; i < 3; i++)
        if (shaping_give(self, i, DTYPE_FLOAT32, &moments) != 0)
            return -1;
    return 0;
}

int
shape_lrn(const shaping_t *self)
{
    int64_t channels, size = node_int(self->node, "size", 0);
    if (shaping_arity(self, 1, 1) != 0 || shaping_floats(self, 1) != 0 ||
        s_channels(self, &channels) != 0)
        return -1;
    if (size < 1 || size > SHAPING_EXTENT_MAX)
        return shaping_fault(self, "a size of %lld channels", (long long)size);
    const value_type_t *x = shaping_input(self, 0);
    return shaping_give(self, 0, x->dtype, &x->shape);
}

/* Samples may lie in front of what is normalised together; numbers that are
 * given to every row must not be a sample's own. */
bool
mixes_layer(const shaping_t *self)
{
    int axis;
    return s_first_axis(self, &axis) != 0 ||
           shaping_sample_axis(self, 0) >= axis ||
           shaping_sample_axis(self, 1) != SAMPLE_NOWHERE ||
           shaping_sample_axis(self, 2) != SAMPLE_NOWHERE;
}

/* A square and a sum for each channel of the window, then a power. */
double
flop_lrn(const shaping_t *self)
{
    return (2 * (double)node_int(self->node, "size", 0) + 20) *
           (double)shape_elements(&shaping_input(self, 0)->shape);
}
