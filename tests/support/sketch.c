/* ONNX models from a text, through protobuf-c's packer. Nothing is freed but
 * what the reader gets: a test ends soon. */
#include "tests/support/sketch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx.pb-c.h"

#include "common/tensor.h"

enum {
    ITEMS_MAX = 64,
    WEIGHTS_MAX = 2048,
    WORD_MAX = 256,
    POOL_BYTES = 4 << 20,
};

/* A model under construction, and the memory it is made of. */
typedef struct sketch {
    const char *at; /* in the text */
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, domain;
    Onnx__OperatorSetIdProto *opsets[2];
    Onnx__NodeProto *nodes[ITEMS_MAX];
    Onnx__ValueInfoProto *inputs[ITEMS_MAX];
    Onnx__ValueInfoProto *outputs[ITEMS_MAX];
    Onnx__TensorProto *weights[WEIGHTS_MAX];
    char word[WORD_MAX];
    size_t used;
    _Alignas(16) uint8_t pool[POOL_BYTES];
} sketch_t;

static void *
s_take(sketch_t *self, size_t bytes)
{
    void *taken = self->pool + self->used;
    self->used += (bytes + 15) & ~(size_t)15;
    if (self->used > POOL_BYTES)
        abort();
    return taken;
}

static char *
s_copy(sketch_t *self, const char *text)
{
    char *copy = s_take(self, strlen(text) + 1);
    strcpy(copy, text);
    return copy;
}

/* The next word of the line into self->word; false at its end. */
static int
s_word(sketch_t *self)
{
    size_t size = 0;
    while (*self->at == ' ')
        self->at++;
    while (*self->at && !isspace((unsigned char)*self->at)) {
        if (size == WORD_MAX - 1)
            abort();
        self->word[size++] = *self->at++;
    }
    self->word[size] = '\0';
    return size > 0;
}

static char *
s_need(sketch_t *self)
{
    if (!s_word(self))
        abort();
    return s_copy(self, self->word);
}

