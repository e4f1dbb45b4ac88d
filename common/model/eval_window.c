/* Windows by plain loops: Conv, ConvTranspose, MaxPool, AveragePool, over one
 * to three axes, with weights that are known when the model runs.
 *
 * Sums are made in float64 in the order of channels and taps.
 */
#include <math.h>

#include "common/model/eval_ops.h"
#include "common/model/sliding.h"

typedef struct place {
    int64_t at[SLIDING_AXES];
} place_t;

/* An element as float64. */
static double
s_get(const array_t *array, int64_t index)
{
    double value;
    if (array->dtype == DTYPE_FLOAT32)
        return (double)((const float *)array->data)[index];
    tensor_convert(DTYPE_FLOAT64, &value, array->dtype,
                   (const char *)array->data +
                       (size_t)index * dtype_size(array->dtype),
                   1);
    return value;
}

static void
s_set(const array_t *array, int64_t index, double value)
{
    tensor_convert(array->dtype,
                   (char *)array->data +
                       (size_t)index * dtype_size(array->dtype),
                   DTYPE_FLOAT64, &value, 1);
}

/* The n-th place of a box, C order. */
static place_t
s_place(const int64_t *box, int64_t n)
{
    place_t place;
    for (int i = SLIDING_AXES - 1; i >= 0; i--) {
        place.at[i] = n % box[i];
        n /= box[i];
    }
    return place;
}

static int64_t
s_volume(const int64_t *box)
{
    return box[0] * box[1] * box[2];
}

/* The input that tap k of output o sees, as an index of its plane, or -1. */
static int64_t
s_seen(const sliding_t *w, const place_t *o, const place_t *k)
{
    int64_t index = 0;
    for (int i = 0; i < SLIDING_AXES; i++) {
        int64_t at =
            o->at[i] * w->stride[i] - w->begin[i] + k->at[i] * w->dilation[i];
        if (at < 0 || at >= w->in[i])
            return -1;
        index = index * w->in[i] + at;
    }
    return index;
}

/* The input that adds tap k to output o of a transposed convolution, or -1. */
static int64_t
s_source(const sliding_t *w, const place_t *o, const place_t *k)
{
    int64_t index = 0;
    for (int i = 0; i < SLIDING_AXES; i++) {
        int64_t at = o->at[i] + w->begin[i] - k->at[i] * w->dilation[i];
        if (at < 0 || at % w->stride[i] != 0 || at / w->stride[i] >= w->in[i])
            return -1;
        index = index * w->in[i] + at / w->stride[i];
    }
    return index;
}

/* --- convolutions --- */

/* The kernel of an output and an input channel of a group g lies at
 * g * channels * outs + output * out_step + input * in_step, in kernels. */
typedef struct convolution {
    const array_t *x, *weights;
    const sliding_t *window;
    int64_t (*source)(const sliding_t *w, const place_t *o, const place_t *k);
    int64_t groups;
    int64_t channels, outs; /* of a group: of the input, of the output */
    int64_t in_step, out_step;
} convolution_t;

/* One output: of all channels of a group, from a plane and a kernel on. */
static double
s_convolve(const convolution_t *self, int64_t first, int64_t kernel,
           const place_t *o)
{
    const sliding_t *w = self->window;
    int64_t plane = s_volume(w->in), taps = s_volume(w->kernel);
    double sum = 0.0;
    for (int64_t t = 0; t < taps; t++) {
        place_t k = s_place(w->kernel, t);
        int64_t at = self->source(w, o, &k);
        for (int64_t c = 0; at >= 0 && c < self->channels; c++)
            sum +=
                s_get(self->x, (first + c) * plane + at) *
                s_get(self->weights, (kernel + c * self->in_step) * taps + t);
    }
    return sum;
}

static void
s_convolve_all(const evaluation_t *self, const convolution_t *convolution)
{
    const array_t *y = self->outputs[0], *bias = eval_input(self, 2);
    int64_t channels = convolution->channels, outs = convolution->outs;
    int64_t plane = s_volume(convolution->window->out);
    int64_t groups = y->shape.dims[0] * convolution->groups;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t out = 0; out < outs; out++) {
            int64_t group = g % convolution->groups;
            int64_t kernel =
                group * channels * outs + out * convolution->out_step;
            double sum = bias ? s_get(bias, group * outs + out) : 0.0;
            for (int64_t i = 0; i < plane; i++) {
                place_t o = s_place(convolution->window->out, i);
                s_set(y, (g * outs + out) * plane + i,
                      sum + s_convolve(convolution, g * channels, kernel, &o));
            }
        }
}

static const bool transposes = true; /* the detail of ConvTranspose */

/* Weights are [outs of all groups, channels, ...], those of a ConvTranspose
 * [channels of all groups, outs, ...]. */
static int
s_run_conv(const evaluation_t *self)
{
    bool transposed = self->detail == &transposes;
    const array_t *x = eval_input(self, 0), *weights = eval_input(self, 1);
    int64_t groups = node_int(self->node, "group", 1);
    int64_t rows = weights->shape.dims[0] / groups;
    int64_t columns = weights->shape.dims[1];
    sliding_t window = {0};
    if ((transposed ? sliding_read_transposed : sliding_read)(
            self->node, &x->shape, &weights->shape, &window, self->fault))
        return -1;
    convolution_t convolution = {.x = x,
                                 .weights = weights,
                                 .window = &window,
                                 .source = transposed ? s_source : s_seen,
                                 .groups = groups,
                                 .channels = transposed ? rows : columns,
                                 .outs = transposed ? columns : rows,
                                 .in_step = transposed ? columns : 1,
                                 .out_step = transposed ? 1 : columns};
    s_convolve_all(self, &convolution);
    return 0;
}

