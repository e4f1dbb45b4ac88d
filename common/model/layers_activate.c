/* Layers that are a function of each element, and softmax. */
#include "common/model/layers_ops.h"

int
layer_unary(layering_t *self)
{
    return layering_simple(self, self->row->node, NULL, self->inputs, 1);
}

int
layer_relu6(layering_t *self)
{
    const int inputs[] = {self->inputs[0], layering_scalar(self, "min", 0),
                          layering_scalar(self, "max", 6)};
    if (inputs[1] < 0 || inputs[2] < 0)
        return -1;
    return layering_simple(self, "Clip", NULL, inputs, 3);
}

int
layer_leaky_relu(layering_t *self)
{
    double slope;
    if (layering_float(self, "negative_slope", 0.01, -1e6, 1e6, &slope) != 0)
        return -1;
    int node = layering_node(self, "LeakyRelu", NULL, self->inputs, 1);
    if (node < 0 || graph_set_float(self->graph, node, "alpha", (float)slope,
                                    self->fault) != 0)
        return -1;
    return layering_finish(self, node);
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
        return layering_wrong(self, "Softmax of rank %d needs dim", rank);
    return layering_along(self, self->row->node, 1, 1);
}
