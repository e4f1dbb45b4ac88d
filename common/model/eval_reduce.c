/* Reductions: ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceL2.
 *
 * Axes at the end that are all kept, or all reduced, are a block. Elements of
 * a kept block are reduced side by side, those of a reduced block into one;
 * the other axes are walked one index at a time.
 */
#include <math.h>
#include <string.h>

#include "common/model/eval_numbers.h"
#include "common/model/eval_ops.h"

/* How numbers become one, in either kind of number. */
typedef struct function {
    double (*real)(double sum, double x);
    int64_t (*whole)(int64_t sum, int64_t x);
    double (*real_end)(double sum, double count); /* or NULL */
    int64_t (*whole_end)(int64_t sum, int64_t count);
    double start;
} function_t;

/* Where the numbers of one node lie. */
typedef struct reduction {
    const function_t *function;
    const shape_t *shape;
    unsigned reduced; /* a set of axes */
    int axes;         /* in front of the block */
    bool block_reduced;
    size_t block;           /* elements of it */
    size_t outputs, inputs; /* indices of the axes in front, kept, reduced */
    size_t elements;        /* reduced into one */
    int64_t whole_start;
} reduction_t;

static double
s_add(double sum, double x)
{
    return sum + x;
}

static int64_t
s_add_whole(int64_t sum, int64_t x)
{
    return (int64_t)((uint64_t)sum + (uint64_t)x);
}

static double
s_add_square(double sum, double x)
{
    return sum + x * x;
}

static int64_t
s_add_square_whole(int64_t sum, int64_t x)
{
    return (int64_t)((uint64_t)sum + (uint64_t)x * (uint64_t)x);
}

static double
s_mean(double sum, double count)
{
    return sum / count;
}

/* Of nothing: any number will do. */
static int64_t
s_mean_whole(int64_t sum, int64_t count)
{
    return count ? sum / count : 0;
}

static double
s_root(double sum, double count)
{
    (void)count;
    return sqrt(sum);
}

static int64_t
s_root_whole(int64_t sum, int64_t count)
{
    (void)count;
    return (int64_t)sqrt((double)(sum < 0 ? 0 : sum));
}

/* A NaN wins. */
static double
s_max(double sum, double x)
{
    return x > sum || isnan(x) ? x : sum;
}

static int64_t
s_max_whole(int64_t sum, int64_t x)
{
    return x > sum ? x : sum;
}

static double
s_min(double sum, double x)
{
    return x < sum || isnan(x) ? x : sum;
}

static int64_t
s_min_whole(int64_t sum, int64_t x)
{
    return x < sum ? x : sum;
}

/* --- applying one ----------------------------------------------------------
 */

/* Where an index over the outer axes that are in (or not in) the set begins. */
static size_t
s_offset(const reduction_t *self, bool reduced, size_t index)
{
    size_t offset = 0, step = self->block;
    for (int i = self->axes - 1; i >= 0; i--) {
        size_t dim = (size_t)self->shape->dims[i];
        if ((self->reduced >> i & 1) == reduced) {
            offset += index % dim * step;
            index /= dim;
        }
        step *= dim;
    }
    return offset;
}

static void
s_start(const reduction_t *self, numbers_t *sum)
{
    for (size_t i = 0; i < sum->count; i++) {
        if (sum->whole)
            sum->wholes[i] = self->whole_start;
        else
            sum->reals[i] = self->function->start;
    }
}

static void
s_end(const reduction_t *self, numbers_t *sum)
{
    const function_t *f = self->function;
    for (size_t i = 0; i < sum->count; i++) {
        if (sum->whole && f->whole_end)
            sum->wholes[i] =
                f->whole_end(sum->wholes[i], (int64_t)self->elements);
        else if (!sum->whole && f->real_end)
            sum->reals[i] = f->real_end(sum->reals[i], (double)self->elements);
    }
}

/* Each number into its own sum, or all into the first. */
static void
s_gather(const reduction_t *self, numbers_t *sum, const numbers_t *x)
{
    const function_t *f = self->function;
    for (size_t i = 0; i < x->count; i++) {
        size_t to = self->block_reduced ? 0 : i;
        if (x->whole)
            sum->wholes[to] = f->whole(sum->wholes[to], x->wholes[i]);
        else
            sum->reals[to] = f->real(sum->reals[to], x->reals[i]);
    }
}

