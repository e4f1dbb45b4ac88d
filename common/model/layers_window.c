/* Layers that slide a window: Conv2d and the pools. */
#include <string.h>

#include "common/model/layers_ops.h"

static const int64_t zeroes[2] = {0, 0}, ones[2] = {1, 1};

static int
s_check_image(layering_t *self)
{
    char text[128];
    const shape_t *x = layering_shape(self);
    if (x->rank != 4)
        return layering_unfit(self,
                              "%s wants [N, channels, height, width], "
                              "its input is %s",
                              self->op, shape_text(x, text, sizeof text));
    return 0;
}

/* ONNX's order: top, left, bottom, right. */
static int
s_set_window(layering_t *self, int node, const int64_t kernel[2],
             const int64_t stride[2], const int64_t dilation[2],
             const int64_t pads[4])
{
    if (graph_set_ints(self->graph, node, "kernel_shape", kernel, 2,
                       self->fault) != 0 ||
        graph_set_ints(self->graph, node, "strides", stride, 2, self->fault) ||
        graph_set_ints(self->graph, node, "pads", pads, 4, self->fault) != 0)
        return -1;
    return dilation ? graph_set_ints(self->graph, node, "dilations", dilation,
                                     2, self->fault)
                    : 0;
}

/* Numbers, or torch's words: "valid" is none, "same" keeps the size (stride 1;
 * an odd pixel goes to the end). */
static int
s_conv_padding(layering_t *self, const int64_t kernel[2],
               const int64_t stride[2], const int64_t dilation[2],
               int64_t pads[4])
{
    const setting_t *given = setting_find(self->setting, "padding");
    int64_t pair[2] = {0, 0};
    int same = 0;
    if (given && setting_kind(given) == SETTING_TEXT) {
        if (setting_get_choice(given, "valid|same", &same, self->fault) != 0)
            return -1;
        if (same && (stride[0] != 1 || stride[1] != 1))
            return layering_wrong(self, "padding = \"same\" wants stride 1");
    } else if (layering_pair(self, "padding", zeroes, 0, pair) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        int64_t total = same ? dilation[i] * (kernel[i] - 1) : 2 * pair[i];
        pads[i] = total / 2;
        pads[i + 2] = total - total / 2;
    }
    return 0;
}

/* What torch wants to know and the weights tell. */
static int
s_conv_agrees(layering_t *self, const shape_t *w, int64_t groups,
              int64_t kernel[2])
{
    const int64_t actual[2] = {w->dims[2], w->dims[3]};
    if (layering_agree(self, "in_channels", w->dims[1] * groups) != 0 ||
        layering_agree(self, "out_channels", w->dims[0]) != 0 ||
        layering_pair(self, "kernel_size", actual, 1, kernel) != 0)
        return -1;
    if (kernel[0] != actual[0] || kernel[1] != actual[1])
        return layering_unfit(self,
                              "kernel_size = [%lld, %lld], but by its "
                              "weights it is [%lld, %lld]",
                              (long long)kernel[0], (long long)kernel[1],
                              (long long)actual[0], (long long)actual[1]);
    const setting_t *mode = setting_find(self->setting, "padding_mode");
    int ignored;
    return mode ? setting_get_choice(mode, "zeros", &ignored, self->fault) : 0;
}

/* The weight PREFIX.bias: as `bias` says, else as the checkpoint has it. */
static int
s_bias(layering_t *self, int64_t channels, int *bias)
{
    const shape_t wanted = {1, {channels}};
    bool with = true;
    *bias = GRAPH_NONE;
    if (layering_bool(self, "bias", true, &with) != 0)
        return -1;
    if (!with)
        return 0;
    return layering_weight(self, "bias", &wanted,
                           setting_find(self->setting, "bias") != NULL, bias);
}

