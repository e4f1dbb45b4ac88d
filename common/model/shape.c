/* Shape inference: the walk over the nodes, the table of operators, costs. */
#include "common/model/shape.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/shape_ops.h"

static const int64_t ELEMENTS_MAX = (int64_t)1 << 36;

typedef struct shape_row {
    const char *op;
    shaping_fn *infer;
    flop_fn *flop;   /* NULL: one an element of the output, or none at all */
    double per_item; /* where flop is NULL */
    mixes_fn *mixes; /* NULL: never */
} shape_row_t;

static const shape_row_t shape_rows[] = {
    {"Abs", shape_unary, NULL, 1, NULL},
    {"Add", shape_binary, NULL, 1, NULL},
    {"AveragePool", shape_pool, flop_pool, 0, NULL},
    {"BatchNormalization", shape_batch_norm, NULL, 2, NULL},
    {"Cast", shape_cast, NULL, 0, NULL},
    {"Clip", shape_clip, NULL, 1, NULL},
    {"Concat", shape_concat, NULL, 0, mixes_axis},
    {"Conv", shape_conv, flop_conv, 0, NULL},
    {"Div", shape_binary, NULL, 1, NULL},
    {"Dropout", shape_dropout, NULL, 0, NULL},
    {"Elu", shape_unary, NULL, 1, NULL},
    {"Erf", shape_unary, NULL, 1, NULL},
    {"Exp", shape_unary, NULL, 1, NULL},
    {"Flatten", shape_flatten, NULL, 0, mixes_flatten},
    {"Gelu", shape_unary, NULL, 1, NULL},
    {"Gemm", shape_gemm, flop_gemm, 0, mixes_gemm},
    {"GlobalAveragePool", shape_global_pool, flop_global_pool, 0, NULL},
    {"GlobalMaxPool", shape_global_pool, flop_global_pool, 0, NULL},
    {"HardSigmoid", shape_unary, NULL, 1, NULL},
    {"HardSwish", shape_unary, NULL, 1, NULL},
    {"Identity", shape_unary, NULL, 0, NULL},
    {"LeakyRelu", shape_unary, NULL, 1, NULL},
    {"LogSoftmax", shape_softmax, NULL, 3, mixes_axis},
    {"MatMul", shape_matmul, flop_matmul, 0, mixes_matmul},
    {"Max", shape_binary, NULL, 1, NULL},
    {"MaxPool", shape_pool, flop_pool, 0, NULL},
    {"Min", shape_binary, NULL, 1, NULL},
    {"Mul", shape_binary, NULL, 1, NULL},
    {"Neg", shape_unary, NULL, 1, NULL},
    {"Pow", shape_binary, NULL, 1, NULL},
    {"PRelu", shape_prelu, NULL, 1, NULL},
    {"Relu", shape_unary, NULL, 1, NULL},
    {"ReduceMean", shape_reduce_mean, NULL, 1, mixes_reduce},
    {"Reshape", shape_reshape, NULL, 0, NULL},
    {"Sigmoid", shape_unary, NULL, 1, NULL},
    {"Silu", shape_unary, NULL, 1, NULL},
    {"Softmax", shape_softmax, NULL, 3, mixes_axis},
    {"Sqrt", shape_unary, NULL, 1, NULL},
    {"Squeeze", shape_squeeze, NULL, 0, NULL},
    {"Sub", shape_binary, NULL, 1, NULL},
    {"Tanh", shape_unary, NULL, 1, NULL},
    {"Transpose", shape_transpose, NULL, 0, NULL},
    {"Unsqueeze", shape_unsqueeze, NULL, 0, NULL},
};

static const shape_row_t *
s_row(const char *op)
{
    for (size_t i = 0; i < sizeof shape_rows / sizeof shape_rows[0]; i++)
        if (strcmp(shape_rows[i].op, op) == 0)
            return &shape_rows[i];
    return NULL;
}

/* Dims of zero count as one here, so that no later product can overflow. */
static int
s_check_size(const value_t *value, const shape_t *shape, fault_t *fault)
{
    int64_t elements = 1;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i] ? shape->dims[i] : 1;
        if (dim < 0 || __builtin_mul_overflow(elements, dim, &elements) ||
            elements > ELEMENTS_MAX)
            return fault_set(fault, FAULT_INPUT,
                             "the tensor '%.100s' is too large", value->name);
    }
    return 0;
}

