/* Layers without a window: products, norms, activations, joins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/layers_ops.h"

/* The weight [out, in] turned into [in, out], as MatMul wants it. */
static int
s_turned(layering_t *self, int w)
{
    const shape_t *shape = &self->graph->values[w].shape;
    int64_t rows = shape->dims[0], columns = shape->dims[1];
    const shape_t turned = {2, {columns, rows}};
    tensor_t from, to;
    if (tensor_init(&from, DTYPE_FLOAT32, shape, self->fault) != 0)
        return -1;
    int value = -1;
    if (tensor_init(&to, DTYPE_FLOAT32, &turned, self->fault) == 0) {
        const float *in = from.data;
        float *out = to.data;
        int result = graph_read_constant(self->graph, w, DTYPE_FLOAT32,
                                         from.data, self->fault);
        for (int64_t i = 0; result == 0 && i < rows * columns; i++)
            out[i % columns * rows + i / columns] = in[i];
        if (result == 0)
            value = layering_constant(self, "turned", DTYPE_FLOAT32, &turned,
                                      to.data);
        tensor_release(&to);
    }
    tensor_release(&from);
    return value;
}

static int
s_gemm(layering_t *self, int w, int bias)
{
    const int inputs[] = {self->inputs[0], w, bias};
    int node =
        layering_node(self, "Gemm", NULL, inputs, bias == GRAPH_NONE ? 2 : 3);
    if (node < 0 ||
        graph_set_int(self->graph, node, "transB", 1, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

int
layer_linear(layering_t *self)
{
    int rank = layering_shape(self)->rank, w, bias = GRAPH_NONE;
    bool with;
    if (rank < 2)
        return layering_unfit(self, "Linear wants [N, ..., features]");
    const shape_t wanted = {2,
                            {LAYER_ANY, layering_shape(self)->dims[rank - 1]}};
    if (layering_weight(self, "weight", &wanted, true, &w) != 0 ||
        layering_agree(self, "in_features", wanted.dims[1]) != 0 ||
        layering_agree(self, "out_features",
                       self->graph->values[w].shape.dims[0]) != 0 ||
        layering_bool(self, "bias", true, &with) != 0)
        return -1;
    const shape_t row = {1, {self->graph->values[w].shape.dims[0]}};
    if (with && layering_weight(self, "bias", &row,
                                setting_find(self->setting, "bias") != NULL,
                                &bias) != 0)
        return -1;
    if (rank == 2)
        return s_gemm(self, w, bias);
    int turned = s_turned(self, w);
    const int factors[] = {self->inputs[0], turned};
    if (turned < 0)
        return -1;
    if (bias == GRAPH_NONE)
        return layering_simple(self, "MatMul", NULL, factors, 2);
    int product = layering_simple(self, "MatMul", "product", factors, 2);
    const int terms[] = {product, bias};
    return product < 0 ? -1 : layering_simple(self, "Add", NULL, terms, 2);
}

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
    char text[128];
    const shape_t *x = layering_shape(self);
    double eps, momentum;
    bool affine, tracked;
    if (x->rank != 4)
        return layering_unfit(self,
                              "BatchNorm2d wants [N, channels, height, "
                              "width], its input is %s",
                              shape_text(x, text, sizeof text));
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
layer_relu(layering_t *self)
{
    return layering_simple(self, "Relu", NULL, self->inputs, 1);
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
layer_sigmoid(layering_t *self)
{
    return layering_simple(self, "Sigmoid", NULL, self->inputs, 1);
}

int
layer_tanh(layering_t *self)
{
    return layering_simple(self, "Tanh", NULL, self->inputs, 1);
}

int
layer_silu(layering_t *self)
{
    int gate = layering_simple(self, "Sigmoid", "gate", self->inputs, 1);
    const int factors[] = {self->inputs[0], gate};
    return gate < 0 ? -1 : layering_simple(self, "Mul", NULL, factors, 2);
}

int
layer_hardswish(layering_t *self)
{
    return layering_simple(self, "HardSwish", NULL, self->inputs, 1);
}

/* Anything but "all behind the samples" is a reshape, in which 0 keeps an axis
 * and -1 takes the rest. */
int
layer_flatten(layering_t *self)
{
    int from, to, rank = layering_shape(self)->rank;
    if (layering_axis(self, "start_dim", 1, &from) != 0 ||
        layering_axis(self, "end_dim", -1, &to) != 0)
        return -1;
    if (from > to)
        return layering_wrong(self, "start_dim is behind end_dim");
    if (from == 1 && to == rank - 1)
        return layering_simple(self, "Flatten", NULL, self->inputs, 1);
    int64_t dims[TENSOR_RANK_MAX] = {0};
    shape_t shape = {1, {rank - (to - from)}};
    for (int i = 0; i < shape.dims[0]; i++)
        dims[i] = i < from    ? 0
                  : i == from ? -1
                              : layering_shape(self)->dims[i + to - from];
    const int inputs[] = {
        self->inputs[0],
        layering_constant(self, "shape", DTYPE_INT64, &shape, dims)};
    if (inputs[1] < 0)
        return -1;
    return layering_simple(self, "Reshape", NULL, inputs, 2);
}

int
layer_identity(layering_t *self)
{
    double ignored;
    if (layering_float(self, "p", 0.5, 0, 1, &ignored) != 0)
        return -1;
    return layering_simple(self, "Identity", NULL, self->inputs, 1);
}

static int
s_along(layering_t *self, const char *op, int64_t absent, int inputs_count)
{
    int axis;
    if (layering_axis(self, "dim", absent, &axis) != 0)
        return -1;
    int node = layering_node(self, op, NULL, self->inputs, inputs_count);
    if (node < 0 ||
        graph_set_int(self->graph, node, "axis", axis, self->fault) != 0)
        return -1;
    return layering_finish(self, node);
}

int
layer_softmax(layering_t *self)
{
    int rank = layering_shape(self)->rank;
    if (rank != 2 && !setting_find(self->setting, "dim"))
        return layering_wrong(self, "Softmax of rank %d needs dim", rank);
    return s_along(self, "Softmax", 1, 1);
}

/* A chain of sums, as torch adds them. */
int
layer_add(layering_t *self)
{
    int sum = self->inputs[0];
    for (int i = 1; i < self->inputs_count && sum >= 0; i++) {
        char suffix[16];
        snprintf(suffix, sizeof suffix, "%d", i);
        const int terms[] = {sum, self->inputs[i]};
        bool last = i == self->inputs_count - 1;
        sum = layering_simple(self, "Add", last ? NULL : suffix, terms, 2);
    }
    return sum;
}

int
layer_concat(layering_t *self)
{
    return s_along(self, "Concat", 1, self->inputs_count);
}