int
layer_conv(layering_t *self)
{
    int64_t groups, kernel[2], stride[2], dilation[2], pads[4];
    int w, bias;
    if (s_check_image(self) != 0 ||
        layering_int(self, "groups", 1, 1, LAYER_EXTENT_MAX, &groups) != 0 ||
        layering_pair(self, "stride", ones, 1, stride) != 0 ||
        layering_pair(self, "dilation", ones, 1, dilation) != 0)
        return -1;
    int64_t channels = layering_shape(self)->dims[1];
    if (channels % groups != 0)
        return layering_unfit(self,
                              "groups = %lld does not divide the %lld "
                              "channels of its input",
                              (long long)groups, (long long)channels);
    const shape_t wanted = {
        4, {LAYER_ANY, channels / groups, LAYER_ANY, LAYER_ANY}};
    if (layering_weight(self, "weight", &wanted, true, &w) != 0)
        return -1;
    const shape_t shape = self->graph->values[w].shape;
    if (s_conv_agrees(self, &shape, groups, kernel) != 0 ||
        s_conv_padding(self, kernel, stride, dilation, pads) != 0 ||
        s_bias(self, shape.dims[0], &bias) != 0)
        return -1;
    const int inputs[] = {self->inputs[0], w, bias};
    int node =
        layering_node(self, "Conv", NULL, inputs, bias == GRAPH_NONE ? 2 : 3);
    if (node < 0 ||
        s_set_window(self, node, kernel, stride, dilation, pads) != 0 ||
        graph_set_int(self->graph, node, "group", groups, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

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
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    int64_t over[2]; /* what ceil_mode adds at the end */
    int64_t pads[4]; /* padding alone */
    bool ceil_mode;
} pooling_t;

static int
s_read_pooling(layering_t *self, pooling_t *pooling)
{
    if (s_check_image(self) != 0 ||
        layering_pair(self, "kernel_size", NULL, 1, pooling->kernel) != 0 ||
        layering_pair(self, "stride", pooling->kernel, 1, pooling->stride) ||
        layering_pair(self, "padding", zeroes, 0, pooling->padding) != 0 ||
        layering_pair(self, "dilation", ones, 1, pooling->dilation) != 0 ||
        layering_bool(self, "ceil_mode", false, &pooling->ceil_mode) != 0)
        return -1;
    const shape_t *x = layering_shape(self);
    for (int i = 0; i < 2; i++) {
        if (pooling->padding[i] * 2 > pooling->kernel[i])
            return layering_wrong(self,
                                  "padding = %lld is more than half of "
                                  "kernel_size = %lld",
                                  (long long)pooling->padding[i],
                                  (long long)pooling->kernel[i]);
        pooling->over[i] =
            pooling->ceil_mode
                ? s_overhang(x->dims[i + 2], pooling->kernel[i],
                             pooling->stride[i], pooling->padding[i],
                             pooling->dilation[i])
                : 0;
        pooling->pads[i] = pooling->pads[i + 2] = pooling->padding[i];
    }
    return 0;
}

/* Runtimes disagree about ceil_mode; padding that reaches as far gives the
 * same numbers everywhere, since a maximum ignores it. */
int
layer_max_pool(layering_t *self)
{
    pooling_t pooling;
    if (s_read_pooling(self, &pooling) != 0)
        return -1;
    pooling.pads[2] += pooling.over[0];
    pooling.pads[3] += pooling.over[1];
    int node = layering_node(self, "MaxPool", NULL, self->inputs, 1);
    if (node < 0 || s_set_window(self, node, pooling.kernel, pooling.stride,
                                 pooling.dilation, pooling.pads) != 0)
        return -1;
    return layering_finish(self, node);
}

/* Elements that the window at place `i` of an axis counts: `padding` is
 * counted, what ceil_mode adds beyond it is not. */
static int64_t
s_counted(const pooling_t *pooling, int axis, int64_t size, int64_t i)
{
    int64_t begin = i * pooling->stride[axis];
    int64_t end = begin + pooling->kernel[axis];
    int64_t limit = size + 2 * pooling->padding[axis];
    return (end < limit ? end : limit) - begin;
}

/* What a mean over whole windows has to be multiplied with where fewer
 * elements count: a constant [1, 1, height, width]. */
static int
s_correction(layering_t *self, const pooling_t *pooling, int pooled)
{
    const int64_t *size = &layering_shape(self)->dims[2];
    shape_t shape = self->types[pooled].shape;
    shape.dims[0] = shape.dims[1] = 1;
    tensor_t factors;
    if (tensor_init(&factors, DTYPE_FLOAT32, &shape, self->fault) != 0)
        return -1;
    float *items = factors.data;
    double whole = (double)(pooling->kernel[0] * pooling->kernel[1]);
    for (int64_t i = 0; i < shape.dims[2]; i++)
        for (int64_t j = 0; j < shape.dims[3]; j++)
            *items++ =
                (float)(whole / (double)(s_counted(pooling, 0, size[0], i) *
                                         s_counted(pooling, 1, size[1], j)));
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
    if (node < 0 ||
        s_set_window(self, node, pooling->kernel, pooling->stride, NULL,
                     pooling->pads) != 0 ||
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
    bool counted;
    if (s_read_pooling(self, &pooling) != 0 ||
        layering_bool(self, "count_include_pad", true, &counted) != 0)
        return -1;
    counted = counted && (pooling.padding[0] > 0 || pooling.padding[1] > 0);
    pooling.pads[2] += pooling.over[0];
    pooling.pads[3] += pooling.over[1];
    if (!counted || (pooling.over[0] == 0 && pooling.over[1] == 0))
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
s_uneven_pool(layering_t *self, const int64_t size[2], const int64_t wanted[2])
{
    int wide[] = {self->inputs[0],
                  s_average_matrix(self, "columns", size[1], wanted[1])};
    int high[] = {-1, s_average_matrix(self, "rows", size[0], wanted[0])};
    if (wide[1] < 0 || high[1] < 0)
        return -1;
    int mean = layering_simple(self, "MatMul", "wide", wide, 2);
    if (mean >= 0)
        mean = s_swap(self, "turned", mean);
    high[0] = mean;
    if (mean >= 0)
        mean = layering_simple(self, "MatMul", "high", high, 2);
    return mean < 0 ? -1 : s_swap(self, NULL, mean);
}

int
layer_adaptive_pool(layering_t *self)
{
    int64_t wanted[2];
    if (s_check_image(self) != 0 ||
        layering_pair(self, "output_size", NULL, 1, wanted) != 0)
        return -1;
    const int64_t *dims = layering_shape(self)->dims;
    const int64_t size[] = {dims[2], dims[3]};
    if (wanted[0] == 1 && wanted[1] == 1)
        return layering_simple(self, "GlobalAveragePool", NULL, self->inputs,
                               1);
    if (size[0] == wanted[0] && size[1] == wanted[1])
        return layering_simple(self, "Identity", NULL, self->inputs, 1);
    if (size[0] % wanted[0] != 0 || size[1] % wanted[1] != 0)
        return s_uneven_pool(self, size, wanted);
    const int64_t kernel[] = {size[0] / wanted[0], size[1] / wanted[1]};
    const int64_t pads[4] = {0};
    int node = layering_node(self, "AveragePool", NULL, self->inputs, 1);
    if (node < 0 || s_set_window(self, node, kernel, kernel, NULL, pads) != 0)
        return -1;
    return layering_finish(self, node);
}
