/* Resize along any axes. */
#include <string.h>

#include "common/model/eval_ops.h"
#include "common/model/resizing.h"
#include "common/model/walk.h"

/* One resize at work: the output is filled axis by axis from the first, the
 * taps of the axes in front being those of the current index. */
typedef struct job {
    const resizing_t *resizing;
    const array_t *x;
    size_t size;
    char *to; /* the next element of the output */
    int64_t strides[TENSOR_RANK_MAX];
    taps_t taps[TENSOR_RANK_MAX];
} job_t;

/* Each element is a copy of one. place -1: it lies outside. */
static void
s_fill_nearest(job_t *self, int axis, int64_t place)
{
    const shape_t *shape = &self->resizing->shape;
    if (axis == shape->rank) {
        const char *from = (const char *)self->x->data;
        if (place < 0)
            tensor_convert(self->x->dtype, self->to, DTYPE_FLOAT32,
                           &self->resizing->outside, 1);
        else
            memcpy(self->to, from + (size_t)place * self->size, self->size);
        self->to += self->size;
        return;
    }
    for (int64_t i = 0; i < shape->dims[axis]; i++) {
        taps_t taps = resizing_taps(self->resizing, axis, i);
        bool outside = taps.count == 0 || place < 0;
        s_fill_nearest(self, axis + 1,
                       outside ? -1 : place + taps.at[0] * self->strides[axis]);
    }
}

/* The weighted sum over the taps of `axis` and of all behind it. */
static double
s_sum(const job_t *self, int axis, int64_t place)
{
    double sum = 0.0;
    if (axis == self->resizing->shape.rank) {
        tensor_convert(DTYPE_FLOAT64, &sum, self->x->dtype,
                       (const char *)self->x->data + (size_t)place * self->size,
                       1);
        return sum;
    }
    const taps_t *taps = &self->taps[axis];
    for (int i = 0; i < taps->count; i++)
        sum += taps->weights[i] *
               s_sum(self, axis + 1, place + taps->at[i] * self->strides[axis]);
    return sum;
}

static void
s_fill_smooth(job_t *self, int axis, bool outside)
{
    const shape_t *shape = &self->resizing->shape;
    if (axis == shape->rank) {
        double number =
            outside ? (double)self->resizing->outside : s_sum(self, 0, 0);
        tensor_convert(self->x->dtype, self->to, DTYPE_FLOAT64, &number, 1);
        self->to += self->size;
        return;
    }
    for (int64_t i = 0; i < shape->dims[axis]; i++) {
        self->taps[axis] = resizing_taps(self->resizing, axis, i);
        s_fill_smooth(self, axis + 1, outside || self->taps[axis].count == 0);
    }
}

/* A list of numbers; its length, 0 where it is absent. */
static int
s_floats(const array_t *list, float *values)
{
    int64_t count = list ? shape_elements(&list->shape) : 0;
    if (count > 2 * TENSOR_RANK_MAX)
        return -1;
    if (count > 0)
        tensor_convert(DTYPE_FLOAT32, values, list->dtype, list->data,
                       (size_t)count);
    return (int)count;
}

static int
s_resize(const evaluation_t *self)
{
    float region[2 * TENSOR_RANK_MAX], scales[2 * TENSOR_RANK_MAX];
    int64_t sizes[TENSOR_RANK_MAX];
    const array_t *x = eval_input(self, 0), *list = eval_input(self, 3);
    resizing_lists_t lists = {
        .region_count = s_floats(eval_input(self, 1), region),
        .scales_count = s_floats(eval_input(self, 2), scales),
        .sizes_count = list ? eval_ints(list, sizes, TENSOR_RANK_MAX) : 0,
    };
    lists.region = lists.region_count ? region : NULL;
    lists.scales = lists.scales_count ? scales : NULL;
    lists.sizes = lists.sizes_count ? sizes : NULL;
    resizing_t resizing;
    const char *why =
        resizing_resolve(&resizing, self->node, &x->shape, &lists);
    if (why)
        return eval_fault(self, why);
    job_t job = {.resizing = &resizing,
                 .x = x,
                 .size = dtype_size(x->dtype),
                 .to = self->outputs[0]->data};
    shape_strides(&x->shape, job.strides);
    if (shape_elements(&resizing.shape) == 0)
        return 0;
    if (resizing.taps == 1)
        s_fill_nearest(&job, 0, 0);
    else
        s_fill_smooth(&job, 0, false);
    return 0;
}

const eval_row_t eval_rows_resize[] = {
    {"Resize", s_resize, false, NULL},
    {0},
};
