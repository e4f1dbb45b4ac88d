/* A whole graph computed node by node. */
#include "tests/support/interpret.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/eval.h"
#include "tests/support/tests.h"

enum { INPUTS_MAX = 8 };

static fault_t s_fault;

static void
s_read_givens(interpreted_t *self, const graph_t *graph,
              const float *const *inputs)
{
    for (size_t v = 0; v < self->count; v++) {
        const value_type_t *type = &self->types[v];
        size_t bytes = tensor_bytes(type->dtype, &type->shape, 0);
        self->data[v] = calloc(1, bytes + 1);
        assert_non_null(self->data[v]);
        if (graph->values[v].constant)
            assert_ok(graph_read_constant(graph, (int)v, type->dtype,
                                          self->data[v], &s_fault),
                      &s_fault);
    }
    for (int i = 0; i < graph->inputs_count; i++) {
        int x = graph->inputs[i];
        const value_type_t *type = &self->types[x];
        memcpy(self->data[x], inputs[i],
               tensor_bytes(type->dtype, &type->shape, 0));
    }
}

static void
s_gemm(const interpreted_t *self, const node_t *node)
{
    const shape_t *weights = &self->types[node->inputs[1]].shape;
    size_t outs = (size_t)weights->dims[0], depth = (size_t)weights->dims[1];
    size_t rows = (size_t)self->types[node->outputs[0]].shape.dims[0];
    const float *x = self->data[node->inputs[0]];
    const float *w = self->data[node->inputs[1]];
    const float *bias = self->data[node->inputs[2]];
    float *y = self->data[node->outputs[0]];
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outs; o++) {
            double sum = (double)bias[o];
            for (size_t d = 0; d < depth; d++)
                sum += (double)x[r * depth + d] * (double)w[o * depth + d];
            y[r * outs + o] = (float)sum;
        }
}

static void
s_evaluate(const interpreted_t *self, const node_t *node)
{
    array_t arrays[2 * INPUTS_MAX];
    const array_t *inputs[INPUTS_MAX] = {NULL};
    array_t *outputs[INPUTS_MAX] = {NULL};
    assert_true(node->inputs_count <= INPUTS_MAX);
    for (int i = 0; i < node->inputs_count; i++) {
        int v = node->inputs[i];
        if (v == GRAPH_NONE)
            continue;
        arrays[i] = (array_t){self->types[v].dtype, self->types[v].shape,
                              self->data[v]};
        inputs[i] = &arrays[i];
    }
    for (int i = 0; i < node->outputs_count; i++) {
        int v = node->outputs[i];
        arrays[INPUTS_MAX + i] = (array_t){self->types[v].dtype,
                                           self->types[v].shape, self->data[v]};
        outputs[i] = &arrays[INPUTS_MAX + i];
    }
    assert_ok(eval_run(node, inputs, outputs, &s_fault), &s_fault);
}

void
interpret(interpreted_t *self, const graph_t *graph, int64_t batch,
          const float *const *inputs)
{
    *self = (interpreted_t){.count = graph->values_count};
    self->types = shape_types_new(graph, batch, &s_fault);
    assert_ok(self->types ? 0 : -1, &s_fault);
    self->data = calloc(self->count, sizeof *self->data);
    assert_non_null(self->data);
    s_read_givens(self, graph, inputs);
    for (size_t n = 0; n < graph->nodes_count; n++) {
        const node_t *node = &graph->nodes[n];
        if (strcmp(node->op, "Gemm") == 0)
            s_gemm(self, node);
        else
            s_evaluate(self, node);
    }
}

void
interpret_end(interpreted_t *self)
{
    for (size_t v = 0; v < self->count; v++)
        free(self->data[v]);
    free(self->data);
    free(self->types);
    *self = (interpreted_t){0};
}
