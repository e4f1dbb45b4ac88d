/* Folding batch norms into the product before or behind them. */
#include "common/model/simplify_norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { CHAIN_MAX = 8 }; /* nodes between a norm and the product behind it */

/* Who reads what, of the values there were at first: those added are the
 * constants of one product each. */
typedef struct folding {
    graph_t *graph;
    int *uses;    /* of each value */
    int *readers; /* the last node whose first input it is, or GRAPH_NONE */
} folding_t;

/* A norm as scale and shift a channel. */
typedef struct norm {
    int node;
    size_t channels;
    double *scale, *shift;
} norm_t;

/* The weights of a Conv or Gemm as a matrix [out][in], each entry `window`
 * elements. They stay where they are, a scaled blob is put over them. */
typedef struct product {
    int node;
    size_t out, in, window;
    bool turned; /* stored [in][out] */

    /* Behind a norm: input i of a group is channel group * in + i, or of a
     * flattened image `area` inputs are one channel. */
    size_t groups, area;
} product_t;

/* Weight n in storage goes by factors[n / run % count]. */
typedef struct scale {
    size_t run;
    const double *factors;
    size_t count;
} scale_t;

static bool
s_is(const graph_t *graph, int node, const char *op)
{
    return node != GRAPH_NONE && !graph->nodes[node].removed &&
           strcmp(graph->nodes[node].op, op) == 0;
}

static double *
s_read(const graph_t *graph, int value, fault_t *fault)
{
    int64_t elements = shape_elements(&graph->values[value].shape);
    double *items = mem_new((size_t)elements, sizeof *items, fault);
    if (items &&
        graph_read_constant(graph, value, DTYPE_FLOAT64, items, fault) != 0) {
        free(items);
        return NULL;
    }
    return items;
}

static void
s_release_norm(norm_t *norm)
{
    free(norm->scale);
    free(norm->shift);
}

/* What is folded is written as float32, and read beside others of its type. */
static bool
s_is_constant(const graph_t *graph, int value)
{
    return value != GRAPH_NONE && graph->values[value].constant &&
           graph->values[value].dtype == DTYPE_FLOAT32;
}

/* 1: it is one with constant statistics; 0: leave it; -1: fault. */
static int
s_read_norm(const graph_t *graph, int index, norm_t *norm, fault_t *fault)
{
    const node_t *node = &graph->nodes[index];
    *norm = (norm_t){.node = index};
    if (!s_is(graph, index, "BatchNormalization") || node->inputs_count != 5 ||
        node_int(node, "training_mode", 0) != 0)
        return 0;
    for (int i = 1; i < 5; i++) {
        int value = node->inputs[i];
        if (!s_is_constant(graph, value) ||
            graph->values[value].shape.rank != 1 ||
            graph->values[value].shape.dims[0] !=
                graph->values[node->inputs[1]].shape.dims[0])
            return 0;
    }
    norm->channels = (size_t)graph->values[node->inputs[1]].shape.dims[0];
    norm->scale = s_read(graph, node->inputs[1], fault);
    norm->shift = s_read(graph, node->inputs[2], fault);
    double *mean = s_read(graph, node->inputs[3], fault);
    double *variance = s_read(graph, node->inputs[4], fault);
    double epsilon = (double)node_float(node, "epsilon", 1e-5f);
    bool read = norm->scale && norm->shift && mean && variance;
    for (size_t c = 0; read && c < norm->channels; c++) {
        norm->scale[c] /= sqrt(variance[c] + epsilon);
        norm->shift[c] -= mean[c] * norm->scale[c];
    }
    free(mean);
    free(variance);
    return read ? 1 : -1;
}

/* A Conv or plain Gemm with constant weights and a bias an output; nothing is
 * read yet. */
