/* An ONNX file as a graph: the skeleton is walked and unpacked, checked, and
 * its nodes raised to the newest opset; weights stay in the file. */
#include "common/model/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "onnx.pb-c.h"

#include "common/mem.h"
#include "common/model/onnx_nodes.h"
#include "common/model/onnx_raise.h"
#include "common/model/onnx_walk.h"

enum { PRODUCER_BYTES_MAX = 256 };

static const char *
s_text(const char *text)
{
    return text ? text : "";
}

/* --- inputs, outputs, weights --- */

/* Name the first node that reads a tensor which cannot be read. */
static int
s_name_reader(const onnx_reader_t *self, const char *name, fault_t *fault)
{
    for (size_t n = 0; n < self->proto->n_node; n++)
        for (size_t i = 0; i < self->proto->node[n]->n_input; i++)
            if (strcmp(self->proto->node[n]->input[i], name) == 0)
                return onnx_nodes_name(self, n, fault);
    return -1;
}

static int
s_read_initializers(onnx_reader_t *self, fault_t *fault)
{
    for (size_t i = 0; i < self->proto->n_initializer; i++) {
        const Onnx__TensorProto *tensor = self->proto->initializer[i];
        const char *name = s_text(tensor->name);
        if (onnx_add_constant(self->graph, tensor, name, &self->source, fault) <
            0)
            return s_name_reader(self, name, fault);
    }
    return 0;
}

/* What an axis is that the file leaves open: the batch, or as a sample has it;
 * 0 where nobody says. */
static int64_t
s_open_dim(const onnx_reader_t *self, int rank, int axis)
{
    const shape_t *sample = self->sample;
    if (axis == 0)
        return DIM_BATCH;
    return sample && sample->rank == rank - 1 ? sample->dims[axis - 1] : 0;
}

static int
s_read_dims(const onnx_reader_t *self, const Onnx__TensorShapeProto *proto,
            const char *name, shape_t *shape, fault_t *fault)
{
    if (proto->n_dim > TENSOR_RANK_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "input %s has %zu axes, at most %d are read", name,
                         proto->n_dim, TENSOR_RANK_MAX);
    *shape = (shape_t){.rank = (int)proto->n_dim};
    for (int i = 0; i < shape->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = proto->dim[i];
        bool said = dim->value_case ==
                    ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        bool sized = said && dim->dim_value > 0; /* some write -1 for open */
        if (said && dim->dim_value == 0)
            return fault_set(fault, FAULT_INPUT,
                             "input %s has no elements: its axis %d is 0", name,
                             i);
        shape->dims[i] =
            sized ? dim->dim_value : s_open_dim(self, shape->rank, i);
        if (shape->dims[i] == 0)
            return fault_set(fault, FAULT_INPUT,
                             "input %s: axis %d has no size; only the batch "
                             "(axis 0) may be open, unless model.image or "
                             "model.input of a config says the rest",
                             name, i);
    }
    return 0;
}

static int
s_read_input(onnx_reader_t *self, const Onnx__ValueInfoProto *info,
             fault_t *fault)
{
    const char *name = s_text(info->name);
    int value = graph_find(self->graph, name);
    if (value != GRAPH_NONE && self->graph->values[value].constant)
        return 0; /* before IR 4 every initializer was listed as an input */
    const Onnx__TypeProto *type = info->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        !type->tensor_type || !type->tensor_type->shape)
        return fault_set(fault, FAULT_INPUT,
                         "input %s is no tensor with a shape", name);
    dtype_t dtype;
    shape_t shape;
    if (onnx_dtype(type->tensor_type->elem_type, name, &dtype, fault))
        return s_name_reader(self, name, fault);
    if (s_read_dims(self, type->tensor_type->shape, name, &shape, fault))
        return -1;
    value = graph_add_value(self->graph, name, dtype, &shape, fault);
    return value < 0 ? -1 : graph_add_input(self->graph, value, fault);
}

static int
s_read_output(onnx_reader_t *self, const Onnx__ValueInfoProto *info,
              fault_t *fault)
{
    int value = graph_find(self->graph, s_text(info->name));
    if (value == GRAPH_NONE)
        return fault_set(fault, FAULT_INPUT, "nothing makes the output %s",
                         s_text(info->name));
    for (int i = 0; i < self->graph->outputs_count; i++)
        if (self->graph->outputs[i] == value)
            return fault_set(fault, FAULT_INPUT, "the output %s comes twice",
                             info->name);
    return graph_add_output(self->graph, value, fault);
}

/* --- the graph --- */

static int
s_read_graph(onnx_reader_t *self, fault_t *fault)
{
    const Onnx__GraphProto *proto = self->proto;
    if (onnx_nodes_check(self, fault) || s_read_initializers(self, fault))
        return -1;
    for (size_t i = 0; i < proto->n_input; i++)
        if (s_read_input(self, proto->input[i], fault))
            return -1;
    if (onnx_nodes_read(self, fault))
        return -1;
    for (size_t i = 0; i < proto->n_output; i++)
        if (s_read_output(self, proto->output[i], fault))
            return -1;
    if (self->graph->outputs_count == 0)
        return fault_set(fault, FAULT_INPUT, "the model has no output");
    if (graph_sort(self->graph, fault))
        return -1;
    return onnx_raise_graph(self->graph, self->opset, fault);
}

