/* Graphs for tests of the engine, built in memory with random weights. */
#ifndef CONVOY_TESTS_SUPPORT_NETWORKS_H
#define CONVOY_TESTS_SUPPORT_NETWORKS_H

#include "common/model/graph.h"
#include "tests/support/naive.h"

/* A graph under construction; a failure fails the running test. */
typedef struct network {
    graph_t *graph;
    naive_random_t random;
    int names;
    blob_t *zeroes; /* what all weights are, after network_use_zeroes */
} network_t;

void network_init(network_t *self, uint64_t seed);
void network_release(network_t *self);

/* A graph input [N, dims...]; its value. */
int network_input(network_t *self, const char *name, int rank,
                  const int64_t *dims);

/* From now on weights, of at most so many bytes each, are zeroes that take no
 * memory: for large networks whose numbers do not matter. */
void network_use_zeroes(network_t *self, size_t bytes_max);

/* A constant of normal numbers times scale. */
int network_weights(network_t *self, int rank, const int64_t *dims,
                    float scale);
/* A constant of one axis from memory. */
int network_ints(network_t *self, size_t count, const int64_t *values);
int network_float(network_t *self, float value);

/* A node with one new output; inputs may be GRAPH_NONE. Returns the output;
 * *node (if not NULL) gets the node, for its attributes. */
int network_node(network_t *self, const char *op, int inputs_count,
                 const int *inputs, int *node);

/* Conv with bias, kernel k x k, and its attributes. */
int network_conv(network_t *self, int x, int64_t ins, int64_t outs, int64_t k,
                 int64_t stride, int64_t pad, int64_t groups);
/* Gemm with transposed weights and a bias. */
int network_linear(network_t *self, int x, int64_t ins, int64_t outs);
int network_unary(network_t *self, const char *op, int x);
int network_binary(network_t *self, const char *op, int a, int b);
int network_pool(network_t *self, const char *op, int x, int64_t k,
                 int64_t stride, int64_t pad);

/* Make a value an output and give it a name. */
void network_output(network_t *self, int value);

/* torchvision's resnet50 with its norms folded, [N, 3, 224, 224] to 1000
 * scores, its nodes in the order of PyTorch's export. */
void network_resnet50(network_t *self);

/* The replaced framework's network: [N, 3, 32, 32] to 10 probabilities. */
void network_cifar(network_t *self);

#endif
