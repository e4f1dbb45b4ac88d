/* Convolutions, and the attributes of all windows. */
#include "common/model/layers_ops.h"

static const int64_t zeroes[LAYER_AXES_MAX] = {0, 0};
static const int64_t ones[LAYER_AXES_MAX] = {1, 1};

int
layering_window(layering_t *self, int node, const layer_window_t *window,
                bool dilates)
{
    graph_t *graph = self->graph;
    size_t axes = (size_t)layering_axes(self);
    if (graph_set_ints(graph, node, "kernel_shape", window->kernel, axes,
                       self->fault) != 0 ||
        graph_set_ints(graph, node, "strides", window->stride, axes,
                       self->fault) != 0 ||
        graph_set_ints(graph, node, "pads", window->pads, 2 * axes,
                       self->fault) != 0)
        return -1;
    return dilates ? graph_set_ints(graph, node, "dilations", window->dilation,
                                    axes, self->fault)
                   : 0;
}

/* Numbers, or torch's words: "valid" is none, "same" keeps the size (stride 1;
 * an odd pixel goes to the end). */
static int
s_conv_padding(layering_t *self, layer_window_t *window)
{
    const setting_t *given = setting_find(self->setting, "padding");
    int axes = layering_axes(self);
    int64_t padding[LAYER_AXES_MAX] = {0};
    int same = 0;
    if (given && setting_kind(given) == SETTING_TEXT) {
        if (setting_get_choice(given, "valid|same", &same, self->fault) != 0)
            return -1;
    } else if (layering_extents(self, "padding", zeroes, 0, padding) != 0) {
        return -1;
    }
    for (int i = 0; i < axes; i++) {
        if (same && window->stride[i] != 1)
            return layering_wrong(self, "padding = \"same\" wants stride 1");
        int64_t total = same ? window->dilation[i] * (window->kernel[i] - 1)
                             : 2 * padding[i];
        window->pads[i] = total / 2;
        window->pads[i + axes] = total - total / 2;
    }
    return 0;
}

/* The kernel's sizes, which the weights tell; they may be given and must then
 * agree. */
static int
s_kernel(layering_t *self, const shape_t *w, layer_window_t *window)
{
    const int64_t *actual = &w->dims[2];
    if (layering_extents(self, "kernel_size", actual, 1, window->kernel) != 0)
        return -1;
    for (int i = 0; i < layering_axes(self); i++)
        if (window->kernel[i] != actual[i])
            return layering_unfit(self,
                                  "kernel_size = %lld, but by its weights "
                                  "axis %d of the kernel has %lld",
                                  (long long)window->kernel[i], i,
                                  (long long)actual[i]);
    const setting_t *mode = setting_find(self->setting, "padding_mode");
    int ignored;
    return mode ? setting_get_choice(mode, "zeros", &ignored, self->fault) : 0;
}

/* What does not follow from the weights; groups divide the input's channels. */
static int
s_read_conv(layering_t *self, int64_t *groups, layer_window_t *window)
{
    int64_t channels = layering_shape(self)->dims[1];
    if (layering_int(self, "groups", 1, 1, LAYER_EXTENT_MAX, groups) != 0 ||
        layering_extents(self, "stride", ones, 1, window->stride) != 0 ||
        layering_extents(self, "dilation", ones, 1, window->dilation) != 0)
        return -1;
    if (channels % *groups != 0)
        return layering_unfit(self,
                              "groups = %lld does not divide the %lld "
                              "channels of its input",
                              (long long)*groups, (long long)channels);
    return 0;
}

/* A node of inputs x, w and, where there is one, bias. */
static int
s_conv_node(layering_t *self, const char *op, int w, int bias, int64_t groups,
            const layer_window_t *window)
{
    const int inputs[] = {self->inputs[0], w, bias};
    int node =
        layering_node(self, op, NULL, inputs, bias == GRAPH_NONE ? 2 : 3);
    if (node < 0 || layering_window(self, node, window, true) != 0 ||
        graph_set_int(self->graph, node, "group", groups, self->fault) != 0)
        return -1;
    return node;
}

int
layer_conv(layering_t *self)
{
    int64_t groups;
    layer_window_t window = {0};
    int w, bias;
    if (s_read_conv(self, &groups, &window) != 0)
        return -1;
    int64_t channels = layering_shape(self)->dims[1];
    const shape_t wanted = {
        layering_axes(self) + 2,
        {LAYER_ANY, channels / groups, LAYER_ANY, LAYER_ANY}};
    if (layering_weight(self, "weight", &wanted, true, &w) != 0)
        return -1;
    const shape_t shape = self->graph->values[w].shape;
    if (layering_agree(self, "in_channels", channels) != 0 ||
        layering_agree(self, "out_channels", shape.dims[0]) != 0 ||
        s_kernel(self, &shape, &window) != 0 ||
        s_conv_padding(self, &window) != 0 ||
        layering_bias(self, shape.dims[0], &bias) != 0)
        return -1;
    int node = s_conv_node(self, "Conv", w, bias, groups, &window);
    return node < 0 ? -1 : layering_finish(self, node);
}

/* Weights are [in, out / groups, kernel...], and padding takes off the ends of
 * what comes out. */
int
layer_conv_transpose(layering_t *self)
{
    int axes = layering_axes(self), w, bias;
    int64_t groups, padding[LAYER_AXES_MAX], more[LAYER_AXES_MAX];
    layer_window_t window = {0};
    if (s_read_conv(self, &groups, &window) != 0 ||
        layering_extents(self, "padding", zeroes, 0, padding) != 0 ||
        layering_extents(self, "output_padding", zeroes, 0, more) != 0)
        return -1;
    int64_t channels = layering_shape(self)->dims[1];
    const shape_t wanted = {axes + 2,
                            {channels, LAYER_ANY, LAYER_ANY, LAYER_ANY}};
    if (layering_weight(self, "weight", &wanted, true, &w) != 0)
        return -1;
    const shape_t shape = self->graph->values[w].shape;
    int64_t out = shape.dims[1] * groups;
    if (layering_agree(self, "in_channels", channels) != 0 ||
        layering_agree(self, "out_channels", out) != 0 ||
        s_kernel(self, &shape, &window) != 0 ||
        layering_bias(self, out, &bias) != 0)
        return -1;
    for (int i = 0; i < axes; i++)
        window.pads[i] = window.pads[i + axes] = padding[i];
    int node = s_conv_node(self, "ConvTranspose", w, bias, groups, &window);
    if (node < 0 || graph_set_ints(self->graph, node, "output_padding", more,
                                   (size_t)axes, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}
