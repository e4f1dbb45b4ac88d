/* Operators that choose by elements: Gather, Where, ScatterND, ArgMax. */
#include <math.h>
#include <string.h>

#include "common/model/eval_ops.h"
#include "common/model/eval_numbers.h"
#include "common/model/walk.h"

/* --- Gather ---------------------------------------------------------------
 */

static int
s_gather(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0), *indices = eval_input(self, 1);
    int64_t axis = node_int(self->node, "axis", 0), strides[TENSOR_RANK_MAX];
    axis = axis < 0 ? axis + x->shape.rank : axis;
    int64_t dim = x->shape.dims[axis], count = shape_elements(&indices->shape);
    int64_t blocks = 1;
    for (int i = 0; i < axis; i++)
        blocks *= x->shape.dims[i];
    shape_strides(&x->shape, strides);
    size_t bytes = (size_t)strides[axis] * dtype_size(x->dtype);
    char *to = self->outputs[0]->data;
    if (shape_elements(&self->outputs[0]->shape) == 0)
        return 0;
    for (int64_t block = 0; block < blocks; block++) {
        const char *from =
            (const char *)x->data + (size_t)(block * dim) * bytes;
        for (int64_t i = 0; i < count; i++, to += bytes) {
            int64_t index = eval_int(indices, i);
            index = index < 0 ? index + dim : index;
            if (index < 0 || index >= dim)
                return eval_fault(self, "an index is out of range");
            memcpy(to, from + (size_t)index * bytes, bytes);
        }
    }
    return 0;
}

/* --- Where ----------------------------------------------------------------
 */

static int
s_where(const evaluation_t *self)
{
    const array_t *y = self->outputs[0];
    const uint8_t *condition = eval_input(self, 0)->data;
    const char *sources[] = {eval_input(self, 1)->data,
                             eval_input(self, 2)->data};
    size_t size = dtype_size(y->dtype);
    char *to = y->data;
    walk_t walk = walk_over(&y->shape);
    for (int i = 0; i < 3; i++)
        walk_add_broadcast(&walk, &eval_input(self, i)->shape);
    for (bool more = walk_start(&walk); more; more = walk_next(&walk))
        for (int64_t i = 0; i < walk.dims[walk.last]; i++, to += size) {
            int64_t at = walk.at[0] + i * walk.strides[0][walk.last];
            int source = condition[at] ? 1 : 2;
            at = walk.at[source] + i * walk.strides[source][walk.last];
            memcpy(to, sources[source - 1] + (size_t)at * size, size);
        }
    return 0;
}

/* --- ScatterND ------------------------------------------------------------
 */

/* What becomes of an element and its update. */
typedef struct reduction {
    const char *name;
    double (*real)(double x, double update);
    int64_t (*whole)(int64_t x, int64_t update);
} reduction_t;

static double
s_add(double x, double update)
{
    return x + update;
}

static int64_t
s_add_whole(int64_t x, int64_t update)
{
    return (int64_t)((uint64_t)x + (uint64_t)update);
}

static double
s_multiply(double x, double update)
{
    return x * update;
}

static int64_t
s_multiply_whole(int64_t x, int64_t update)
{
    return (int64_t)((uint64_t)x * (uint64_t)update);
}

/* NaN goes through, as numpy's maximum and minimum have it. */
static double
s_larger(double x, double update)
{
    return x > update || isnan(x) ? x : update;
}

static int64_t
s_larger_whole(int64_t x, int64_t update)
{
    return x > update ? x : update;
}

static double
s_smaller(double x, double update)
{
    return x < update || isnan(x) ? x : update;
}

static int64_t
s_smaller_whole(int64_t x, int64_t update)
{
    return x < update ? x : update;
}

