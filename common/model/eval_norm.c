/* Operators that normalise, on any floating point: one number at a time, since
 * float32 has kernels of its own. */
#include <math.h>

#include "common/model/eval_numbers.h"
#include "common/model/eval_ops.h"

static double
s_get(const array_t *x, size_t at)
{
    numbers_t number = {.count = 1};
    numbers_load(&number, x, at, 1);
    return number.reals[0];
}

static void
s_set(const array_t *y, size_t at, double value)
{
    const numbers_t number = {1, false, {{value}}};
    numbers_store(&number, y, at);
}

static double
s_float(const evaluation_t *self, const char *name, float absent)
{
    return (double)node_float(self->node, name, absent);
}

/* The product of the dims [first, last). */
static size_t
s_product(const shape_t *shape, int first, int last)
{
    size_t product = 1;
    for (int i = first; i < last; i++)
        product *= (size_t)shape->dims[i];
    return product;
}

/* Attribute axis, which inference has read before, from the front. */
static int
s_axis(const evaluation_t *self)
{
    int rank = self->inputs[0]->shape.rank;
    int64_t axis = node_int(self->node, "axis", -1);
    return (int)(axis < 0 ? axis + rank : axis);
}

/* --- Softmax, LogSoftmax ----------------------------------------------------
 */

enum { SOFTMAX, LOG_SOFTMAX };

static void
s_softmax_line(const evaluation_t *self, size_t first, size_t count,
               size_t step, bool logarithm)
{
    const array_t *x = self->inputs[0];
    double largest = -HUGE_VAL, sum = 0.0;
    for (size_t c = 0; c < count; c++)
        largest = fmax(largest, s_get(x, first + c * step));
    for (size_t c = 0; c < count; c++)
        sum += exp(s_get(x, first + c * step) - largest);
    for (size_t c = 0; c < count; c++) {
        double value = s_get(x, first + c * step) - largest;
        s_set(self->outputs[0], first + c * step,
              logarithm ? value - log(sum) : exp(value) / sum);
    }
}

static int
s_run_softmax(const evaluation_t *self)
{
    const shape_t *shape = &self->inputs[0]->shape;
    int axis = s_axis(self);
    size_t outer = s_product(shape, 0, axis);
    size_t count = (size_t)shape->dims[axis];
    size_t inner = s_product(shape, axis + 1, shape->rank);
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i++)
            s_softmax_line(self, o * count * inner + i, count, inner,
                           *(const int *)self->detail == LOG_SOFTMAX);
    return 0;
}

/* --- by mean and variance ---------------------------------------------------
 */

typedef struct moments {
    double mean;
    double inverse; /* 1 / sqrt(variance + epsilon) */
} moments_t;

static moments_t
s_moments(const array_t *x, size_t first, size_t count, double epsilon)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += s_get(x, first + i);
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double d = s_get(x, first + i) - mean;
        squares += d * d;
    }
    return (moments_t){mean, 1.0 / sqrt(squares / (double)count + epsilon)};
}

/* Rows of `count` have moments of their own; scale and bias are numbers a
 * channel. */
static void
s_normalise_groups(const evaluation_t *self, size_t rows)
{
    const array_t *x = self->inputs[0];
    const shape_t *shape = &x->shape;
    size_t inner = s_product(shape, 2, shape->rank);
    size_t total = s_product(shape, 0, shape->rank);
    size_t count = rows ? total / rows : 0;
    for (size_t r = 0; r < rows && total > 0; r++) {
        moments_t moments =
            s_moments(x, r * count, count, s_float(self, "epsilon", 1e-5f));
        for (size_t i = r * count; i < (r + 1) * count; i++) {
            size_t channel = i / inner % (size_t)shape->dims[1];
            double value = (s_get(x, i) - moments.mean) * moments.inverse;
            s_set(self->outputs[0], i,
                  value * s_get(self->inputs[1], channel) +
                      s_get(self->inputs[2], channel));
        }
    }
}

static int
s_run_instance(const evaluation_t *self)
{
    s_normalise_groups(self, s_product(&self->inputs[0]->shape, 0, 2));
    return 0;
}

