/* Layers that normalise. */
#include <stdlib.h>

#include "common/mem.h"
#include "common/model/layers_ops.h"

/* A weight of a norm, or the number that stands for it. */
static int
s_norm_weight(layering_t *self, const char *suffix, bool required,
              const shape_t *shape, float absent, int *value)
{
    *value = GRAPH_NONE;
    if (self->prefix &&
        layering_weight(self, suffix, shape, required, value) != 0)
        return -1;
    if (*value != GRAPH_NONE)
        return 0;
    int64_t count = shape_elements(shape);
    float *items = mem_new((size_t)count, sizeof *items, self->fault);
    if (!items)
        return -1;
    for (int64_t i = 0; i < count; i++)
        items[i] = absent;
    *value = layering_constant(self, suffix, DTYPE_FLOAT32, shape, items);
    free(items);
    return *value < 0 ? -1 : 0;
}

/* x, scale and bias: what the norms of a sample by itself take. With `weights`
 * the checkpoint has a scale and mostly a bias; the argument that says so in
 * torch may be given and must then agree. */
static int
s_norm_inputs(layering_t *self, const char *argument, const shape_t *shape,
              int inputs[3])
{
    bool affine, with = self->prefix != NULL;
    if (layering_bool(self, argument, with, &affine) != 0)
        return -1;
    if (affine != with)
        return layering_wrong(self,
                              with ? "it has weights, but %s is false"
                                   : "%s needs weights = \"...\"",
                              argument);
    inputs[0] = self->inputs[0];
    return s_norm_weight(self, "weight", self->prefix != NULL, shape, 1,
                         &inputs[1]) ||
                   s_norm_weight(self, "bias", false, shape, 0, &inputs[2])
               ? -1
               : 0;
}