static bool
s_find_product(const graph_t *graph, int index, product_t *product)
{
    bool conv = s_is(graph, index, "Conv");
    *product = (product_t){.node = index};
    if (!conv && !s_is(graph, index, "Gemm"))
        return false;
    const node_t *node = &graph->nodes[index];
    if (node->inputs_count < 2 || !s_is_constant(graph, node->inputs[1]))
        return false;
    if (!conv &&
        (node_int(node, "transA", 0) != 0 ||
         node_float(node, "alpha", 1) != 1 || node_float(node, "beta", 1) != 1))
        return false;
    const shape_t *shape = &graph->values[node->inputs[1]].shape;
    if (shape->rank < 2 || (!conv && shape->rank != 2) ||
        shape_elements(shape) == 0)
        return false;
    product->turned = !conv && node_int(node, "transB", 0) == 0;
    product->out = (size_t)shape->dims[product->turned];
    product->in = (size_t)shape->dims[!product->turned];
    product->window =
        (size_t)shape_elements(shape) / product->out / product->in;
    if (node->inputs_count < 3 || node->inputs[2] == GRAPH_NONE)
        return true;
    const value_t *bias = &graph->values[node->inputs[2]];
    return bias->constant && bias->shape.rank == 1 &&
           (size_t)bias->shape.dims[0] == product->out;
}

static double *
s_read_bias(const graph_t *graph, const product_t *product, fault_t *fault)
{
    const node_t *node = &graph->nodes[product->node];
    bool biased = node->inputs_count > 2 && node->inputs[2] != GRAPH_NONE;
    return biased ? s_read(graph, node->inputs[2], fault)
                  : mem_new(product->out, sizeof(double), fault);
}

/* New constants, since the old ones may have other readers. */
static int
s_put_bias(graph_t *graph, const product_t *product, const double *bias,
           fault_t *fault)
{
    const shape_t row = {1, {(int64_t)product->out}};
    char *name = graph_fresh_name(graph, graph->nodes[product->node].name,
                                  "shift", fault);
    float *floats = name ? mem_new(product->out, sizeof *floats, fault) : NULL;
    int value = -1;
    if (floats) {
        for (size_t i = 0; i < product->out; i++)
            floats[i] = (float)bias[i];
        value =
            graph_add_elements(graph, name, DTYPE_FLOAT32, &row, floats, fault);
    }
    free(floats);
    free(name);
    return value;
}

static int
s_put_weights(graph_t *graph, const product_t *product, const scale_t *scale,
              fault_t *fault)
{
    const node_t *node = &graph->nodes[product->node];
    const value_t *old = &graph->values[node->inputs[1]];
    const shape_t shape = old->shape;
    char *name = graph_fresh_name(graph, node->name, "folded", fault);
    blob_t *blob =
        name ? blob_scale(old->constant->blob, old->constant->stored,
                          scale->run, scale->factors, scale->count, fault)
             : NULL;
    int value = blob ? graph_add_constant(graph, name, DTYPE_FLOAT32, &shape,
                                          DTYPE_FLOAT32, blob, fault)
                     : -1;
    blob_release(&blob);
    free(name);
    return value;
}

static int
s_write_product(graph_t *graph, const product_t *product, const scale_t *scale,
                const double *bias, fault_t *fault)
{
    int weights = s_put_weights(graph, product, scale, fault);
    int shift = weights < 0 ? -1 : s_put_bias(graph, product, bias, fault);
    if (shift < 0)
        return -1;
    node_t *node = &graph->nodes[product->node];
    int *inputs = mem_new(3, sizeof *inputs, fault);
    if (!inputs)
        return -1;
    inputs[0] = node->inputs[0];
    inputs[1] = weights;
    inputs[2] = shift;
    free(node->inputs);
    node->inputs = inputs;
    node->inputs_count = 3;
    return 0;
}

