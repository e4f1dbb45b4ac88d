/* What the layers share: faults, arguments, weights, nodes. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/layers_ops.h"

/* --- faults --- */

static int
s_complain(layering_t *self, fault_code_t code, const char *format,
           va_list arguments)
{
    char text[FAULT_TEXT_MAX + 1];
    vsnprintf(text, sizeof text, format, arguments);
    setting_fault(self->setting, self->fault, "%s", text);
    if (self->fault)
        self->fault->code = code;
    return -1;
}

int
layering_wrong(layering_t *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    s_complain(self, FAULT_CONFIG, format, arguments);
    va_end(arguments);
    return -1;
}

int
layering_unfit(layering_t *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    s_complain(self, FAULT_INPUT, format, arguments);
    va_end(arguments);
    return -1;
}

/* --- values and nodes --- */

const shape_t *
layering_shape(const layering_t *self)
{
    return &self->types[self->inputs[0]].shape;
}

int
layering_axes(const layering_t *self)
{
    return layering_shape(self)->rank - 2;
}

/* Room for the type of a value just added. */
int
layering_type(layering_t *self, int value, dtype_t dtype, const shape_t *shape)
{
    if (value < 0 ||
        mem_grow(&self->types, &self->types_capacity, self->graph->values_count,
                 sizeof *self->types, self->fault) != 0)
        return -1;
    if (shape)
        self->types[value] = (value_type_t){.dtype = dtype, .shape = *shape};
    return value;
}

static int
s_name(layering_t *self, const char *suffix, char name[GRAPH_NAME_MAX + 1])
{
    int wrote = snprintf(name, GRAPH_NAME_MAX + 1, "%s%s%s", self->name,
                         suffix ? "." : "", suffix ? suffix : "");
    if (wrote > GRAPH_NAME_MAX)
        return layering_wrong(self, "its name is too long");
    return 0;
}

int
layering_constant(layering_t *self, const char *suffix, dtype_t dtype,
                  const shape_t *shape, const void *elements)
{
    char name[GRAPH_NAME_MAX + 1];
    if (s_name(self, suffix, name) != 0)
        return -1;
    int value = graph_add_elements(self->graph, name, dtype, shape, elements,
                                   self->fault);
    return layering_type(self, value, dtype, shape);
}

int
layering_shaped(layering_t *self, const char *suffix, int constant,
                const shape_t *shape)
{
    float *items =
        mem_new((size_t)shape_elements(shape), sizeof *items, self->fault);
    int value = -1;
    if (items && graph_read_constant(self->graph, constant, DTYPE_FLOAT32,
                                     items, self->fault) == 0)
        value = layering_constant(self, suffix, DTYPE_FLOAT32, shape, items);
    free(items);
    return value;
}

int
layering_scalar(layering_t *self, const char *suffix, float number)
{
    const shape_t scalar = {.rank = 0};
    return layering_constant(self, suffix, DTYPE_FLOAT32, &scalar, &number);
}

int
layering_node(layering_t *self, const char *op, const char *suffix,
              const int *inputs, int inputs_count)
{
    char name[GRAPH_NAME_MAX + 1];
    if (s_name(self, suffix, name) != 0)
        return -1;
    if (graph_find(self->graph, name) != GRAPH_NONE)
        return layering_wrong(self, "the name '%.60s' is taken", name);
    int value =
        graph_add_value(self->graph, name, DTYPE_NONE, NULL, self->fault);
    if (layering_type(self, value, DTYPE_NONE, NULL) < 0)
        return -1;
    int node = graph_add_node(self->graph, op, name, inputs, inputs_count,
                              &value, 1, self->fault);
    if (node >= 0)
        self->graph->nodes[node].part = self->part;
    return node;
}

int
layering_finish(layering_t *self, int node)
{
    fault_t inner;
    if (shape_infer_node(self->graph, node, self->types, &inner) != 0)
        return layering_unfit(self, "%s", inner.text);
    return self->graph->nodes[node].outputs[0];
}

int
layering_simple(layering_t *self, const char *op, const char *suffix,
                const int *inputs, int inputs_count)
{
    int node = layering_node(self, op, suffix, inputs, inputs_count);
    return node < 0 ? -1 : layering_finish(self, node);
}

int
layering_along(layering_t *self, const char *op, int64_t absent,
               int inputs_count)
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
layering_nothing(layering_t *self)
{
    return layering_simple(self, "Identity", NULL, self->inputs, 1);
}

/* --- weights --- */

/* "[any, 3, any, any]" */
static const char *
s_wanted_text(const shape_t *wanted, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < wanted->rank && used < size; i++) {
        const char *comma = i ? ", " : "";
        if (wanted->dims[i] == LAYER_ANY)
            used += (size_t)snprintf(text + used, size - used, "%sany", comma);
        else
            used += (size_t)snprintf(text + used, size - used, "%s%lld", comma,
                                     (long long)wanted->dims[i]);
    }
    if (used < size)
        snprintf(text + used, size - used, "]");
    return text;
}

static bool
s_is_float(dtype_t dtype)
{
    return dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT16 ||
           dtype == DTYPE_BFLOAT16 || dtype == DTYPE_FLOAT64;
}

