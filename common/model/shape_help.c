/* What the shape functions of all operators share. */
#include "common/model/shape_ops.h"

#include <stdarg.h>
#include <stdio.h>

int
shaping_fault(const shaping_t *self, const char *format, ...)
{
    char text[FAULT_TEXT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return node_fault(self->node, self->fault, "%s", text);
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

/* Dims of zero count as one here, so that no product of some of them can
 * overflow later. */
static bool
s_is_sane(const shape_t *shape)
{
    int64_t elements = 1;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i] ? shape->dims[i] : 1;
        if (dim < 0 || __builtin_mul_overflow(elements, dim, &elements) ||
            elements > SHAPING_ELEMENTS_MAX)
            return false;
    }
    return true;
}

int
shaping_give(const shaping_t *self, int slot, dtype_t dtype,
             const shape_t *shape)
{
    char text[128];
    if (!s_is_sane(shape))
        return shaping_fault(self, "its output %s is too large",
                             shape_text(shape, text, sizeof text));
    if (slot < self->node->outputs_count &&
        self->node->outputs[slot] != GRAPH_NONE)
        self->types[self->node->outputs[slot]] =
            (value_type_t){.dtype = dtype, .shape = *shape};
    return 0;
}

int
shaping_output(const shaping_t *self, dtype_t dtype, const shape_t *shape)
{
    char text[128];
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 1)
            return shaping_fault(self, "its output would be %s",
                                 shape_text(shape, text, sizeof text));
    return shaping_give(self, 0, dtype, shape);
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
    const char *name = self->graph->values[value].name;
    int64_t count = shape_elements(&input->shape);
    if (!input->known && !self->graph->values[value].constant)
        return shaping_fault(self,
                             "its input '%.60s' is computed while the model "
                             "runs, so shapes would change from job to job",
                             name);
    if (input->shape.rank > 1 || count > max ||
        (input->dtype != DTYPE_INT64 && input->dtype != DTYPE_INT32))
        return shaping_fault(self,
                             "its input '%.60s' is not a list of at most "
                             "%d integers",
                             name, max);
    if (input->known)
        tensor_convert(DTYPE_INT64, values, input->dtype, input->elements,
                       (size_t)count);
    else if (graph_read_constant(self->graph, value, DTYPE_INT64, values,
                                 self->fault) != 0)
        return -1;
    return (int)count;
}

int
shaping_axes(const shaping_t *self, int index, int rank, unsigned *set)
{
    int64_t axes[TENSOR_RANK_MAX];
    int count = shaping_constant(self, index, axes, TENSOR_RANK_MAX);
    *set = 0;
    for (int i = 0; i < count; i++) {
        int axis = 0;
        if (shaping_axis(self, axes[i], rank, &axis) != 0)
            return -1;
        *set |= 1u << axis;
    }
    return count;
}

int
shaping_sample_axis(const shaping_t *self, int index)
{
    if (index >= self->node->inputs_count ||
        self->node->inputs[index] == GRAPH_NONE)
        return SAMPLE_NOWHERE;
    return self->places[self->node->inputs[index]].axis;
}

int
shaping_dims(const shaping_t *self, int index, shape_t *shape)
{
    *shape = (shape_t){.rank = 0};
    int count = shaping_constant(self, index, shape->dims, TENSOR_RANK_MAX);
    if (count < 0)
        return -1;
    shape->rank = count;
    for (int i = 0; i < count; i++)
        if (shape->dims[i] < 0)
            return shaping_fault(self, "%lld in its input %d is not possible",
                                 (long long)shape->dims[i], index);
    return 0;
}