static int
s_run_group(const evaluation_t *self)
{
    s_normalise_groups(self, (size_t)self->inputs[0]->shape.dims[0] *
                                 (size_t)node_int(self->node, "num_groups", 1));
    return 0;
}

/* An element of an operand that repeats along some axes of x. */
static double
s_repeated(const array_t *operand, const shape_t *shape, size_t at)
{
    const rows_t single = {.length = 1, .axes = shape->rank};
    size_t step;
    return s_get(operand,
                 rows_start(&single, shape, &operand->shape, at, &step));
}

static int
s_run_layer(const evaluation_t *self)
{
    const array_t *x = self->inputs[0], *bias = eval_input(self, 2);
    const shape_t *shape = &x->shape;
    size_t rows = s_product(shape, 0, s_axis(self));
    size_t count = s_product(shape, s_axis(self), shape->rank);
    for (size_t r = 0; r < rows; r++) {
        moments_t moments =
            s_moments(x, r * count, count, s_float(self, "epsilon", 1e-5f));
        for (size_t i = r * count; i < (r + 1) * count; i++) {
            double value = (s_get(x, i) - moments.mean) * moments.inverse;
            value *= s_repeated(self->inputs[1], shape, i);
            if (bias)
                value += s_repeated(bias, shape, i);
            s_set(self->outputs[0], i, value);
        }
        if (self->node->outputs_count > 1 && self->outputs[1])
            s_set(self->outputs[1], r, moments.mean);
        if (self->node->outputs_count > 2 && self->outputs[2])
            s_set(self->outputs[2], r, moments.inverse);
    }
    return 0;
}

/* --- by what is given, by the channels around -------------------------------
 */

static int
s_run_batch(const evaluation_t *self)
{
    const array_t *x = self->inputs[0];
    size_t inner = s_product(&x->shape, 2, x->shape.rank);
    size_t total = s_product(&x->shape, 0, x->shape.rank);
    double epsilon = s_float(self, "epsilon", 1e-5f);
    for (size_t i = 0; i < total; i++) {
        size_t channel = i / inner % (size_t)x->shape.dims[1];
        double value = s_get(x, i) - s_get(self->inputs[3], channel);
        value /= sqrt(s_get(self->inputs[4], channel) + epsilon);
        s_set(self->outputs[0], i,
              value * s_get(self->inputs[1], channel) +
                  s_get(self->inputs[2], channel));
    }
    return 0;
}

static int
s_run_lrn(const evaluation_t *self)
{
    const array_t *x = self->inputs[0];
    size_t inner = s_product(&x->shape, 2, x->shape.rank);
    size_t total = s_product(&x->shape, 0, x->shape.rank);
    int64_t channels = x->shape.dims[1];
    int64_t size = node_int(self->node, "size", 1);
    double factor = s_float(self, "alpha", 1e-4f) / (double)size;
    for (size_t i = 0; i < total; i++) {
        int64_t channel = (int64_t)(i / inner) % channels;
        int64_t first = channel - (size - 1) / 2, last = channel + size / 2;
        first = first < 0 ? 0 : first;
        last = last < channels ? last : channels - 1;
        double sum = 0.0;
        for (int64_t c = first; c <= last; c++) {
            size_t at = i - (size_t)(channel - c) * inner;
            sum += s_get(x, at) * s_get(x, at);
        }
        s_set(self->outputs[0], i,
              s_get(x, i) / pow(s_float(self, "bias", 1.0f) + factor * sum,
                                s_float(self, "beta", 0.75f)));
    }
    return 0;
}

const eval_row_t eval_rows_norm[] = {
    {"BatchNormalization", s_run_batch, false, NULL},
    {"GroupNormalization", s_run_group, false, NULL},
    {"InstanceNormalization", s_run_instance, false, NULL},
    {"LRN", s_run_lrn, false, NULL},
    {"LayerNormalization", s_run_layer, false, NULL},
    {"LogSoftmax", s_run_softmax, false, &(const int){LOG_SOFTMAX}},
    {"Softmax", s_run_softmax, false, &(const int){SOFTMAX}},
    {0},
};
