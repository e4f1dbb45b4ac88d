/* Upsample, as an ONNX Resize. */
#include "common/model/layers_ops.h"

/* How torch's modes are called there, and where their pixels lie. */
typedef struct resize_mode {
    const char *mode, *nearest, *place;
} resize_mode_t;

#define MODE_NAMES "nearest|nearest-exact|linear|bilinear|bicubic"
static const resize_mode_t modes[] = {
    {"nearest", "floor", "asymmetric"},
    {"nearest", "round_prefer_ceil", "half_pixel"},
    {"linear", NULL, "half_pixel"},
    {"linear", NULL, "half_pixel"},
    {"cubic", NULL, "half_pixel"},
};

static int
s_mode(layering_t *self, const resize_mode_t **mode, bool *aligned)
{
    const setting_t *given = setting_find(self->setting, "mode");
    int index = 0;
    if ((given &&
         setting_get_choice(given, MODE_NAMES, &index, self->fault) != 0) ||
        layering_bool(self, "align_corners", false, aligned) != 0)
        return -1;
    *mode = &modes[index];
    if (*aligned && (*mode)->nearest)
        return layering_wrong(self, "align_corners goes with linear, bilinear "
                                    "and bicubic");
    return 0;
}

/* Factors of all axes as a constant, from one number or one a spatial axis. */
static int
s_scales(layering_t *self, const setting_t *given)
{
    int axes = layering_axes(self);
    bool list = setting_kind(given) == SETTING_LIST;
    float scales[TENSOR_RANK_MAX] = {1.0f, 1.0f};
    if (list && setting_count(given) != (size_t)axes)
        return setting_fault(given, self->fault,
                             "this should be one number, or one for each of "
                             "%d axes",
                             axes);
    for (int i = 0; i < axes; i++) {
        double factor;
        if (setting_get_float(list ? setting_at(given, (size_t)i) : given, 0.01,
                              256.0, &factor, self->fault) != 0)
            return -1;
        scales[i + 2] = (float)factor;
    }
    const shape_t shape = {1, {axes + 2}};
    return layering_constant(self, "scales", DTYPE_FLOAT32, &shape, scales);
}

/* Sizes of the spatial axes as a constant. */
static int
s_sizes(layering_t *self)
{
    int64_t sizes[LAYER_AXES_MAX];
    const shape_t shape = {1, {layering_axes(self)}};
    if (layering_extents(self, "size", NULL, 1, sizes) != 0)
        return -1;
    return layering_constant(self, "sizes", DTYPE_INT64, &shape, sizes);
}

static int
s_set_mode(layering_t *self, int node, const resize_mode_t *mode, bool aligned)
{
    graph_t *graph = self->graph;
    const char *place = aligned ? "align_corners" : mode->place;
    if (graph_set_text(graph, node, "mode", mode->mode, self->fault) != 0 ||
        graph_set_text(graph, node, "coordinate_transformation_mode", place,
                       self->fault) != 0)
        return -1;
    return mode->nearest ? graph_set_text(graph, node, "nearest_mode",
                                          mode->nearest, self->fault)
                         : 0;
}

int
layer_upsample(layering_t *self)
{
    static const int64_t spatial[LAYER_AXES_MAX] = {2, 3};
    const setting_t *scale = setting_find(self->setting, "scale_factor");
    const resize_mode_t *mode;
    bool aligned;
    int axes = layering_axes(self);
    if (axes < 1 || axes > LAYER_AXES_MAX)
        return layering_unfit(self, "Upsample wants [N, channels, length] or "
                                    "[N, channels, height, width]");
    if (!scale == !setting_find(self->setting, "size"))
        return layering_wrong(self, "Upsample needs size or scale_factor");
    if (s_mode(self, &mode, &aligned) != 0)
        return -1;
    int inputs[] = {self->inputs[0], GRAPH_NONE, GRAPH_NONE, GRAPH_NONE};
    int last = scale ? 2 : 3;
    inputs[last] = scale ? s_scales(self, scale) : s_sizes(self);
    if (inputs[last] < 0)
        return -1;
    int node = layering_node(self, "Resize", NULL, inputs, last + 1);
    if (node < 0 || s_set_mode(self, node, mode, aligned) != 0)
        return -1;
    if (!scale && graph_set_ints(self->graph, node, "axes", spatial,
                                 (size_t)axes, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}