/* Before the nodes: inputs and constants are given. */
static int
s_start(const graph_t *graph, int64_t batch, value_type_t *types,
        fault_t *fault)
{
    for (size_t v = 0; v < graph->values_count; v++) {
        const value_t *value = &graph->values[v];
        types[v] = (value_type_t){.dtype = DTYPE_NONE};
        if (!value->constant)
            continue;
        if (s_check_size(value, &value->shape, fault) != 0)
            return -1;
        types[v] = (value_type_t){value->dtype, value->shape};
    }
    for (int i = 0; i < graph->inputs_count; i++) {
        const value_t *value = &graph->values[graph->inputs[i]];
        if (!value->shaped || value->dtype == DTYPE_NONE)
            return fault_set(fault, FAULT_INPUT,
                             "the input '%.100s' has no shape", value->name);
        value_type_t type = {value->dtype, value->shape};
        for (int axis = 0; axis < type.shape.rank; axis++) {
            if (type.shape.dims[axis] == DIM_BATCH && axis == 0)
                type.shape.dims[axis] = batch;
            if (type.shape.dims[axis] < 1)
                return fault_set(fault, FAULT_INPUT,
                                 "axis %d of the input '%.100s' has no fixed "
                                 "size; only axis 0, the batch, may vary",
                                 axis, value->name);
        }
        if (s_check_size(value, &type.shape, fault) != 0)
            return -1;
        types[graph->inputs[i]] = type;
    }
    return 0;
}

int
shape_infer_node(const graph_t *graph, int index, value_type_t *types,
                 fault_t *fault)
{
    const node_t *node = &graph->nodes[index];
    const shape_row_t *row = s_row(node->op);
    if (!row)
        return fault_set(fault, FAULT_UNSUPPORTED,
                         "node '%.60s': the operator %.40s is not supported",
                         node->name, node->op);
    const shaping_t shaping = {graph, node, types, fault};
    return row->infer(&shaping);
}

int
shape_infer(const graph_t *graph, int64_t batch, value_type_t *types,
            fault_t *fault)
{
    assert(batch >= 1);
    if (s_start(graph, batch, types, fault) != 0)
        return -1;
    for (size_t n = 0; n < graph->nodes_count; n++)
        if (!graph->nodes[n].removed &&
            shape_infer_node(graph, (int)n, types, fault) != 0)
            return -1;
    return 0;
}

value_type_t *
shape_types_new(const graph_t *graph, int64_t batch, fault_t *fault)
{
    value_type_t *types = mem_new(graph->values_count, sizeof *types, fault);
    if (types && shape_infer(graph, batch, types, fault) != 0) {
        free(types);
        return NULL;
    }
    return types;
}

/* Both shapes equal, or axis 0 alone grew as the batch did from a to b. (Inside
 * a part a sample may have several rows, as windows of an image do.) */
static bool
s_follows(const shape_t *one, const shape_t *other, int64_t a, int64_t b)
{
    if (one->rank != other->rank)
        return false;
    for (int i = 0; i < one->rank; i++)
        if (one->dims[i] != other->dims[i] &&
            (i != 0 || one->dims[0] % a != 0 ||
             one->dims[0] / a * b != other->dims[0]))
            return false;
    return true;
}

/* At the ends axis 0 must be the batch itself: a tensor of 2 N rows would not
 * tell which rows are whose. */
