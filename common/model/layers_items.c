/* Linear, what joins branches, and what does nothing. */
#include <stdio.h>

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
    int rank = layering_shape(self)->rank, w, bias;
    if (rank < 2)
        return layering_unfit(self, "Linear wants [N, ..., features]");
    int64_t features = layering_shape(self)->dims[rank - 1];
    const shape_t wanted = {2, {LAYER_ANY, features}};
    if (layering_weight(self, "weight", &wanted, true, &w) != 0)
        return -1;
    int64_t rows = self->graph->values[w].shape.dims[0];
    if (layering_agree(self, "in_features", features) != 0 ||
        layering_agree(self, "out_features", rows) != 0 ||
        layering_bias(self, rows, &bias) != 0)
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

int
layer_identity(layering_t *self)
{
    double ignored;
    if (layering_float(self, "p", 0.5, 0, 1, &ignored) != 0)
        return -1;
    return layering_nothing(self);
}

/* One after the other, as torch computes a + b + c. */
int
layer_chain(layering_t *self)
{
    int sum = self->inputs[0];
    for (int i = 1; i < self->inputs_count && sum >= 0; i++) {
        char suffix[16];
        snprintf(suffix, sizeof suffix, "%d", i);
        const int terms[] = {sum, self->inputs[i]};
        bool last = i == self->inputs_count - 1;
        sum = layering_simple(self, self->row->node, last ? NULL : suffix,
                              terms, 2);
    }
    return sum;
}

int
layer_concat(layering_t *self)
{
    return layering_along(self, "Concat", 1, self->inputs_count);
}
