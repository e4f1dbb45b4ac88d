/* Graphs for tests of the engine. */
#include "tests/support/networks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Used by benches too, so a failure ends the program. */
static int
s_require(int result, const fault_t *fault)
{
    if (result < 0) {
        fprintf(stderr, "network: %s\n", fault->text);
        abort();
    }
    return result;
}

static const char *
s_name(network_t *self, char name[32])
{
    snprintf(name, 32, "t%d", self->names++);
    return name;
}

void
network_init(network_t *self, uint64_t seed)
{
    fault_t fault = {0};
    *self = (network_t){.random = {seed}};
    self->graph = graph_new("network", &fault);
    s_require(self->graph ? 0 : -1, &fault);
}

void
network_release(network_t *self)
{
    graph_destroy(&self->graph);
    blob_release(&self->zeroes);
}

void
network_use_zeroes(network_t *self, size_t bytes_max)
{
    fault_t fault = {0};
    void *memory =
        calloc(1, bytes_max); /* pages nobody touches are not there */
    self->zeroes = memory ? blob_take(memory, bytes_max, &fault) : NULL;
    s_require(self->zeroes ? 0 : -1, &fault);
}

static shape_t
s_shape(int rank, const int64_t *dims)
{
    shape_t shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dims[i] = dims[i];
    return shape;
}

int
network_input(network_t *self, const char *name, int rank, const int64_t *dims)
{
    fault_t fault = {0};
    shape_t shape = s_shape(rank, dims);
    int value =
        graph_add_value(self->graph, name, DTYPE_FLOAT32, &shape, &fault);
    s_require(value, &fault);
    self->graph->inputs[self->graph->inputs_count++] = value;
    return value;
}

static int
s_zeroes(network_t *self, const shape_t *shape)
{
    fault_t fault = {0};
    char name[32];
    blob_t *blob = blob_slice(self->zeroes, 0,
                              tensor_bytes(DTYPE_FLOAT32, shape, 0), &fault);
    s_require(blob ? 0 : -1, &fault);
    int value =
        graph_add_constant(self->graph, s_name(self, name), DTYPE_FLOAT32,
                           shape, DTYPE_FLOAT32, blob, &fault);
    blob_release(&blob);
    return s_require(value, &fault);
}

int
network_weights(network_t *self, int rank, const int64_t *dims, float scale)
{
    fault_t fault = {0};
    char name[32];
    shape_t shape = s_shape(rank, dims);
    if (self->zeroes)
        return s_zeroes(self, &shape);
    size_t count = (size_t)shape_elements(&shape);
    float *floats = naive_floats(&self->random, count);
    for (size_t i = 0; i < count; i++)
        floats[i] *= scale;
    int value = graph_add_elements(self->graph, s_name(self, name),
                                   DTYPE_FLOAT32, &shape, floats, &fault);
    free(floats);
    return s_require(value, &fault);
}

int
network_ints(network_t *self, size_t count, const int64_t *values)
{
    fault_t fault = {0};
    char name[32];
    shape_t shape = {1, {(int64_t)count}};
    return s_require(graph_add_elements(self->graph, s_name(self, name),
                                        DTYPE_INT64, &shape, values, &fault),
                     &fault);
}

int
network_float(network_t *self, float value)
{
    fault_t fault = {0};
    char name[32];
    shape_t shape = {0};
    return s_require(graph_add_elements(self->graph, s_name(self, name),
                                        DTYPE_FLOAT32, &shape, &value, &fault),
                     &fault);
}

int
network_node(network_t *self, const char *op, int inputs_count,
             const int *inputs, int *node)
{
    fault_t fault = {0};
    char name[32];
    int output = s_require(graph_add_value(self->graph, s_name(self, name),
                                           DTYPE_FLOAT32, NULL, &fault),
                           &fault);
    int index = s_require(graph_add_node(self->graph, op, name, inputs,
                                         inputs_count, &output, 1, &fault),
                          &fault);
    if (node)
        *node = index;
    return output;
}

static void
s_ints(network_t *self, int node, const char *name, size_t count, int64_t value)
{
    fault_t fault = {0};
    int64_t values[4] = {value, value, value, value};
    s_require(graph_set_ints(self->graph, node, name, values, count, &fault),
              &fault);
}

