/* One node on its own. */
#include "tests/support/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/shape.h"
#include "tests/support/tests.h"

void
evaluation_begin(evaluation_test_t *self)
{
    *self = (evaluation_test_t){0};
    self->graph = graph_new("one node", &self->fault);
    assert_non_null(self->graph);
}

void
evaluation_end(evaluation_test_t *self)
{
    for (int i = 0; i < EVALUATION_INPUTS_MAX; i++)
        tensor_release(&self->x[i]);
    for (int i = 0; i < EVALUATION_OUTPUTS_MAX; i++)
        tensor_release(&self->y[i]);
    graph_destroy(&self->graph);
}

static tensor_t *
s_fill(evaluation_test_t *self, dtype_t dtype, const shape_t *shape,
       const double *elements, size_t count)
{
    tensor_t *x = &self->x[self->inputs];
    assert_ok(tensor_init(x, dtype, shape, &self->fault), &self->fault);
    size_t total = (size_t)shape_elements(shape), size = dtype_size(dtype);
    for (size_t i = 0; i < total; i++)
        tensor_convert(dtype, (char *)x->data + i * size, DTYPE_FLOAT64,
                       &elements[i % count], 1);
    return x;
}

void
evaluation_input(evaluation_test_t *self, dtype_t dtype, shape_t shape,
                 const double *elements, size_t count)
{
    char name[16];
    s_fill(self, dtype, &shape, elements, count);
    snprintf(name, sizeof name, "x%d", self->inputs);
    self->values[self->inputs++] =
        graph_add_value(self->graph, name, dtype, &shape, &self->fault);
}

void
evaluation_constant(evaluation_test_t *self, dtype_t dtype, shape_t shape,
                    const double *elements, size_t count)
{
    char name[16];
    tensor_t *x = s_fill(self, dtype, &shape, elements, count);
    snprintf(name, sizeof name, "c%d", self->inputs);
    self->values[self->inputs++] = graph_add_elements(
        self->graph, name, dtype, &shape, x->data, &self->fault);
}

void
evaluation_absent(evaluation_test_t *self)
{
    self->values[self->inputs++] = GRAPH_NONE;
}

void
evaluation_node(evaluation_test_t *self, const char *op, int outputs)
{
    char name[16];
    for (int i = 0; i < outputs; i++) {
        snprintf(name, sizeof name, "y%d", i);
        self->outputs[i] =
            graph_add_value(self->graph, name, DTYPE_NONE, NULL, &self->fault);
    }
    self->node =
        graph_add_node(self->graph, op, "n", self->values, self->inputs,
                       self->outputs, outputs, &self->fault);
    assert_true(self->node >= 0);
}

static int
s_infer(evaluation_test_t *self, value_type_t *types)
{
    const graph_t *graph = self->graph;
    for (int i = 0; i < self->inputs; i++) {
        int value = self->values[i];
        if (value == GRAPH_NONE)
            continue;
        types[value].dtype = graph->values[value].dtype;
        types[value].shape = graph->values[value].shape;
        types[value].known = graph->values[value].constant &&
                             self->x[i].bytes <= KNOWN_BYTES_MAX;
        if (types[value].known && self->x[i].bytes)
            memcpy(types[value].elements, self->x[i].data, self->x[i].bytes);
    }
    return shape_infer_node(graph, self->node, types, &self->fault);
}

static int
s_compute(evaluation_test_t *self, const value_type_t *types)
{
    const node_t *node = &self->graph->nodes[self->node];
    array_t x[EVALUATION_INPUTS_MAX], y[EVALUATION_OUTPUTS_MAX];
    const array_t *inputs[EVALUATION_INPUTS_MAX] = {0};
    array_t *outputs[EVALUATION_OUTPUTS_MAX] = {0};
    for (int i = 0; i < self->inputs; i++)
        if (self->values[i] != GRAPH_NONE) {
            x[i] =
                (array_t){self->x[i].dtype, self->x[i].shape, self->x[i].data};
            inputs[i] = &x[i];
        }
    for (int i = 0; i < node->outputs_count; i++) {
        const value_type_t *type = &types[self->outputs[i]];
        assert_ok(
            tensor_init(&self->y[i], type->dtype, &type->shape, &self->fault),
            &self->fault);
        y[i] = (array_t){type->dtype, type->shape, self->y[i].data};
        outputs[i] = &y[i];
    }
    return eval_run(node, inputs, outputs, &self->fault);
}

int
evaluation_run(evaluation_test_t *self)
{
    value_type_t *types = calloc(self->graph->values_count, sizeof *types);
    assert_non_null(types);
    int result = s_infer(self, types);
    if (result == 0)
        result = s_compute(self, types);
    free(types);
    return result;
}

double
evaluation_element(const evaluation_test_t *self, int output, size_t i)
{
    const tensor_t *y = &self->y[output];
    double element;
    assert_true((int64_t)i < shape_elements(&y->shape));
    tensor_convert(DTYPE_FLOAT64, &element, y->dtype,
                   (char *)y->data + i * dtype_size(y->dtype), 1);
    return element;
}

void
evaluation_expect(evaluation_test_t *self, dtype_t dtype, shape_t shape,
                  const double *elements, size_t count)
{
    char text[128], other[128];
    assert_ok(evaluation_run(self), &self->fault);
    const tensor_t *y = &self->y[0];
    if (y->dtype != dtype || !shape_equal(&y->shape, &shape))
        fail_msg("%s %s, not %s %s", dtype_name(y->dtype),
                 shape_text(&y->shape, text, sizeof text), dtype_name(dtype),
                 shape_text(&shape, other, sizeof other));
    assert_int_equal(count, shape_elements(&shape));
    for (size_t i = 0; i < count; i++) {
        double element = evaluation_element(self, 0, i);
        if (element != elements[i] && !(isnan(element) && isnan(elements[i])))
            fail_msg("element %zu is %.17g, not %.17g", i, element,
                     elements[i]);
    }
}

void
evaluation_refused(evaluation_test_t *self, const char *part)
{
    if (evaluation_run(self) == 0 || !strstr(self->fault.text, part))
        fail_msg("'%s' is not in '%s'", part, self->fault.text);
    evaluation_end(self);
}