/* NULL: the update replaces the element. */
static const reduction_t *
s_reduction(const node_t *node)
{
    static const reduction_t rows[] = {
        {"add", s_add, s_add_whole},
        {"mul", s_multiply, s_multiply_whole},
        {"max", s_larger, s_larger_whole},
        {"min", s_smaller, s_smaller_whole},
    };
    const char *name = node_text(node, "reduction", "none");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* y[at...] against updates[from...], `count` neighbours. */
static void
s_reduce(const reduction_t *how, const array_t *y, size_t at,
         const array_t *updates, size_t from, size_t count)
{
    numbers_t a = {.whole = numbers_are_whole(y->dtype)}, b = a;
    for (size_t done = 0; done < count; done += a.count) {
        size_t left = count - done;
        a.count = b.count = left < NUMBERS_MAX ? left : NUMBERS_MAX;
        numbers_load(&a, y, at + done, 1);
        numbers_load(&b, updates, from + done, 1);
        for (size_t i = 0; a.whole && i < a.count; i++)
            a.wholes[i] = how->whole(a.wholes[i], b.wholes[i]);
        for (size_t i = 0; !a.whole && i < a.count; i++)
            a.reals[i] = how->real(a.reals[i], b.reals[i]);
        numbers_store(&a, y, at + done);
    }
}

/* Where the slice that a tuple of indices names begins; -1 if nowhere. */
static int64_t
s_scatter_place(const shape_t *shape, const array_t *indices, int64_t tuple,
                int64_t axes)
{
    int64_t strides[TENSOR_RANK_MAX], place = 0;
    shape_strides(shape, strides);
    for (int64_t i = 0; i < axes; i++) {
        int64_t index = eval_int(indices, tuple * axes + i);
        int64_t dim = shape->dims[i];
        index = index < 0 ? index + dim : index;
        if (index < 0 || index >= dim)
            return -1;
        place += index * strides[i];
    }
    return place;
}

static int
s_scatter_nd(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0), *indices = eval_input(self, 1);
    const array_t *updates = eval_input(self, 2), *y = self->outputs[0];
    const reduction_t *how = s_reduction(self->node);
    int64_t axes = indices->shape.dims[indices->shape.rank - 1];
    int64_t tuples = 1, block = 1;
    for (int i = 0; i < indices->shape.rank - 1; i++)
        tuples *= indices->shape.dims[i];
    for (int i = (int)axes; i < x->shape.rank; i++)
        block *= x->shape.dims[i];
    size_t size = dtype_size(x->dtype), bytes = (size_t)block * size;
    if (shape_elements(&y->shape) == 0)
        return 0;
    memcpy(y->data, x->data, tensor_bytes(x->dtype, &x->shape, 0));
    for (int64_t t = 0; t < tuples; t++) {
        int64_t place = s_scatter_place(&x->shape, indices, t, axes);
        if (place < 0)
            return eval_fault(self, "an index is out of range");
        if (how)
            s_reduce(how, y, (size_t)place, updates, (size_t)(t * block),
                     (size_t)block);
        else
            memcpy((char *)y->data + (size_t)place * size,
                   (const char *)updates->data + (size_t)t * bytes, bytes);
    }
    return 0;
}

/* --- ArgMax ---------------------------------------------------------------
 */

/* Whether the next number takes the place of the best so far. As in numpy,
 * nothing is above NaN. */
static bool
s_beats(const numbers_t *next, const numbers_t *best, size_t i, bool last)
{
    if (next->whole)
        return next->wholes[i] > best->wholes[i] ||
               (last && next->wholes[i] == best->wholes[i]);
    double x = next->reals[i], y = best->reals[i];
    if (isnan(y))
        return last && isnan(x);
    return x > y || isnan(x) || (last && x == y);
}

/* Of `best.count` neighbours from element `at` on, along an axis of `dim`
 * whose neighbours are `inner` apart. */
static void
s_arg_max_row(const array_t *x, size_t at, int64_t dim, size_t inner, bool last,
              numbers_t *best, int64_t *y)
{
    numbers_t next = {.whole = best->whole, .count = best->count};
    numbers_load(best, x, at, 1);
    memset(y, 0, best->count * sizeof *y);
    for (int64_t d = 1; d < dim; d++) {
        numbers_load(&next, x, at + (size_t)d * inner, 1);
        for (size_t i = 0; i < next.count; i++)
            if (s_beats(&next, best, i, last)) {
                y[i] = d;
                if (next.whole)
                    best->wholes[i] = next.wholes[i];
                else
                    best->reals[i] = next.reals[i];
            }
    }
}

static int
s_arg_max(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0);
    int64_t *y = self->outputs[0]->data, strides[TENSOR_RANK_MAX];
    int64_t axis = node_int(self->node, "axis", 0);
    bool last = node_int(self->node, "select_last_index", 0) != 0;
    axis = axis < 0 ? axis + x->shape.rank : axis;
    shape_strides(&x->shape, strides);
    size_t inner = (size_t)strides[axis];
    int64_t dim = x->shape.dims[axis];
    size_t outer = (size_t)shape_elements(&self->outputs[0]->shape);
    outer = inner ? outer / inner : 0;
    numbers_t best = {.whole = numbers_are_whole(x->dtype)};
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i += best.count, y += best.count) {
            best.count = inner - i < NUMBERS_MAX ? inner - i : NUMBERS_MAX;
            s_arg_max_row(x, o * (size_t)dim * inner + i, dim, inner, last,
                          &best, y);
        }
    return 0;
}

const eval_row_t eval_rows_select[] = {
    {"ArgMax", s_arg_max, false, NULL},
    {"Gather", s_gather, false, NULL},
    {"ScatterND", s_scatter_nd, false, NULL},
    {"Where", s_where, false, NULL},
    {0},
};