int
network_conv(network_t *self, int x, int64_t ins, int64_t outs, int64_t k,
             int64_t stride, int64_t pad, int64_t groups)
{
    fault_t fault = {0};
    int node;
    float scale = 1.0f / sqrtf((float)(ins / groups * k * k));
    int64_t dims[4] = {outs, ins / groups, k, k};
    int inputs[3] = {x, network_weights(self, 4, dims, scale),
                     network_weights(self, 1, &outs, 0.1f)};
    int output = network_node(self, "Conv", 3, inputs, &node);
    s_ints(self, node, "kernel_shape", 2, k);
    s_ints(self, node, "strides", 2, stride);
    s_ints(self, node, "pads", 4, pad);
    s_require(graph_set_int(self->graph, node, "group", groups, &fault),
              &fault);
    return output;
}

int
network_linear(network_t *self, int x, int64_t ins, int64_t outs)
{
    fault_t fault = {0};
    int node;
    int64_t dims[2] = {outs, ins};
    int inputs[3] = {x,
                     network_weights(self, 2, dims, 1.0f / sqrtf((float)ins)),
                     network_weights(self, 1, &outs, 0.1f)};
    int output = network_node(self, "Gemm", 3, inputs, &node);
    s_require(graph_set_int(self->graph, node, "transB", 1, &fault), &fault);
    return output;
}

int
network_unary(network_t *self, const char *op, int x)
{
    return network_node(self, op, 1, &x, NULL);
}

int
network_binary(network_t *self, const char *op, int a, int b)
{
    int inputs[2] = {a, b};
    return network_node(self, op, 2, inputs, NULL);
}

int
network_pool(network_t *self, const char *op, int x, int64_t k, int64_t stride,
             int64_t pad)
{
    int node;
    int output = network_node(self, op, 1, &x, &node);
    s_ints(self, node, "kernel_shape", 2, k);
    s_ints(self, node, "strides", 2, stride);
    s_ints(self, node, "pads", 4, pad);
    return output;
}

void
network_output(network_t *self, int value)
{
    self->graph->outputs[self->graph->outputs_count++] = value;
}

void
network_cifar(network_t *self)
{
    const int64_t image[4] = {DIM_BATCH, 3, 32, 32};
    int x = network_input(self, "image", 4, image);
    x = network_unary(self, "Relu", network_conv(self, x, 3, 32, 3, 1, 1, 1));
    x = network_pool(self, "MaxPool", x, 2, 2, 0);
    x = network_unary(self, "Relu", network_conv(self, x, 32, 64, 3, 1, 1, 1));
    x = network_pool(self, "MaxPool", x, 2, 2, 0);
    x = network_unary(self, "Flatten", x);
    x = network_unary(self, "Relu", network_linear(self, x, 4096, 512));
    x = network_linear(self, x, 512, 10);
    network_output(self, network_unary(self, "Softmax", x));
}

static int
s_bottleneck(network_t *self, int x, int64_t ins, int64_t width, int64_t stride)
{
    int64_t outs = 4 * width;
    int y = network_conv(self, x, ins, width, 1, 1, 0, 1);
    y = network_conv(self, network_unary(self, "Relu", y), width, width, 3,
                     stride, 1, 1);
    y = network_conv(self, network_unary(self, "Relu", y), width, outs, 1, 1, 0,
                     1);
    if (ins != outs)
        x = network_conv(self, x, ins, outs, 1, stride, 0, 1);
    return network_unary(self, "Relu", network_binary(self, "Add", y, x));
}

void
network_resnet50(network_t *self)
{
    static const int blocks[4] = {3, 4, 6, 3};
    const int64_t image[4] = {DIM_BATCH, 3, 224, 224};
    int x = network_input(self, "image", 4, image);
    x = network_unary(self, "Relu", network_conv(self, x, 3, 64, 7, 2, 3, 1));
    x = network_pool(self, "MaxPool", x, 3, 2, 1);
    int64_t ins = 64, width = 64;
    for (int stage = 0; stage < 4; stage++, width *= 2)
        for (int b = 0; b < blocks[stage]; b++, ins = 4 * width)
            x = s_bottleneck(self, x, ins, width, b == 0 && stage > 0 ? 2 : 1);
    x = network_unary(self, "GlobalAveragePool", x);
    x = network_unary(self, "Flatten", x);
    network_output(self, network_linear(self, x, ins, 1000));
}
