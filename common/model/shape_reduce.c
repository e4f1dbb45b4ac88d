/* Shapes of what reduces axes to one number. */
#include "common/model/shape_ops.h"

/* The axes to reduce, as a set; none named are all, or none at all. */
static int
s_axes(const shaping_t *self, unsigned *set)
{
    int rank = shaping_input(self, 0)->shape.rank;
    *set = 0;
    if (shaping_input(self, 1) && shaping_axes(self, 1, rank, set) < 0)
        return -1;
    if (*set == 0 && node_int(self->node, "noop_with_empty_axes", 0) == 0)
        *set = (1u << rank) - 1;
    return 0;
}

/* Floating point of all kinds, and integers that sums can be made of; the
 * largest and the smallest exist of anything. */
static bool
s_sums(dtype_t dtype)
{
    return dtype != DTYPE_BOOL && dtype != DTYPE_INT8 && dtype != DTYPE_UINT8 &&
           dtype != DTYPE_INT16;
}

static int
s_reduce(const shaping_t *self)
{
    unsigned set;
    if (s_axes(self, &set) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    bool keep = node_int(self->node, "keepdims", 1) != 0;
    shape_t shape = {.rank = 0};
    for (int i = 0; i < x->shape.rank; i++) {
        if (!(set >> i & 1))
            shape.dims[shape.rank++] = x->shape.dims[i];
        else if (keep)
            shape.dims[shape.rank++] = 1;
    }
    return shaping_give(self, 0, x->dtype, &shape);
}

int
shape_reduce_sum(const shaping_t *self)
{
    if (shaping_arity(self, 1, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (!s_sums(x->dtype))
        return shaping_fault(self, "it does not work on %s",
                             dtype_name(x->dtype));
    return s_reduce(self);
}

int
shape_reduce_extremum(const shaping_t *self)
{
    return shaping_arity(self, 1, 2) != 0 ? -1 : s_reduce(self);
}

bool
mixes_reduce(const shaping_t *self)
{
    int samples = shaping_sample_axis(self, 0);
    unsigned set;
    return samples != SAMPLE_NOWHERE &&
           (s_axes(self, &set) != 0 || (set >> samples & 1));
}

double
flop_reduce(const shaping_t *self)
{
    return (double)shape_elements(&shaping_input(self, 0)->shape);
}
