/* Layers that are a function of each element, and softmax. */
#include "common/model/layers_ops.h"

int
layer_unary(layering_t *self)
{
    return layering_simple(self, self->row->node, NULL, self->inputs, 1);
}

static int
s_clip(layering_t *self, double min, double max)
{
    const int inputs[] = {self->inputs[0],
                          layering_scalar(self, "min", (float)min),
                          layering_scalar(self, "max", (float)max)};
    if (inputs[1] < 0 || inputs[2] < 0)
        return -1;
    return layering_simple(self, "Clip", NULL, inputs, 3);
}

int
layer_relu6(layering_t *self)
{
    return s_clip(self, 0.0, 6.0);
}

int
layer_hardtanh(layering_t *self)
{
    double min, max;
    if (layering_float(self, "min_val", -1.0, -1e30, 1e30, &min) != 0 ||
        layering_float(self, "max_val", 1.0, -1e30, 1e30, &max) != 0)
        return -1;
    if (min > max)
        return layering_wrong(self, "min_val is more than max_val");
    return s_clip(self, min, max);
}

/* An operator whose only attribute, alpha, has a name and default in torch. */
static int
s_alpha(layering_t *self, const char *argument, double absent)
{
    double alpha;
    if (layering_float(self, argument, absent, -1e6, 1e6, &alpha) != 0)
        return -1;
    int node = layering_node(self, self->row->node, NULL, self->inputs, 1);
    if (node < 0 || graph_set_float(self->graph, node, "alpha", (float)alpha,
                                    self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

int
layer_leaky_relu(layering_t *self)
{
    return s_alpha(self, "negative_slope", 0.01);
}

int
layer_elu(layering_t *self)
{
    return s_alpha(self, "alpha", 1.0);
}

int
layer_hard_sigmoid(layering_t *self)
{
    int node = layering_node(self, "HardSigmoid", NULL, self->inputs, 1);
    if (node < 0 ||
        graph_set_float(self->graph, node, "alpha", 1.0f / 6.0f, self->fault) ||
        graph_set_float(self->graph, node, "beta", 0.5f, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

/* One slope for all, or one a channel, which then lies across axis 1. */
int
layer_prelu(layering_t *self)
{
    const shape_t wanted = {1, {LAYER_ANY}};
    int w;
    if (layering_weight(self, "weight", &wanted, true, &w) != 0)
        return -1;
    const shape_t *x = layering_shape(self);
    int64_t count = self->graph->values[w].shape.dims[0];
    if (layering_agree(self, "num_parameters", count) != 0)
        return -1;
    if (count != 1 && (x->rank < 2 || count != x->dims[1]))
        return layering_unfit(self,
                              "%lld slopes for an input with %lld "
                              "channels",
                              (long long)count,
                              (long long)(x->rank < 2 ? 1 : x->dims[1]));
    shape_t across = {x->rank - 1, {count}};
    for (int i = 1; i < across.rank; i++)
        across.dims[i] = 1;
    const int inputs[] = {
        self->inputs[0],
        count == 1 ? w : layering_shaped(self, "slope", w, &across)};
    return inputs[1] < 0 ? -1 : layering_simple(self, "PRelu", NULL, inputs, 2);
}

int
layer_gelu(layering_t *self)
{
    static const char *const kinds[] = {"none", "tanh"};
    const setting_t *given = setting_find(self->setting, "approximate");
    int kind = 0;
    if (given &&
        setting_get_choice(given, "none|tanh", &kind, self->fault) != 0)
        return -1;
    int node = layering_node(self, "Gelu", NULL, self->inputs, 1);
    if (node < 0 || graph_set_text(self->graph, node, "approximate",
                                   kinds[kind], self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

int
layer_silu(layering_t *self)
{
    int gate = layering_simple(self, "Sigmoid", "gate", self->inputs, 1);
    const int factors[] = {self->inputs[0], gate};
    return gate < 0 ? -1 : layering_simple(self, "Mul", NULL, factors, 2);
}

int
layer_softmax(layering_t *self)
{
    int rank = layering_shape(self)->rank;
    if (rank != 2 && !setting_find(self->setting, "dim"))
        return layering_wrong(self, "%s of rank %d needs dim", self->row->op,
                              rank);
    return layering_along(self, self->row->node, 1, 1);
}