/* "[1,2,3]" as numbers of either kind; their count. */
static size_t
s_list(const char *text, int64_t *ints, float *floats)
{
    size_t count = 0;
    if (*text++ != '[')
        abort();
    while (*text != ']') {
        char *end;
        if (count == ITEMS_MAX)
            abort();
        if (*text == 'N') {
            ints[count] = DIM_BATCH;
            end = (char *)text + 1;
        } else {
            floats[count] = strtof(text, &end);
            ints[count] = strtoll(text, NULL, 10);
        }
        if (end == text)
            abort();
        count++;
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

static Onnx__AttributeProto *
s_attribute(sketch_t *self, char *text)
{
    Onnx__AttributeProto *made = s_take(self, sizeof *made);
    onnx__attribute_proto__init(made);
    char *value = strchr(text, '=');
    *value++ = '\0';
    made->name = text;
    made->has_type = 1;
    int64_t ints[ITEMS_MAX];
    float floats[ITEMS_MAX];
    if (*value == '[') {
        size_t count = s_list(value, ints, floats);
        int real = strchr(value, '.') != NULL;
        made->type = real ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS
                          : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        made->n_ints = real ? 0 : count;
        made->ints = s_take(self, sizeof ints);
        memcpy(made->ints, ints, sizeof ints);
        made->n_floats = real ? count : 0;
        made->floats = s_take(self, sizeof floats);
        memcpy(made->floats, floats, sizeof floats);
    } else if (isalpha((unsigned char)*value)) {
        made->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        made->has_s = 1;
        made->s.data = (uint8_t *)value;
        made->s.len = strlen(value);
    } else if (strchr(value, '.')) {
        made->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        made->has_f = 1;
        made->f = strtof(value, NULL);
    } else {
        made->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        made->has_i = 1;
        made->i = strtoll(value, NULL, 10);
    }
    return made;
}

static void
s_node(sketch_t *self)
{
    Onnx__NodeProto *node = s_take(self, sizeof *node);
    onnx__node_proto__init(node);
    node->input = s_take(self, ITEMS_MAX * sizeof(char *));
    node->output = s_take(self, ITEMS_MAX * sizeof(char *));
    node->attribute = s_take(self, ITEMS_MAX * sizeof(void *));
    node->op_type = s_need(self);
    int behind = 0;
    while (s_word(self)) {
        char *word = s_copy(self, strcmp(self->word, "_") ? self->word : "");
        if (strcmp(word, "->") == 0)
            behind = 1;
        else if (strncmp(word, "name=", 5) == 0)
            node->name = word + 5;
        else if (strncmp(word, "domain=", 7) == 0)
            node->domain = word + 7;
        else if (strchr(word, '='))
            node->attribute[node->n_attribute++] = s_attribute(self, word);
        else if (behind)
            node->output[node->n_output++] = word;
        else
            node->input[node->n_input++] = word;
    }
    self->nodes[self->graph.n_node++] = node;
}

static Onnx__ValueInfoProto *
s_value(sketch_t *self)
{
    Onnx__ValueInfoProto *info = s_take(self, sizeof *info);
    onnx__value_info_proto__init(info);
    info->name = s_need(self);
    if (!s_word(self))
        return info;
    info->type = s_take(self, sizeof *info->type);
    onnx__type_proto__init(info->type);
    info->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    Onnx__TypeProto__Tensor *tensor = s_take(self, sizeof *tensor);
    onnx__type_proto__tensor__init(tensor);
    info->type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = dtype_parse(self->word);
    int64_t dims[ITEMS_MAX];
    float ignored[ITEMS_MAX];
    tensor->shape = s_take(self, sizeof *tensor->shape);
    onnx__tensor_shape_proto__init(tensor->shape);
    tensor->shape->n_dim = s_list(s_need(self), dims, ignored);
    tensor->shape->dim = s_take(self, ITEMS_MAX * sizeof(void *));
    for (size_t i = 0; i < tensor->shape->n_dim; i++) {
        Onnx__TensorShapeProto__Dimension *dim = s_take(self, sizeof *dim);
        onnx__tensor_shape_proto__dimension__init(dim);
        dim->value_case =
            dims[i] == DIM_BATCH
                ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (dims[i] == DIM_BATCH)
            dim->dim_param = s_copy(self, "N");
        else
            dim->dim_value = dims[i];
        tensor->shape->dim[i] = dim;
    }
    return info;
}

static void
s_weight(sketch_t *self, dtype_t dtype)
{
    Onnx__TensorProto *tensor = s_take(self, sizeof *tensor);
    onnx__tensor_proto__init(tensor);
    tensor->name = s_need(self);
    float ignored[ITEMS_MAX];
    tensor->dims = s_take(self, ITEMS_MAX * sizeof *tensor->dims);
    tensor->n_dims = s_list(s_need(self), tensor->dims, ignored);
    tensor->has_data_type = 1;
    tensor->data_type = dtype;
    tensor->has_raw_data = 1;
    size_t elements = 1;
    for (size_t i = 0; i < tensor->n_dims; i++)
        elements *= (size_t)tensor->dims[i];
    tensor->raw_data.data = s_take(self, (elements + ITEMS_MAX) * 8);
    while (s_word(self)) {
        double value = strtod(self->word, NULL);
        tensor_convert(dtype, tensor->raw_data.data + tensor->raw_data.len,
                       DTYPE_FLOAT64, &value, 1);
        tensor->raw_data.len += dtype_size(dtype);
    }
    size_t size = dtype_size(dtype), written = tensor->raw_data.len;
    if (written == size)
        for (; written < elements * size; written += size)
            memcpy(tensor->raw_data.data + written, tensor->raw_data.data,
                   size);
    tensor->raw_data.len = written;
    self->weights[self->graph.n_initializer++] = tensor;
}

/* A tensor in another file: every word is one of its entries. */
static void
s_external(sketch_t *self)
{
    Onnx__TensorProto *tensor = s_take(self, sizeof *tensor);
    onnx__tensor_proto__init(tensor);
    tensor->name = s_need(self);
    tensor->has_data_type = 1;
    tensor->data_type = dtype_parse(s_need(self));
    float ignored[ITEMS_MAX];
    tensor->dims = s_take(self, ITEMS_MAX * sizeof *tensor->dims);
    tensor->n_dims = s_list(s_need(self), tensor->dims, ignored);
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    tensor->external_data = s_take(self, ITEMS_MAX * sizeof(void *));
    while (s_word(self)) {
        Onnx__StringStringEntryProto *entry = s_take(self, sizeof *entry);
        onnx__string_string_entry_proto__init(entry);
        entry->key = s_copy(self, self->word);
        entry->value = strchr(entry->key, '=') + 1;
        entry->value[-1] = '\0';
        tensor->external_data[tensor->n_external_data++] = entry;
    }
    self->weights[self->graph.n_initializer++] = tensor;
}

static void
s_line(sketch_t *self, const char *kind)
{
    if (strcmp(kind, "opset") == 0) {
        self->opset.version = atoi(s_need(self));
    } else if (strcmp(kind, "ir") == 0) {
        self->model.ir_version = atoi(s_need(self));
    } else if (strcmp(kind, "domain") == 0) {
        self->domain.domain = s_need(self);
        self->domain.has_version = 1;
        self->domain.version = atoi(s_need(self));
        self->model.n_opset_import = 2;
    } else if (strcmp(kind, "in") == 0) {
        self->inputs[self->graph.n_input++] = s_value(self);
    } else if (strcmp(kind, "out") == 0) {
        self->outputs[self->graph.n_output++] = s_value(self);
    } else if (strcmp(kind, "node") == 0) {
        s_node(self);
    } else if (strcmp(kind, "external") == 0) {
        s_external(self);
    } else {
        s_weight(self, strcmp(kind, "floats") == 0   ? DTYPE_FLOAT32
                       : strcmp(kind, "ints") == 0   ? DTYPE_INT64
                       : strcmp(kind, "bools") == 0  ? DTYPE_BOOL
                       : strcmp(kind, "halves") == 0 ? DTYPE_FLOAT16
                                                     : (abort(), DTYPE_NONE));
    }
}

uint8_t *
sketch_bytes(const char *text, size_t *size)
{
    sketch_t *self = calloc(1, sizeof *self);
    onnx__model_proto__init(&self->model);
    onnx__graph_proto__init(&self->graph);
    onnx__operator_set_id_proto__init(&self->opset);
    onnx__operator_set_id_proto__init(&self->domain);
    self->model.has_ir_version = 1;
    self->model.ir_version = 8;
    self->model.graph = &self->graph;
    self->model.n_opset_import = 1;
    self->model.opset_import = self->opsets;
    self->opsets[0] = &self->opset;
    self->opsets[1] = &self->domain;
    self->opset.has_version = 1;
    self->graph.name = s_copy(self, "sketch");
    self->graph.node = self->nodes;
    self->graph.input = self->inputs;
    self->graph.output = self->outputs;
    self->graph.initializer = self->weights;
    for (self->at = text; *self->at;) {
        if (s_word(self))
            s_line(self, s_copy(self, self->word));
        while (*self->at == ' ')
            self->at++;
        if (*self->at && *self->at++ != '\n')
            abort();
    }
    *size = onnx__model_proto__get_packed_size(&self->model);
    uint8_t *bytes = malloc(*size);
    onnx__model_proto__pack(&self->model, bytes);
    free(self);
    return bytes;
}

onnx_model_t *
sketch_read(const char *text, fault_t *fault)
{
    size_t size;
    uint8_t *bytes = sketch_bytes(text, &size);
    blob_t *file = blob_take(bytes, size, fault);
    onnx_model_t *model = file ? onnx_read(file, fault) : NULL;
    blob_release(&file);
    return model;
}

const node_t *
sketch_node(const graph_t *graph, const char *op)
{
    for (size_t i = 0; i < graph->nodes_count; i++)
        if (strcmp(graph->nodes[i].op, op) == 0)
            return &graph->nodes[i];
    return NULL;
}