/* W' = s W, b' = s b + t; the product makes what the norm made. */
static int
s_fold_back(graph_t *graph, const norm_t *norm, const product_t *product,
            fault_t *fault)
{
    double *bias = s_read_bias(graph, product, fault);
    for (size_t o = 0; bias && o < product->out; o++)
        bias[o] = bias[o] * norm->scale[o] + norm->shift[o];
    const scale_t scale = {
        .run = product->turned ? 1 : product->in * product->window,
        .factors = norm->scale,
        .count = product->out,
    };
    int result =
        bias ? s_write_product(graph, product, &scale, bias, fault) : -1;
    free(bias);
    if (result != 0)
        return -1;
    int made = graph->nodes[norm->node].outputs[0];
    graph_remove_node(graph, norm->node);
    graph_set_output(graph, product->node, 0, made);
    return 0;
}

/* The channel of the norm that input i of output o is. */
static size_t
s_channel(const product_t *product, size_t o, size_t i)
{
    size_t first = o / (product->out / product->groups) * product->in;
    return (first + i) / product->area;
}

/* b' = b + sum of W t */
static double *
s_shift_ahead(const graph_t *graph, const norm_t *norm,
              const product_t *product, fault_t *fault)
{
    double *bias = s_read_bias(graph, product, fault);
    double *weights =
        s_read(graph, graph->nodes[product->node].inputs[1], fault);
    if (!bias || !weights) {
        free(bias);
        free(weights);
        return NULL;
    }
    for (size_t o = 0; o < product->out; o++)
        for (size_t i = 0; i < product->in; i++) {
            size_t at =
                product->turned ? i * product->out + o : o * product->in + i;
            for (size_t k = 0; k < product->window; k++)
                bias[o] += weights[at * product->window + k] *
                           norm->shift[s_channel(product, o, i)];
        }
    free(weights);
    return bias;
}

/* W' = W s: a factor an input. Groups repeat them in no simple way, so that
 * each output has its own there; those are freed by the caller. */
static scale_t
s_scale_ahead(const norm_t *norm, const product_t *product, double **factors,
              fault_t *fault)
{
    scale_t scale = {
        .run =
            product->area * (product->turned ? product->out : product->window),
        .factors = norm->scale,
        .count = norm->channels,
    };
    *factors = NULL;
    if (product->groups == 1)
        return scale;
    size_t count = product->out * product->in;
    *factors = mem_new(count, sizeof **factors, fault);
    for (size_t n = 0; *factors && n < count; n++)
        (*factors)[n] =
            norm->scale[s_channel(product, n / product->in, n % product->in)];
    return (scale_t){product->window, *factors, count};
}

static int
s_fold_ahead(folding_t *self, const norm_t *norm, const product_t *product,
             fault_t *fault)
{
    graph_t *graph = self->graph;
    double *factors;
    scale_t scale = s_scale_ahead(norm, product, &factors, fault);
    double *bias =
        scale.factors ? s_shift_ahead(graph, norm, product, fault) : NULL;
    int result =
        bias ? s_write_product(graph, product, &scale, bias, fault) : -1;
    free(bias);
    free(factors);
    if (result != 0)
        return -1;
    /* Whoever read the norm's output reads its input now. */
    const node_t *node = &graph->nodes[norm->node];
    int to = node->inputs[0], reader = self->readers[node->outputs[0]];
    graph_remove_node(graph, norm->node);
    graph->nodes[reader].inputs[0] = to;
    self->readers[to] = reader;
    return 0;
}

/* --- what stands behind a norm --- */

/* The node that alone reads a value, as its first input, or GRAPH_NONE. */
static int
s_reader(const folding_t *self, int value)
{
    return self->uses[value] == 1 ? self->readers[value] : GRAPH_NONE;
}

static bool
s_padded(const node_t *node)
{
    const attribute_t *pads = node_attribute(node, "pads");
    for (size_t i = 0; pads && i < pads->count; i++)
        if (pads->ints[i] != 0)
            return true;
    return strcmp(node_text(node, "auto_pad", "NOTSET"), "NOTSET") != 0;
}