/* --- the model --- */

static int
s_read_opset(const Onnx__ModelProto *proto, int64_t *opset, fault_t *fault)
{
    *opset = 0;
    for (size_t i = 0; i < proto->n_opset_import; i++)
        if (onnx_nodes_is_default_domain(proto->opset_import[i]->domain))
            *opset = proto->opset_import[i]->version;
    if (*opset < ONNX_OPSET_MIN || *opset > ONNX_OPSET_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "opset %lld is not read, %d to %d are",
                         (long long)*opset, ONNX_OPSET_MIN, ONNX_OPSET_MAX);
    return 0;
}

static int
s_read_properties(onnx_model_t *self, const Onnx__ModelProto *proto,
                  fault_t *fault)
{
    size_t count = proto->n_metadata_props;
    if (count > ONNX_PROPERTIES_MAX) /* other tools' notes: none is needed */
        count = ONNX_PROPERTIES_MAX;
    self->properties = mem_new(count, sizeof *self->properties, fault);
    if (!self->properties)
        return -1;
    for (; self->properties_count < count; self->properties_count++) {
        const Onnx__StringStringEntryProto *entry =
            proto->metadata_props[self->properties_count];
        const char *key = s_text(entry->key), *value = s_text(entry->value);
        onnx_property_t *property = &self->properties[self->properties_count];
        property->key = mem_text(key, strlen(key), fault);
        property->value = mem_text(value, strlen(value), fault);
        if (!property->key || !property->value) {
            free((char *)(uintptr_t)property->key);
            free((char *)(uintptr_t)property->value);
            return -1;
        }
    }
    return 0;
}

static int
s_read_model(onnx_model_t *self, const Onnx__ModelProto *proto,
             const onnx_source_t *source, const shape_t *sample, fault_t *fault)
{
    if (!proto->graph)
        return fault_set(fault, FAULT_INPUT, "the file is no ONNX model");
    if (s_read_opset(proto, &self->opset, fault) ||
        s_read_properties(self, proto, fault))
        return -1;
    const char *producer = s_text(proto->producer_name);
    self->ir = proto->ir_version;
    self->producer =
        mem_text(producer, strnlen(producer, PRODUCER_BYTES_MAX), fault);
    self->graph = graph_new(s_text(proto->graph->name), fault);
    const char *winograd = onnx_property(self, ONNX_PROPERTY_WINOGRAD);
    if (self->graph)
        self->graph->direct = winograd && strcmp(winograd, "false") == 0;
    onnx_reader_t reader = {.source = *source,
                            .sample = sample,
                            .proto = proto->graph,
                            .graph = self->graph,
                            .opset = self->opset};
    reader.inputs = mem_new(2 * GRAPH_NODE_INPUTS_MAX, sizeof(int), fault);
    int result = -1;
    if (self->producer && self->graph && reader.inputs)
        result = s_read_graph(&reader, fault);
    free(reader.inputs);
    return result;
}

static onnx_model_t *
s_read(const onnx_source_t *source, const shape_t *sample, fault_t *fault)
{
    size_t size;
    uint8_t *skeleton = onnx_walk(source->file, &size, fault);
    if (!skeleton)
        return NULL;
    Onnx__ModelProto *proto = onnx__model_proto__unpack(NULL, size, skeleton);
    free(skeleton);
    if (!proto)
        return fault_null(fault, FAULT_INPUT, "the file is no ONNX model");
    onnx_model_t *self = mem_new(1, sizeof *self, fault);
    if (self && s_read_model(self, proto, source, sample, fault))
        onnx_destroy(&self);
    onnx__model_proto__free_unpacked(proto, NULL);
    return self;
}

onnx_model_t *
onnx_read(blob_t *file, fault_t *fault)
{
    const onnx_source_t source = {.file = file};
    return s_read(&source, NULL, fault);
}

onnx_model_t *
onnx_open(const char *path, fault_t *fault)
{
    return onnx_open_for(path, NULL, fault);
}

onnx_model_t *
onnx_open_for(const char *path, const shape_t *sample, fault_t *fault)
{
    onnx_source_t source = {.file = blob_open(path, fault)};
    if (!source.file)
        return NULL;
    source.external = onnx_external_new(path, fault);
    onnx_model_t *self =
        source.external ? s_read(&source, sample, fault) : NULL;
    if (source.external && !self)
        fault_prefix(fault, "%s", path);
    onnx_external_destroy(&source.external);
    blob_release(&source.file);
    return self;
}

void
onnx_destroy(onnx_model_t **self)
{
    onnx_model_t *model = *self;
    *self = NULL;
    if (!model)
        return;
    graph_destroy(&model->graph);
    for (size_t i = 0; i < model->properties_count; i++) {
        free((char *)(uintptr_t)model->properties[i].key);
        free((char *)(uintptr_t)model->properties[i].value);
    }
    free(model->properties);
    free(model->producer);
    free(model);
}

const char *
onnx_property(const onnx_model_t *self, const char *key)
{
    for (size_t i = 0; i < self->properties_count; i++)
        if (strcmp(self->properties[i].key, key) == 0)
            return self->properties[i].value;
    return NULL;
}