static int
s_finish_norm(layering_t *self, int node, double eps)
{
    if (node < 0 || graph_set_float(self->graph, node, "epsilon", (float)eps,
                                    self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

int
layer_batch_norm(layering_t *self)
{
    const shape_t *x = layering_shape(self);
    double eps, momentum;
    bool affine, tracked;
    const shape_t wanted = {1, {x->dims[1]}};
    int inputs[5] = {self->inputs[0]};
    if (layering_float(self, "eps", 1e-5, 0, 1, &eps) != 0 ||
        layering_float(self, "momentum", 0.1, 0, 1, &momentum) != 0 ||
        layering_bool(self, "affine", true, &affine) != 0 ||
        layering_bool(self, "track_running_stats", true, &tracked) != 0 ||
        layering_agree(self, "num_features", wanted.dims[0]) != 0)
        return -1;
    if (!tracked)
        return layering_wrong(self, "without track_running_stats samples would "
                                    "depend on each other");
    affine = affine && setting_find(self->setting, "affine") != NULL;
    if (s_norm_weight(self, "weight", affine, &wanted, 1, &inputs[1]) != 0 ||
        s_norm_weight(self, "bias", affine, &wanted, 0, &inputs[2]) != 0 ||
        layering_weight(self, "running_mean", &wanted, true, &inputs[3]) != 0 ||
        layering_weight(self, "running_var", &wanted, true, &inputs[4]) != 0)
        return -1;
    int node = layering_node(self, "BatchNormalization", NULL, inputs, 5);
    return s_finish_norm(self, node, eps);
}

int
layer_batch_norm_1d(layering_t *self)
{
    char text[128];
    const shape_t *x = layering_shape(self);
    if (x->rank != 2 && x->rank != 3)
        return layering_unfit(self,
                              "BatchNorm1d wants [N, channels] or [N, "
                              "channels, length], its input is %s",
                              shape_text(x, text, sizeof text));
    return layer_batch_norm(self);
}

/* Over the last axes, the last one where normalized_shape says nothing. */
int
layer_layer_norm(layering_t *self)
{
    const shape_t x = *layering_shape(self);
    int64_t given[TENSOR_RANK_MAX];
    int count = 1, inputs[3];
    double eps;
    if (layering_float(self, "eps", 1e-5, 0, 1, &eps) != 0 ||
        (setting_find(self->setting, "normalized_shape") &&
         layering_ints(self, "normalized_shape", 1, INT32_MAX, given, &count)))
        return -1;
    if (count >= x.rank)
        return layering_unfit(self,
                              "normalized_shape has %d axes, the input "
                              "%d with the samples",
                              count, x.rank);
    shape_t shape = {.rank = count};
    for (int i = 0; i < count; i++) {
        shape.dims[i] = x.dims[x.rank - count + i];
        if (setting_find(self->setting, "normalized_shape") &&
            given[i] != shape.dims[i])
            return layering_unfit(self,
                                  "normalized_shape has %lld where its input "
                                  "has %lld",
                                  (long long)given[i],
                                  (long long)shape.dims[i]);
    }
    if (s_norm_inputs(self, "elementwise_affine", &shape, inputs) != 0)
        return -1;
    int node = layering_node(self, "LayerNormalization", NULL, inputs, 3);
    if (node < 0 ||
        graph_set_int(self->graph, node, "axis", -count, self->fault) != 0)
        return -1;
    return s_finish_norm(self, node, eps);
}

int
layer_group_norm(layering_t *self)
{
    const shape_t *x = layering_shape(self);
    int64_t groups;
    int inputs[3];
    double eps;
    if (x->rank < 3)
        return layering_unfit(self, "GroupNorm wants [N, channels, ...]");
    const shape_t shape = {1, {x->dims[1]}};
    if (layering_float(self, "eps", 1e-5, 0, 1, &eps) != 0 ||
        layering_int(self, "num_groups", 0, 1, LAYER_EXTENT_MAX, &groups) != 0)
        return -1;
    if (groups == 0)
        return layering_wrong(self, "GroupNorm needs num_groups");
    if (shape.dims[0] % groups != 0)
        return layering_unfit(self,
                              "num_groups = %lld does not divide the %lld "
                              "channels of its input",
                              (long long)groups, (long long)shape.dims[0]);
    if (layering_agree(self, "num_channels", shape.dims[0]) != 0 ||
        s_norm_inputs(self, "affine", &shape, inputs) != 0)
        return -1;
    int node = layering_node(self, "GroupNormalization", NULL, inputs, 3);
    if (node < 0 || graph_set_int(self->graph, node, "num_groups", groups,
                                  self->fault) != 0)
        return -1;
    return s_finish_norm(self, node, eps);
}

int
layer_instance_norm(layering_t *self)
{
    const shape_t shape = {1, {layering_shape(self)->dims[1]}};
    double eps, ignored;
    int inputs[3];
    bool tracked;
    if (layering_float(self, "eps", 1e-5, 0, 1, &eps) != 0 ||
        layering_float(self, "momentum", 0.1, 0, 1, &ignored) != 0 ||
        layering_bool(self, "track_running_stats", false, &tracked) != 0)
        return -1;
    if (tracked)
        return layering_wrong(self, "with track_running_stats it is a "
                                    "BatchNorm2d");
    if (layering_agree(self, "num_features", shape.dims[0]) != 0 ||
        s_norm_inputs(self, "affine", &shape, inputs) != 0)
        return -1;
    return s_finish_norm(
        self, layering_node(self, "InstanceNormalization", NULL, inputs, 3),
        eps);
}

/* Of an even size torch and ONNX take different neighbours. */
int
layer_local_response_norm(layering_t *self)
{
    int64_t size;
    double alpha, beta, k;
    if (layering_int(self, "size", 0, 1, LAYER_EXTENT_MAX, &size) != 0 ||
        layering_float(self, "alpha", 1e-4, -1e6, 1e6, &alpha) != 0 ||
        layering_float(self, "beta", 0.75, -1e3, 1e3, &beta) != 0 ||
        layering_float(self, "k", 1.0, -1e6, 1e6, &k) != 0)
        return -1;
    if (size % 2 == 0)
        return layering_wrong(self, "LocalResponseNorm needs an odd size");
    graph_t *graph = self->graph;
    int node = layering_node(self, "LRN", NULL, self->inputs, 1);
    if (node < 0 ||
        graph_set_int(graph, node, "size", size, self->fault) != 0 ||
        graph_set_float(graph, node, "alpha", (float)alpha, self->fault) != 0 ||
        graph_set_float(graph, node, "beta", (float)beta, self->fault) != 0 ||
        graph_set_float(graph, node, "bias", (float)k, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}