static bool
s_stacks(const graph_t *graph, const value_type_t *one,
         const value_type_t *other, int64_t a, int64_t b)
{
    for (size_t v = 0; v < graph->values_count; v++)
        if (!s_follows(&one[v].shape, &other[v].shape, a, b))
            return false;
    const int *ends[] = {graph->inputs, graph->outputs};
    const int counts[] = {graph->inputs_count, graph->outputs_count};
    for (int e = 0; e < 2; e++)
        for (int i = 0; i < counts[e]; i++)
            if (one[ends[e][i]].shape.rank == 0 ||
                one[ends[e][i]].shape.dims[0] != a ||
                other[ends[e][i]].shape.dims[0] != b)
                return false;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        const node_t *node = &graph->nodes[n];
        const shaping_t shaping = {graph, node, (value_type_t *)other, NULL};
        bool follows = false;
        for (int i = 0; i < node->outputs_count; i++)
            follows |= node->outputs[i] != GRAPH_NONE &&
                       !shape_equal(&one[node->outputs[i]].shape,
                                    &other[node->outputs[i]].shape);
        for (int i = 0; i < node->inputs_count; i++)
            follows |= node->inputs[i] != GRAPH_NONE &&
                       !shape_equal(&one[node->inputs[i]].shape,
                                    &other[node->inputs[i]].shape);
        mixes_fn *mixes = s_row(node->op)->mixes;
        if (follows && mixes && mixes(&shaping))
            return false;
    }
    return true;
}

int
shape_batchable(const graph_t *graph, bool *batchable, fault_t *fault)
{
    /* Two odd sizes that no network has as another dimension of its own. */
    enum { ONE = 3, OTHER = 7 };
    *batchable = false;
    value_type_t *single = shape_types_new(graph, 1, fault);
    if (!single)
        return -1;
    free(single);
    for (int i = 0; i < graph->inputs_count; i++) {
        const value_t *value = &graph->values[graph->inputs[i]];
        if (value->shape.rank == 0 || value->shape.dims[0] != DIM_BATCH)
            return 0;
    }
    fault_t ignored;
    value_type_t *one = shape_types_new(graph, ONE, &ignored);
    value_type_t *other = one ? shape_types_new(graph, OTHER, &ignored) : NULL;
    if (other)
        *batchable = s_stacks(graph, one, other, ONE, OTHER);
    free(one);
    free(other);
    return 0;
}

static uint64_t
s_bytes(const value_type_t *type)
{
    return tensor_bytes(type->dtype, &type->shape, 0);
}

node_cost_t
shape_cost(const graph_t *graph, const value_type_t *types, int index)
{
    const node_t *node = &graph->nodes[index];
    const shape_row_t *row = s_row(node->op);
    const shaping_t shaping = {graph, node, (value_type_t *)types, NULL};
    node_cost_t cost = {0};
    for (int i = 0; i < node->inputs_count; i++) {
        int input = node->inputs[i];
        if (input == GRAPH_NONE)
            continue;
        if (graph->values[input].constant) {
            cost.parameters += (uint64_t)shape_elements(&types[input].shape);
            cost.weight_bytes += s_bytes(&types[input]);
        } else {
            cost.activation_bytes += s_bytes(&types[input]);
        }
    }
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE)
            cost.activation_bytes += s_bytes(&types[node->outputs[i]]);
    if (row && row->flop)
        cost.flop = row->flop(&shaping);
    else if (row)
        cost.flop = row->per_item *
                    (double)shape_elements(&types[node->outputs[0]].shape);
    return cost;
}

int
shape_specs(const graph_t *graph, const value_type_t *one_sample,
            bool batchable, const int *values, int count, tensor_spec_t *specs,
            fault_t *fault)
{
    for (int i = 0; i < count; i++) {
        const char *name = graph->values[values[i]].name;
        if (strlen(name) > TENSOR_NAME_MAX)
            return fault_set(fault, FAULT_INPUT,
                             "the name '%.40s...' of a boundary tensor is "
                             "longer than %d bytes",
                             name, TENSOR_NAME_MAX);
        specs[i] = (tensor_spec_t){.dtype = one_sample[values[i]].dtype,
                                   .shape = one_sample[values[i]].shape};
        memcpy(specs[i].name, name, strlen(name) + 1);
        if (batchable)
            specs[i].shape.dims[0] = DIM_BATCH;
    }
    return 0;
}