static int
s_check_weight(layering_t *self, const weight_t *weight, const shape_t *wanted)
{
    char is[128], should[128], on[128];
    bool fits = weight->shape.rank == wanted->rank;
    for (int i = 0; fits && i < wanted->rank; i++)
        fits = wanted->dims[i] == LAYER_ANY ||
               wanted->dims[i] == weight->shape.dims[i];
    if (!fits)
        return layering_unfit(
            self, "the weight '%.80s' is %s, but %s on an input %s wants %s",
            weight->name, shape_text(&weight->shape, is, sizeof is),
            self->row->op, shape_text(layering_shape(self), on, sizeof on),
            s_wanted_text(wanted, should, sizeof should));
    if (!s_is_float(weight->dtype))
        return layering_unfit(self,
                              "the weight '%.80s' is %s, not floating "
                              "point",
                              weight->name, dtype_name(weight->dtype));
    return 0;
}

int
layering_weight(layering_t *self, const char *suffix, const shape_t *wanted,
                bool required, int *value)
{
    char key[GRAPH_NAME_MAX + 1];
    int wrote = snprintf(key, sizeof key, "%s.%s", self->prefix, suffix);
    *value = GRAPH_NONE;
    if (wrote >= (int)sizeof key)
        return layering_wrong(self, "the name of its weights is too long");
    const weight_t *weight = weights_use(self->weights, key);
    if (!weight && !required)
        return 0;
    if (!weight)
        return layering_unfit(self,
                              "%s needs the weight '%.80s', which %s "
                              "does not have",
                              self->row->op, key, self->options->weights);
    if (s_check_weight(self, weight, wanted) != 0)
        return -1;
    *value = graph_find(self->graph, key); /* two layers may share one */
    if (*value == GRAPH_NONE)
        *value =
            graph_add_constant(self->graph, key, DTYPE_FLOAT32, &weight->shape,
                               weight->dtype, weight->blob, self->fault);
    return layering_type(self, *value, DTYPE_FLOAT32, &weight->shape) < 0 ? -1
                                                                          : 0;
}

int
layering_bias(layering_t *self, int64_t size, int *value)
{
    const shape_t wanted = {1, {size}};
    bool with;
    *value = GRAPH_NONE;
    if (layering_bool(self, "bias", true, &with) != 0)
        return -1;
    return with ? layering_weight(self, "bias", &wanted,
                                  setting_find(self->setting, "bias") != NULL,
                                  value)
                : 0;
}

/* --- arguments --- */

int
layering_int(layering_t *self, const char *name, int64_t absent, int64_t min,
             int64_t max, int64_t *value)
{
    const setting_t *found = setting_find(self->setting, name);
    *value = absent;
    return found ? setting_get_int(found, min, max, value, self->fault) : 0;
}

int
layering_float(layering_t *self, const char *name, double absent, double min,
               double max, double *value)
{
    const setting_t *found = setting_find(self->setting, name);
    *value = absent;
    return found ? setting_get_float(found, min, max, value, self->fault) : 0;
}

int
layering_bool(layering_t *self, const char *name, bool absent, bool *value)
{
    const setting_t *found = setting_find(self->setting, name);
    *value = absent;
    return found ? setting_get_bool(found, value, self->fault) : 0;
}

int
layering_extents(layering_t *self, const char *name, const int64_t *absent,
                 int64_t min, int64_t *values)
{
    const setting_t *found = setting_find(self->setting, name);
    size_t axes = (size_t)layering_axes(self);
    if (!found && !absent)
        return layering_wrong(self, "%s needs %s", self->row->op, name);
    if (!found) {
        memcpy(values, absent, axes * sizeof *values);
        return 0;
    }
    bool list = setting_kind(found) == SETTING_LIST;
    if (list && setting_count(found) != axes)
        return setting_fault(found, self->fault,
                             axes == 1 ? "this should be one number"
                                       : "this should be one number or two");
    for (size_t i = 0; i < axes; i++)
        if (setting_get_int(list ? setting_at(found, i) : found, min,
                            LAYER_EXTENT_MAX, &values[i], self->fault) != 0)
            return -1;
    return 0;
}

int
layering_ints(layering_t *self, const char *name, int64_t min, int64_t max,
              int64_t values[TENSOR_RANK_MAX], int *count)
{
    const setting_t *found = setting_find(self->setting, name);
    if (!found)
        return layering_wrong(self, "%s needs %s", self->row->op, name);
    bool list = setting_kind(found) == SETTING_LIST;
    size_t items = list ? setting_count(found) : 1;
    if (items < 1 || items > TENSOR_RANK_MAX)
        return setting_fault(found, self->fault,
                             "this should be 1 to %d numbers", TENSOR_RANK_MAX);
    for (size_t i = 0; i < items; i++)
        if (setting_get_int(list ? setting_at(found, i) : found, min, max,
                            &values[i], self->fault) != 0)
            return -1;
    *count = (int)items;
    return 0;
}

int
layering_axis(layering_t *self, const char *name, int64_t absent, int *axis)
{
    int rank = layering_shape(self)->rank;
    int64_t value;
    if (layering_int(self, name, absent, -rank, rank - 1, &value) != 0)
        return -1;
    if (value < -rank || value >= rank)
        return layering_wrong(self, "%s of rank %d has no axis %lld",
                              self->row->op, rank, (long long)value);
    *axis = (int)(value < 0 ? value + rank : value);
    return 0;
}

int
layering_agree(layering_t *self, const char *name, int64_t actual)
{
    int64_t given;
    if (layering_int(self, name, actual, 1, INT32_MAX, &given) != 0)
        return -1;
    if (given != actual)
        return layering_unfit(self,
                              "%s = %lld, but by its weights or its input it "
                              "is %lld",
                              name, (long long)given, (long long)actual);
    return 0;
}
