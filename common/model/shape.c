/* Shape inference: the walk over the nodes, and costs. */
#include "common/model/shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/eval.h"
#include "common/model/shape_ops.h"

/* Dims of zero count as one here, so that no later product can overflow. */
static int
s_check_size(const value_t *value, const shape_t *shape, fault_t *fault)
{
    int64_t elements = 1;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i] ? shape->dims[i] : 1;
        if (dim < 0 || __builtin_mul_overflow(elements, dim, &elements) ||
            elements > SHAPING_ELEMENTS_MAX)
            return fault_set(fault, FAULT_INPUT,
                             "the tensor '%.100s' is too large", value->name);
    }
    return 0;
}

/* Constants that shapes may depend on are small: integers, scales. */
static bool
s_is_parameter(const value_type_t *type)
{
    enum { SCALES_MAX = 8 };
    size_t bytes = tensor_bytes(type->dtype, &type->shape, 0);
    int64_t elements = shape_elements(&type->shape);
    bool whole = type->dtype == DTYPE_INT64 || type->dtype == DTYPE_INT32 ||
                 type->dtype == DTYPE_BOOL;
    return bytes <= KNOWN_BYTES_MAX && (whole || elements <= SCALES_MAX);
}

int
shape_infer_start(const graph_t *graph, int64_t batch, value_type_t *types,
                  fault_t *fault)
{
    for (size_t v = 0; v < graph->values_count; v++) {
        const value_t *value = &graph->values[v];
        types[v] = (value_type_t){.dtype = DTYPE_NONE};
        if (!value->constant)
            continue;
        if (s_check_size(value, &value->shape, fault) != 0)
            return -1;
        types[v] = (value_type_t){.dtype = value->dtype, .shape = value->shape};
        if (s_is_parameter(&types[v])) {
            if (graph_read_constant(graph, (int)v, value->dtype,
                                    types[v].elements, fault) != 0)
                return -1;
            types[v].known = true;
        }
    }
    for (int i = 0; i < graph->inputs_count; i++) {
        const value_t *value = &graph->values[graph->inputs[i]];
        if (!value->shaped || value->dtype == DTYPE_NONE)
            return fault_set(fault, FAULT_INPUT,
                             "the input '%.100s' has no shape", value->name);
        value_type_t type = {.dtype = value->dtype, .shape = value->shape};
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

/* The elements of a node's outputs, where those of its inputs are known. */
static int
s_know(const shaping_t *self)
{
    enum { ARRAYS_MAX = 32 };
    const node_t *node = self->node;
    array_t arrays[2 * ARRAYS_MAX];
    const array_t *inputs[ARRAYS_MAX] = {0};
    array_t *outputs[ARRAYS_MAX] = {0};
    bool types_only = eval_needs_types_only(node->op);
    if (!eval_knows(node->op) || node->inputs_count > ARRAYS_MAX ||
        node->outputs_count > ARRAYS_MAX)
        return 0;
    for (int i = 0; i < node->inputs_count; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        value_type_t *type = &self->types[node->inputs[i]];
        if (!type->known && !types_only)
            return 0;
        arrays[i] = (array_t){type->dtype, type->shape,
                              type->known ? type->elements : NULL};
        inputs[i] = &arrays[i];
    }
    for (int i = 0; i < node->outputs_count; i++) {
        if (node->outputs[i] == GRAPH_NONE)
            continue;
        value_type_t *type = &self->types[node->outputs[i]];
        if (tensor_bytes(type->dtype, &type->shape, 0) > KNOWN_BYTES_MAX)
            return 0;
        arrays[ARRAYS_MAX + i] =
            (array_t){type->dtype, type->shape, type->elements};
        outputs[i] = &arrays[ARRAYS_MAX + i];
    }
    if (eval_run(node, inputs, outputs, self->fault) != 0)
        return -1;
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE)
            self->types[node->outputs[i]].known = true;
    return 0;
}

/* What inference gave no type is no output of the operator. */
static int
s_check_outputs(const shaping_t *self)
{
    for (int i = 0; i < self->node->outputs_count; i++) {
        int output = self->node->outputs[i];
        if (output != GRAPH_NONE && self->types[output].dtype == DTYPE_NONE)
            return shaping_fault(self, "the operator has no output %d", i);
    }
    return 0;
}

int
shape_infer_node(const graph_t *graph, int index, value_type_t *types,
                 fault_t *fault)
{
    const node_t *node = &graph->nodes[index];
    const shape_row_t *row = shape_row(node->op);
    if (!row)
        return fault_set(fault, FAULT_UNSUPPORTED,
                         "node '%.60s': the operator %.40s is not supported",
                         node->name, node->op);
    const shaping_t shaping = {
        .graph = graph, .node = node, .types = types, .fault = fault};
    return row->infer(&shaping) != 0 || s_check_outputs(&shaping) != 0 ||
                   s_know(&shaping) != 0
               ? -1
               : 0;
}

int
shape_infer(const graph_t *graph, int64_t batch, value_type_t *types,
            fault_t *fault)
{
    assert(batch >= 1);
    if (shape_infer_start(graph, batch, types, fault) != 0)
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

static uint64_t
s_bytes(const value_type_t *type)
{
    return tensor_bytes(type->dtype, &type->shape, 0);
}

node_cost_t
shape_cost(const graph_t *graph, const value_type_t *types, int index)
{
    const node_t *node = &graph->nodes[index];
    const shape_row_t *row = shape_row(node->op);
    const shaping_t shaping = {
        .graph = graph, .node = node, .types = (value_type_t *)types};
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