int
shaping_fault(const shaping_t *self, const char *format, ...)
{
    char text[FAULT_TEXT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fault_set(self->fault, FAULT_INPUT, "node '%.60s' (%.40s): %s",
                     self->node->name, self->node->op, text);
}

const value_type_t *
shaping_input(const shaping_t *self, int index)
{
    if (index >= self->node->inputs_count ||
        self->node->inputs[index] == GRAPH_NONE)
        return NULL;
    return &self->types[self->node->inputs[index]];
}

int
shaping_arity(const shaping_t *self, int min, int max)
{
    const node_t *node = self->node;
    if (node->outputs_count < 1 || node->outputs[0] == GRAPH_NONE)
        return shaping_fault(self, "it has no output");
    if (node->inputs_count < min || node->inputs_count > max)
        return shaping_fault(self, "it has %d inputs, which should be %d to %d",
                             node->inputs_count, min, max);
    for (int i = 0; i < node->inputs_count; i++) {
        const value_type_t *input = shaping_input(self, i);
        if (!input && i < min)
            return shaping_fault(self, "its input %d is missing", i);
        if (input && input->dtype == DTYPE_NONE)
            return shaping_fault(self,
                                 "nothing is known about its input '%.60s'",
                                 self->graph->values[node->inputs[i]].name);
    }
    return 0;
}

int
shaping_floats(const shaping_t *self, int count)
{
    dtype_t first = DTYPE_NONE;
    for (int i = 0; i < count; i++) {
        const value_type_t *input = shaping_input(self, i);
        if (!input)
            continue;
        if (input->dtype != DTYPE_FLOAT32 && input->dtype != DTYPE_FLOAT16 &&
            input->dtype != DTYPE_FLOAT64 && input->dtype != DTYPE_BFLOAT16)
            return shaping_fault(self, "input %d is %s, not floating point", i,
                                 dtype_name(input->dtype));
        if (first != DTYPE_NONE && input->dtype != first)
            return shaping_fault(self, "input %d is %s beside %s", i,
                                 dtype_name(input->dtype), dtype_name(first));
        first = input->dtype;
    }
    return 0;
}

int
shaping_output(const shaping_t *self, dtype_t dtype, const shape_t *shape)
{
    char text[128];
    int64_t elements = shape_elements(shape);
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 1)
            return shaping_fault(self, "its output would be %s",
                                 shape_text(shape, text, sizeof text));
    if (elements < 0 || elements > ELEMENTS_MAX)
        return shaping_fault(self, "its output %s is too large",
                             shape_text(shape, text, sizeof text));
    self->types[self->node->outputs[0]] = (value_type_t){dtype, *shape};
    return 0;
}

int
shaping_ints(const shaping_t *self, const char *name, int count, int64_t absent,
             int64_t min, int64_t *values)
{
    const attribute_t *found = node_attribute(self->node, name);
    for (int i = 0; i < count; i++)
        values[i] = absent;
    if (!found)
        return 0;
    if (found->kind != ATTRIBUTE_INTS || found->count != (size_t)count)
        return shaping_fault(self, "%s should be %d integers", name, count);
    for (int i = 0; i < count; i++) {
        if (found->ints[i] < min || found->ints[i] > SHAPING_EXTENT_MAX)
            return shaping_fault(self,
                                 "%s has %lld, which should be %lld to "
                                 "%d",
                                 name, (long long)found->ints[i],
                                 (long long)min, SHAPING_EXTENT_MAX);
        values[i] = found->ints[i];
    }
    return 0;
}

int
shaping_axis(const shaping_t *self, int64_t axis, int rank, int *result)
{
    if (axis < -rank || axis >= rank)
        return shaping_fault(self, "axis %lld of a tensor of rank %d",
                             (long long)axis, rank);
    *result = (int)(axis < 0 ? axis + rank : axis);
    return 0;
}

int
shaping_constant(const shaping_t *self, int index, int64_t *values, int max)
{
    const value_type_t *input = shaping_input(self, index);
    int value = self->node->inputs[index];
    if (!self->graph->values[value].constant)
        return shaping_fault(self, "its input '%.60s' is not a constant",
                             self->graph->values[value].name);
    int64_t count = shape_elements(&input->shape);
    if (input->shape.rank > 1 || count > max || input->dtype != DTYPE_INT64)
        return shaping_fault(self,
                             "its input '%.60s' is not a list of at most "
                             "%d integers",
                             self->graph->values[value].name, max);
    if (graph_read_constant(self->graph, value, DTYPE_INT64, values,
                            self->fault) != 0)
        return -1;
    return (int)count;
}
