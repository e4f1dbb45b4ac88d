/* Pools. */
#include "common/model/layers_ops.h"

static const int64_t zeroes[LAYER_AXES_MAX] = {0, 0};
static const int64_t ones[LAYER_AXES_MAX] = {1, 1};

/* How far ceil_mode reaches over the end: a last window that begins inside the
 * input or its left padding counts. Zero or more pixels beyond `padding`. */
static int64_t
s_overhang(int64_t size, int64_t kernel, int64_t stride, int64_t padding,
           int64_t dilation)
{
    int64_t reach = dilation * (kernel - 1) + 1;
    int64_t room = size + 2 * padding - reach;
    if (room < 0 || room % stride == 0)
        return 0;
    int64_t begin = (room / stride + 1) * stride;
    return begin < size + padding ? begin - room : 0;
}

typedef struct pooling {
    layer_window_t window; /* whose pads are padding alone */
    int64_t padding[LAYER_AXES_MAX];
    int64_t over[LAYER_AXES_MAX]; /* what ceil_mode adds at the end */
} pooling_t;

static int
s_read_pooling(layering_t *self, pooling_t *pooling)
{
    layer_window_t *window = &pooling->window;
    int axes = layering_axes(self);
    bool ceil_mode;
    *pooling = (pooling_t){0};
    if (layering_extents(self, "kernel_size", NULL, 1, window->kernel) != 0 ||
        layering_extents(self, "stride", window->kernel, 1, window->stride) ||
        layering_extents(self, "padding", zeroes, 0, pooling->padding) != 0 ||
        layering_extents(self, "dilation", ones, 1, window->dilation) != 0 ||
        layering_bool(self, "ceil_mode", false, &ceil_mode) != 0)
        return -1;
    const shape_t *x = layering_shape(self);
    for (int i = 0; i < axes; i++) {
        if (pooling->padding[i] * 2 > window->kernel[i])
            return layering_wrong(self,
                                  "padding = %lld is more than half of "
                                  "kernel_size = %lld",
                                  (long long)pooling->padding[i],
                                  (long long)window->kernel[i]);
        if (ceil_mode)
            pooling->over[i] =
                s_overhang(x->dims[i + 2], window->kernel[i], window->stride[i],
                           pooling->padding[i], window->dilation[i]);
        window->pads[i] = window->pads[i + axes] = pooling->padding[i];
    }
    return 0;
}

/* Runtimes disagree about ceil_mode; padding that reaches as far gives the
 * same numbers everywhere, since a maximum ignores it. */
static void
s_reach_over(const layering_t *self, pooling_t *pooling)
{
    int axes = layering_axes(self);
    for (int i = 0; i < axes; i++)
        pooling->window.pads[i + axes] += pooling->over[i];
}

int
layer_max_pool(layering_t *self)
{
    pooling_t pooling;
    if (s_read_pooling(self, &pooling) != 0)
        return -1;
    s_reach_over(self, &pooling);
    int node = layering_node(self, "MaxPool", NULL, self->inputs, 1);
    if (node < 0 || layering_window(self, node, &pooling.window, true) != 0)
        return -1;
    return layering_finish(self, node);
}

/* Elements that the window at place `i` of an axis counts: `padding` is
 * counted, what ceil_mode adds beyond it is not. */
static int64_t
s_counted(const pooling_t *pooling, int axis, int64_t size, int64_t i)
{
    int64_t begin = i * pooling->window.stride[axis];
    int64_t end = begin + pooling->window.kernel[axis];
    int64_t limit = size + 2 * pooling->padding[axis];
    return (end < limit ? end : limit) - begin;
}

/* What a mean over whole windows has to be multiplied with where fewer
 * elements count: a constant [1, 1, spatial...]. */
static int
s_correction(layering_t *self, const pooling_t *pooling, int pooled)
{
    const shape_t *x = layering_shape(self);
    shape_t shape = self->types[pooled].shape;
    shape.dims[0] = shape.dims[1] = 1;
    tensor_t factors;
    if (tensor_init(&factors, DTYPE_FLOAT32, &shape, self->fault) != 0)
        return -1;
    float *items = factors.data;
    int64_t count = shape_elements(&shape);
    for (int64_t place = 0; place < count; place++) {
        int64_t rest = place;
        double factor = 1.0;
        for (int axis = layering_axes(self) - 1; axis >= 0; axis--) {
            int64_t i = rest % shape.dims[axis + 2];
            rest /= shape.dims[axis + 2];
            factor *= (double)pooling->window.kernel[axis] /
                      (double)s_counted(pooling, axis, x->dims[axis + 2], i);
        }
        items[place] = (float)factor;
    }
    int value =
        layering_constant(self, "factors", DTYPE_FLOAT32, &shape, factors.data);
    tensor_release(&factors);
    return value;
}

