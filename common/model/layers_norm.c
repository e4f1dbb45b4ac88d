/* Layers that normalise. */
#include <stdlib.h>

#include "common/mem.h"
#include "common/model/layers_ops.h"

/* A weight of a batch norm, or the number that stands for it. */
static int
s_norm_weight(layering_t *self, const char *suffix, bool required,
              const shape_t *shape, float absent, int *value)
{
    if (layering_weight(self, suffix, shape, required, value) != 0)
        return -1;
    if (*value != GRAPH_NONE)
        return 0;
    float *items = mem_new((size_t)shape->dims[0], sizeof *items, self->fault);
    if (!items)
        return -1;
    for (int64_t i = 0; i < shape->dims[0]; i++)
        items[i] = absent;
    *value = layering_constant(self, suffix, DTYPE_FLOAT32, shape, items);
    free(items);
    return *value < 0 ? -1 : 0;
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
    if (node < 0 || graph_set_float(self->graph, node, "epsilon", (float)eps,
                                    self->fault) != 0)
        return -1;
    return layering_finish(self, node);
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