/* --- pools --- */

/* The inputs that a window sees of a plane: along each axis `count` of them,
 * `step` apart. A pool's kernel may be far larger than its input, so padding is
 * never walked. */
typedef struct view {
    int64_t first[SLIDING_AXES], count[SLIDING_AXES], step[SLIDING_AXES];
    int64_t padded; /* how many taps do not lie beyond the padding */
} view_t;

static int64_t
s_taps_before(int64_t origin, int64_t step, int64_t limit, int64_t most)
{
    int64_t taps = limit > origin ? (limit - 1 - origin) / step + 1 : 0;
    return taps < most ? taps : most;
}

static view_t
s_view(const sliding_t *w, const place_t *o)
{
    view_t view = {.padded = 1};
    for (int i = 0; i < SLIDING_AXES; i++) {
        int64_t origin = o->at[i] * w->stride[i] - w->begin[i];
        int64_t step = w->dilation[i], most = w->kernel[i];
        int64_t skipped = s_taps_before(origin, step, 0, most);
        view.step[i] = step;
        view.first[i] = origin + skipped * step;
        view.count[i] = s_taps_before(origin, step, w->in[i], most) - skipped;
        view.padded *= s_taps_before(origin, step, w->in[i] + w->end[i], most);
    }
    return view;
}

/* The n-th input of a view, as an index of its plane. */
static int64_t
s_viewed(const sliding_t *w, const view_t *view, int64_t n)
{
    place_t place = s_place(view->count, n);
    int64_t index = 0;
    for (int i = 0; i < SLIDING_AXES; i++)
        index = index * w->in[i] + view->first[i] + place.at[i] * view->step[i];
    return index;
}

/* Where the largest element of a view lies in its plane, a NaN first; -1 in an
 * empty view. */
static int64_t
s_largest(const sliding_t *w, const view_t *view, const array_t *x,
          int64_t plane)
{
    int64_t count = s_volume(view->count), where = -1;
    double best = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = s_viewed(w, view, i);
        double value = s_get(x, plane * s_volume(w->in) + at);
        if (where < 0 || value > best || (isnan(value) && !isnan(best))) {
            best = value;
            where = at;
        }
    }
    return where;
}

/* The index that MaxPool reports for a place in a plane: within the whole
 * tensor, columns first if storage_order says so. */
static int64_t
s_index(const sliding_t *w, int64_t plane, int64_t at, bool columns_first)
{
    place_t place = s_place(w->in, at);
    if (columns_first)
        at = place.at[0] + w->in[0] * (place.at[1] + w->in[1] * place.at[2]);
    return plane * s_volume(w->in) + at;
}

static int
s_run_max_pool(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0), *y = self->outputs[0];
    const array_t *indices =
        self->node->outputs_count > 1 ? self->outputs[1] : NULL;
    bool columns_first = node_int(self->node, "storage_order", 0) != 0;
    sliding_t window;
    if (sliding_read(self->node, &x->shape, NULL, &window, self->fault))
        return -1;
    int64_t outs = s_volume(window.out), ins = s_volume(window.in);
    int64_t count = x->shape.dims[0] * x->shape.dims[1] * outs;
    for (int64_t i = 0; i < count; i++) {
        place_t o = s_place(window.out, i % outs);
        view_t view = s_view(&window, &o);
        int64_t at = s_largest(&window, &view, x, i / outs);
        s_set(y, i, at < 0 ? -INFINITY : s_get(x, i / outs * ins + at));
        if (indices)
            ((int64_t *)indices->data)[i] =
                at < 0 ? -1 : s_index(&window, i / outs, at, columns_first);
    }
    return 0;
}

static int
s_run_average_pool(const evaluation_t *self)
{
    const array_t *x = eval_input(self, 0), *y = self->outputs[0];
    bool count_padding = node_int(self->node, "count_include_pad", 0) != 0;
    sliding_t window;
    if (sliding_read(self->node, &x->shape, NULL, &window, self->fault))
        return -1;
    int64_t outs = s_volume(window.out), ins = s_volume(window.in);
    int64_t count = x->shape.dims[0] * x->shape.dims[1] * outs;
    for (int64_t i = 0; i < count; i++) {
        place_t o = s_place(window.out, i % outs);
        view_t view = s_view(&window, &o);
        int64_t seen = s_volume(view.count);
        int64_t divisor = count_padding ? view.padded : seen;
        double sum = 0.0;
        for (int64_t n = 0; n < seen; n++)
            sum += s_get(x, i / outs * ins + s_viewed(&window, &view, n));
        s_set(y, i, divisor > 0 ? sum / (double)divisor : 0.0);
    }
    return 0;
}

const eval_row_t eval_rows_window[] = {
    {"AveragePool", s_run_average_pool, false, NULL},
    {"Conv", s_run_conv, false, NULL},
    {"ConvTranspose", s_run_conv, false, &transposes},
    {"MaxPool", s_run_max_pool, false, NULL},
    {0},
};