static int
s_average(layering_t *self, const char *suffix, const pooling_t *pooling,
          bool counted)
{
    int node = layering_node(self, "AveragePool", suffix, self->inputs, 1);
    if (node < 0 || layering_window(self, node, &pooling->window, false) != 0 ||
        graph_set_int(self->graph, node, "count_include_pad", counted,
                      self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

/* The mean ignores padding too unless it is counted. Counted padding beside a
 * window that hangs over divides by the whole window first and mends that. */
int
layer_average_pool(layering_t *self)
{
    pooling_t pooling;
    bool counted, padded = false, over = false;
    if (s_read_pooling(self, &pooling) != 0 ||
        layering_bool(self, "count_include_pad", true, &counted) != 0)
        return -1;
    for (int i = 0; i < layering_axes(self); i++) {
        padded = padded || pooling.padding[i] > 0;
        over = over || pooling.over[i] > 0;
    }
    counted = counted && padded;
    s_reach_over(self, &pooling);
    if (!counted || !over)
        return s_average(self, NULL, &pooling, counted);
    int mean = s_average(self, "mean", &pooling, true);
    const int factors[] = {mean,
                           mean < 0 ? -1 : s_correction(self, &pooling, mean)};
    return factors[1] < 0 ? -1 : layering_simple(self, "Mul", NULL, factors, 2);
}

/* One axis of an adaptive pool as a matrix [size, wanted]: column i averages
 * from floor(i * size / wanted) to ceil((i + 1) * size / wanted). */
static int
s_average_matrix(layering_t *self, const char *suffix, int64_t size,
                 int64_t wanted)
{
    const shape_t shape = {2, {size, wanted}};
    tensor_t matrix;
    if (tensor_init(&matrix, DTYPE_FLOAT32, &shape, self->fault) != 0)
        return -1;
    float *items = matrix.data;
    for (int64_t i = 0; i < wanted; i++) {
        int64_t from = i * size / wanted;
        int64_t to = ((i + 1) * size + wanted - 1) / wanted;
        for (int64_t j = from; j < to; j++)
            items[j * wanted + i] = (float)(1.0 / (double)(to - from));
    }
    int value = layering_constant(self, suffix, DTYPE_FLOAT32, &shape, items);
    tensor_release(&matrix);
    return value;
}

static int
s_swap(layering_t *self, const char *suffix, int input)
{
    static const int64_t order[] = {0, 1, 3, 2};
    int node = layering_node(self, "Transpose", suffix, &input, 1);
    if (node < 0 ||
        graph_set_ints(self->graph, node, "perm", order, 4, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

/* Windows of several sizes: a product with a matrix along each axis. */
static int
s_uneven_pool(layering_t *self, const int64_t *size, const int64_t *wanted)
{
    int last = layering_axes(self) - 1;
    int wide[] = {self->inputs[0],
                  s_average_matrix(self, "columns", size[last], wanted[last])};
    if (wide[1] < 0)
        return -1;
    if (last == 0)
        return layering_simple(self, "MatMul", NULL, wide, 2);
    int high[] = {-1, s_average_matrix(self, "rows", size[0], wanted[0])};
    if (high[1] < 0)
        return -1;
    int mean = layering_simple(self, "MatMul", "wide", wide, 2);
    if (mean >= 0)
        mean = s_swap(self, "turned", mean);
    high[0] = mean;
    if (mean >= 0)
        mean = layering_simple(self, "MatMul", "high", high, 2);
    return mean < 0 ? -1 : s_swap(self, NULL, mean);
}

/* A pool to given sizes, where windows of one size do: the whole axes, every
 * element alone, or an even share; `value` is -1 where it takes more than
 * that. -1 with a fault. */
static int
s_even_pool(layering_t *self, const char *pool, const char *global,
            const int64_t *size, const int64_t *wanted, int *value)
{
    int axes = layering_axes(self);
    bool whole = true, same = true, even = true;
    layer_window_t window = {0};
    for (int i = 0; i < axes; i++) {
        whole = whole && wanted[i] == 1;
        same = same && wanted[i] == size[i];
        even = even && size[i] % wanted[i] == 0;
        window.kernel[i] = window.stride[i] = size[i] / wanted[i];
    }
    *value = -1;
    if (whole)
        *value = layering_simple(self, global, NULL, self->inputs, 1);
    else if (same)
        *value = layering_nothing(self);
    if (whole || same)
        return *value < 0 ? -1 : 0;
    if (!even)
        return 0;
    int node = layering_node(self, pool, NULL, self->inputs, 1);
    if (node < 0 || layering_window(self, node, &window, false) != 0)
        return -1;
    *value = layering_finish(self, node);
    return *value < 0 ? -1 : 0;
}

int
layer_adaptive_average_pool(layering_t *self)
{
    int64_t wanted[LAYER_AXES_MAX];
    int value;
    if (layering_extents(self, "output_size", NULL, 1, wanted) != 0)
        return -1;
    const shape_t x = *layering_shape(self);
    if (s_even_pool(self, "AveragePool", "GlobalAveragePool", &x.dims[2],
                    wanted, &value) != 0)
        return -1;
    return value < 0 ? s_uneven_pool(self, &x.dims[2], wanted) : value;
}

int
layer_adaptive_max_pool(layering_t *self)
{
    int64_t wanted[LAYER_AXES_MAX];
    int value;
    if (layering_extents(self, "output_size", NULL, 1, wanted) != 0)
        return -1;
    const shape_t x = *layering_shape(self);
    if (s_even_pool(self, "MaxPool", "GlobalMaxPool", &x.dims[2], wanted,
                    &value) != 0)
        return -1;
    return value >= 0 ? value
                      : layering_unfit(self, "its output_size has to divide "
                                             "the size of its input");
}