/* Whether f(s x + t) = s f(x) + t for a node between norm and product. */
static bool
s_commutes(const node_t *node, const norm_t *norm)
{
    if (strcmp(node->op, "GlobalAveragePool") == 0 ||
        (strcmp(node->op, "Flatten") == 0 && node_int(node, "axis", 1) == 1))
        return true;
    if (strcmp(node->op, "AveragePool") == 0)
        return !s_padded(node) || node_int(node, "count_include_pad", 0) == 0;
    if (strcmp(node->op, "MaxPool") != 0)
        return false;
    for (size_t c = 0; c < norm->channels; c++)
        if (norm->scale[c] < 0)
            return false;
    return true;
}

static bool
s_no_shift(const norm_t *norm)
{
    for (size_t c = 0; c < norm->channels; c++)
        if (norm->shift[c] != 0)
            return false;
    return true;
}

/* Zero padding of a convolution stands for zeroes behind the norm; in front of
 * it they would not be zero, unless the norm shifts nothing. */
static bool
s_find_ahead(const folding_t *self, const norm_t *norm, product_t *product)
{
    const graph_t *graph = self->graph;
    int reader = s_reader(self, graph->nodes[norm->node].outputs[0]);
    for (int i = 0; i < CHAIN_MAX && reader != GRAPH_NONE &&
                    s_commutes(&graph->nodes[reader], norm);
         i++)
        reader = s_reader(self, graph->nodes[reader].outputs[0]);
    if (reader == GRAPH_NONE || !s_find_product(graph, reader, product))
        return false;
    const node_t *node = &graph->nodes[reader];
    product->groups = product->area = 1;
    if (strcmp(node->op, "Gemm") == 0) {
        product->area = product->in / norm->channels;
        return product->area * norm->channels == product->in;
    }
    product->groups = (size_t)node_int(node, "group", 1);
    return product->groups * product->in == norm->channels &&
           (!s_padded(node) || s_no_shift(norm));
}

/* The product before a norm, if nobody else reads what it makes. */
static bool
s_find_back(const folding_t *self, const norm_t *norm, product_t *product)
{
    const graph_t *graph = self->graph;
    int value = graph->nodes[norm->node].inputs[0];
    return s_find_product(graph, graph->values[value].producer, product) &&
           product->out == norm->channels && self->uses[value] == 1;
}

static int
s_fold(folding_t *self, const norm_t *norm, fault_t *fault)
{
    product_t product;
    if (s_find_back(self, norm, &product))
        return s_fold_back(self->graph, norm, &product, fault);
    if (s_find_ahead(self, norm, &product))
        return s_fold_ahead(self, norm, &product, fault);
    return 0;
}

static int
s_find_readers(folding_t *self, fault_t *fault)
{
    const graph_t *graph = self->graph;
    self->uses = graph_count_uses(graph, fault);
    self->readers = mem_new(graph->values_count, sizeof *self->readers, fault);
    if (!self->uses || !self->readers)
        return -1;
    for (size_t v = 0; v < graph->values_count; v++)
        self->readers[v] = GRAPH_NONE;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        const node_t *node = &graph->nodes[n];
        if (!node->removed && node->inputs_count > 0 &&
            node->inputs[0] != GRAPH_NONE)
            self->readers[node->inputs[0]] = (int)n;
    }
    return 0;
}

int
simplify_norms(graph_t *graph, fault_t *fault)
{
    folding_t self = {.graph = graph};
    int result = s_find_readers(&self, fault);
    for (size_t n = 0; result == 0 && n < graph->nodes_count; n++) {
        norm_t norm;
        result = s_read_norm(graph, (int)n, &norm, fault);
        if (result > 0)
            result = s_fold(&self, &norm, fault);
        s_release_norm(&norm);
    }
    free(self.uses);
    free(self.readers);
    return result;
}
