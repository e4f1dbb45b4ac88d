/* Shapes of what works element by element. */
#include "common/model/shape_ops.h"

static bool
s_is_float(dtype_t dtype)
{
    return dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64 ||
           dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16;
}

static bool
s_is_number(dtype_t dtype)
{
    return dtype != DTYPE_BOOL;
}

static bool
s_is_bool(dtype_t dtype)
{
    return dtype == DTYPE_BOOL;
}

static bool
s_is_any(dtype_t dtype)
{
    return dtype != DTYPE_NONE;
}

/* --- one tensor ------------------------------------------------------------
 */

static int
s_one(const shaping_t *self, bool (*fits)(dtype_t dtype))
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (!fits(x->dtype))
        return shaping_fault(self, "it does not work on %s",
                             dtype_name(x->dtype));
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_unary(const shaping_t *self)
{
    return s_one(self, s_is_any);
}

int
shape_unary_float(const shaping_t *self)
{
    return s_one(self, s_is_float);
}

int
shape_unary_number(const shaping_t *self)
{
    return s_one(self, s_is_number);
}

int
shape_not(const shaping_t *self)
{
    return s_one(self, s_is_bool);
}

int
shape_dropout(const shaping_t *self)
{
    if (shaping_arity(self, 1, 3) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (shaping_give(self, 1, DTYPE_BOOL, &x->shape) != 0)
        return -1;
    return shaping_give(self, 0, x->dtype, &x->shape);
}

/* --- several tensors, with broadcasting ------------------------------------
 */

/* They have one dtype that fits; result NONE: so has the output. */
static int
s_many(const shaping_t *self, int most, bool (*fits)(dtype_t dtype),
       dtype_t result)
{
    char text[128], other[128];
    if (shaping_arity(self, most == 2 ? 2 : 1, most) != 0)
        return -1;
    const value_type_t *first = shaping_input(self, 0);
    shape_t shape = first->shape;
    if (!fits(first->dtype))
        return shaping_fault(self, "it does not work on %s",
                             dtype_name(first->dtype));
    for (int i = 1; i < self->node->inputs_count; i++) {
        const value_type_t *next = shaping_input(self, i);
        shape_t sum;
        if (!next)
            return shaping_fault(self, "its input %d is missing", i);
        if (next->dtype != first->dtype)
            return shaping_fault(self, "%s and %s do not mix",
                                 dtype_name(first->dtype),
                                 dtype_name(next->dtype));
        if (!shape_broadcast(&shape, &next->shape, &sum))
            return shaping_fault(self, "shapes %s and %s do not fit",
                                 shape_text(&shape, text, sizeof text),
                                 shape_text(&next->shape, other, sizeof other));
        shape = sum;
    }
    return shaping_give(self, 0, result == DTYPE_NONE ? first->dtype : result,
                        &shape);
}

int
shape_binary(const shaping_t *self)
{
    return s_many(self, 2, s_is_number, DTYPE_NONE);
}

int
shape_extremum(const shaping_t *self)
{
    return s_many(self, GRAPH_NODE_INPUTS_MAX, s_is_number, DTYPE_NONE);
}

int
shape_sum(const shaping_t *self)
{
    return s_many(self, GRAPH_NODE_INPUTS_MAX, s_is_float, DTYPE_NONE);
}

int
shape_compare(const shaping_t *self)
{
    return s_many(self, 2, s_is_number, DTYPE_BOOL);
}

int
shape_equality(const shaping_t *self)
{
    return s_many(self, 2, s_is_any, DTYPE_BOOL);
}

int
shape_logic(const shaping_t *self)
{
    return s_many(self, 2, s_is_bool, DTYPE_BOOL);
}

int
shape_mod(const shaping_t *self)
{
    if (s_many(self, 2, s_is_number, DTYPE_NONE) != 0)
        return -1;
    if (s_is_float(shaping_input(self, 0)->dtype) &&
        node_int(self->node, "fmod", 0) == 0)
        return shaping_fault(self, "floating point needs fmod = 1");
    return 0;
}

/* The exponent may be of another dtype; the output is what the base is. */
int
shape_pow(const shaping_t *self)
{
    if (shaping_arity(self, 2, 2) != 0)
        return -1;
    const value_type_t *base = shaping_input(self, 0);
    const value_type_t *exponent = shaping_input(self, 1);
    shape_t shape;
    if (!s_is_number(base->dtype) || !s_is_number(exponent->dtype))
        return shaping_fault(self, "it does not work on bool");
    if (!shape_broadcast(&base->shape, &exponent->shape, &shape))
        return shaping_fault(self, "base and exponent do not fit");
    return shaping_give(self, 0, base->dtype, &shape);
}

int
shape_clip(const shaping_t *self)
{
    if (shaping_arity(self, 1, 3) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (!s_is_number(x->dtype))
        return shaping_fault(self, "it does not work on bool");
    for (int i = 1; i < 3; i++) {
        const value_type_t *bound = shaping_input(self, i);
        if (bound &&
            (shape_elements(&bound->shape) != 1 || bound->dtype != x->dtype))
            return shaping_fault(self, "its bounds are not single numbers");
    }
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_prelu(const shaping_t *self)
{
    if (shaping_arity(self, 2, 2) != 0 || shaping_floats(self, 2) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    shape_t sum;
    if (!shape_broadcast(&x->shape, &shaping_input(self, 1)->shape, &sum) ||
        !shape_equal(&sum, &x->shape))
        return shaping_fault(self, "its slope does not fit its input");
    return shaping_give(self, 0, x->dtype, &x->shape);
}

int
shape_cast(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    int64_t to = node_int(self->node, "to", DTYPE_NONE);
    if (to < 0 || to > DTYPE_BFLOAT16 || dtype_size((dtype_t)to) == 0)
        return shaping_fault(self, "its type %lld is not supported",
                             (long long)to);
    return shaping_give(self, 0, (dtype_t)to, &shaping_input(self, 0)->shape);
}

int
shape_softmax(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0 || shaping_floats(self, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    int axis;
    if (shaping_axis(self, node_int(self->node, "axis", -1), x->shape.rank,
                     &axis) != 0)
        return -1;
    return shaping_give(self, 0, x->dtype, &x->shape);
}

bool
mixes_axis(const shaping_t *self)
{
    int64_t axis = node_int(self->node, "axis", -1);
    for (int i = 0; i < self->node->inputs_count; i++) {
        const value_type_t *x = shaping_input(self, i);
        int samples = shaping_sample_axis(self, i);
        if (x && samples != SAMPLE_NOWHERE &&
            samples == (axis < 0 ? axis + x->shape.rank : axis))
            return true;
    }
    return false;
}