/* The outputs `first` on, of a block that begins at `from` in the input. */
static void
s_reduce(const reduction_t *self, const array_t *x, size_t from, numbers_t *sum)
{
    numbers_t next = {.whole = sum->whole};
    s_start(self, sum);
    for (size_t r = 0; r < self->inputs; r++) {
        size_t at = from + s_offset(self, true, r);
        if (!self->block_reduced) {
            next.count = sum->count;
            numbers_load(&next, x, at, 1);
            s_gather(self, sum, &next);
            continue;
        }
        for (size_t done = 0; done < self->block; done += next.count) {
            size_t left = self->block - done;
            next.count = left < NUMBERS_MAX ? left : NUMBERS_MAX;
            numbers_load(&next, x, at + done, 1);
            s_gather(self, sum, &next);
        }
    }
    s_end(self, sum);
}

static void
s_run_all(const reduction_t *self, const array_t *x, const array_t *y)
{
    numbers_t sum = {.whole = numbers_are_whole(x->dtype)};
    size_t width = self->block_reduced ? 1 : self->block;
    for (size_t o = 0; o < self->outputs; o++)
        for (size_t done = 0; done < width; done += sum.count) {
            size_t left = width - done;
            sum.count = left < NUMBERS_MAX ? left : NUMBERS_MAX;
            s_reduce(self, x, s_offset(self, false, o) + done, &sum);
            numbers_store(&sum, y, o * width + done);
        }
}

/* The axes in input 1, which inference has read before. *none: it reduces
 * nothing, so that even ReduceL2 gives what it was given. */
static unsigned
s_axes(const evaluation_t *self, bool *none)
{
    const array_t *axes = eval_input(self, 1);
    int rank = self->inputs[0]->shape.rank;
    unsigned set = 0;
    int64_t count = axes ? shape_elements(&axes->shape) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis;
        tensor_convert(DTYPE_INT64, &axis, axes->dtype,
                       (char *)axes->data + (size_t)i * dtype_size(axes->dtype),
                       1);
        axis = axis < 0 ? axis + rank : axis;
        if (axis >= 0 && axis < rank)
            set |= 1u << axis;
    }
    *none = set == 0 && node_int(self->node, "noop_with_empty_axes", 0) != 0;
    return set == 0 && !*none ? (1u << rank) - 1 : set;
}

/* The smallest or the largest integer of a dtype: the extremum of nothing. */
static int64_t
s_limit(dtype_t dtype, bool largest)
{
    int bits = 8 * (int)dtype_size(dtype) - 1;
    if (dtype == DTYPE_BOOL)
        return largest;
    if (dtype == DTYPE_UINT8)
        return largest ? UINT8_MAX : 0;
    int64_t most = (int64_t)(((uint64_t)1 << bits) - 1);
    return largest ? most : -most - 1;
}

static int
s_run(const evaluation_t *self)
{
    const array_t *x = self->inputs[0];
    const function_t *function = self->detail;
    bool none;
    unsigned reduced_axes = s_axes(self, &none);
    if (none) {
        memcpy(self->outputs[0]->data, x->data,
               tensor_bytes(x->dtype, &x->shape, 1));
        return 0;
    }
    reduction_t reduction = {.function = function,
                             .shape = &x->shape,
                             .reduced = reduced_axes,
                             .axes = x->shape.rank,
                             .block = 1,
                             .outputs = 1,
                             .inputs = 1,
                             .elements = 1};
    if (numbers_are_whole(x->dtype) && isinf(function->start))
        reduction.whole_start = s_limit(x->dtype, function->start > 0);
    int last = x->shape.rank - 1;
    reduction.block_reduced = last >= 0 && reduction.reduced >> last & 1;
    for (int i = last; i >= 0; i--) {
        size_t dim = (size_t)x->shape.dims[i];
        bool reduced = reduction.reduced >> i & 1;
        if (reduced)
            reduction.elements *= dim;
        if (reduction.axes == i + 1 && reduced == reduction.block_reduced) {
            reduction.axes = i;
            reduction.block *= dim;
        } else if (reduced) {
            reduction.inputs *= dim;
        } else {
            reduction.outputs *= dim;
        }
    }
    s_run_all(&reduction, x, self->outputs[0]);
    return 0;
}

static const function_t s_sum = {s_add, s_add_whole, NULL, NULL, 0.0};
static const function_t s_means = {s_add, s_add_whole, s_mean, s_mean_whole,
                                   0.0};
static const function_t s_length = {s_add_square, s_add_square_whole, s_root,
                                    s_root_whole, 0.0};
static const function_t s_largest = {s_max, s_max_whole, NULL, NULL, -INFINITY};
static const function_t s_smallest = {s_min, s_min_whole, NULL, NULL, INFINITY};

const eval_row_t eval_rows_reduce[] = {
    {"ReduceL2", s_run, false, &s_length},
    {"ReduceMax", s_run, false, &s_largest},
    {"ReduceMean", s_run, false, &s_means},
    {"ReduceMin", s_run, false, &s_smallest},
    {"ReduceSum", s_run, false, &s_sum},
    {0},
};
