/* A graph as an ONNX file, streamed: weights go from their blobs to the file
 * in blocks.
 *
 * A message's length stands before it, so everything is written twice: once
 * into a sink that counts, once into one that writes. Source: the protobuf
 * encoding, "length-delimited records". */
#include "common/model/onnx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "onnx.pb-c.h"

#include "common/mem.h"
#include "common/model/onnx_lower.h"
#include "common/model/shape.h"

enum {
    BLOCK_ELEMENTS = 16 << 10,
    ELEMENT_BYTES_MAX = 8,
    MODEL_BYTES_MAX = INT32_MAX,
    WIRE_BYTES = 2, /* length-delimited */
    IR_LOW = 8,
    IR_HIGH = 10,
    OPSET_LOW = 17,
    /* field numbers of onnx.proto */
    MODEL_GRAPH = 7,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    TENSOR_RAW_DATA = 9,
};

typedef struct writer {
    const graph_t *graph;
    const tensor_spec_t *outputs; /* of the graph's outputs, or NULL */
    const bool *needed;           /* of every constant: it is written */
    const bool *repeats;          /* of every node: another one's name */
    bool nameless;                /* the node at hand is written so */
    int opset;
    FILE *file; /* NULL: only count */
    digester_t digester;
    uint64_t bytes; /* so far */
    uint8_t *block; /* room for BLOCK_ELEMENTS twice */
} writer_t;

static int
s_put(writer_t *self, const void *bytes, size_t size, fault_t *fault)
{
    self->bytes += size;
    if (!self->file || size == 0)
        return 0;
    digester_add(&self->digester, bytes, size);
    if (fwrite(bytes, 1, size, self->file) != size)
        return fault_set(fault, FAULT_SYSTEM, "cannot write: %s",
                         strerror(errno));
    return 0;
}

static size_t
s_varint(uint8_t *to, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        to[size++] = (uint8_t)(value | 0x80);
    to[size++] = (uint8_t)value;
    return size;
}

/* The tag and the length of a field; all our numbers fit one byte of tag. */
static size_t
s_head(uint8_t to[11], int field, uint64_t bytes)
{
    to[0] = (uint8_t)(field << 3 | WIRE_BYTES);
    return 1 + s_varint(to + 1, bytes);
}

static int
s_put_head(writer_t *self, int field, uint64_t bytes, fault_t *fault)
{
    uint8_t head[11];
    return s_put(self, head, s_head(head, field, bytes), fault);
}

/* A message's bytes, without tag and length. */
static int
s_put_packed(writer_t *self, const ProtobufCMessage *message, fault_t *fault)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (!self->file) {
        self->bytes += size;
        return 0;
    }
    uint8_t *bytes = mem_new(1, size, fault);
    if (!bytes)
        return -1;
    protobuf_c_message_pack(message, bytes);
    int result = s_put(self, bytes, size, fault);
    free(bytes);
    return result;
}

static int
s_put_message(writer_t *self, int field, const ProtobufCMessage *message,
              fault_t *fault)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (s_put_head(self, field, size, fault))
        return -1;
    return s_put_packed(self, message, fault);
}

/* --- initializers --- */

static int
s_put_elements(writer_t *self, const value_t *value, size_t count,
               fault_t *fault)
{
    const constant_t *constant = value->constant;
    size_t stored = dtype_size(constant->stored);
    uint8_t *converted = self->block + BLOCK_ELEMENTS * ELEMENT_BYTES_MAX;
    for (size_t done = 0; done < count;) {
        size_t block = count - done;
        if (block > BLOCK_ELEMENTS)
            block = BLOCK_ELEMENTS;
        if (blob_read(constant->blob, done * stored, self->block,
                      block * stored, fault))
            return fault_prefix(fault, "%s", value->name);
        tensor_convert(value->dtype, converted, constant->stored, self->block,
                       block);
        if (s_put(self, converted, block * dtype_size(value->dtype), fault))
            return -1;
        done += block;
    }
    return 0;
}

static int
s_put_initializer(writer_t *self, const value_t *value, fault_t *fault)
{
    size_t bytes = tensor_bytes(value->dtype, &value->shape, -1);
    int64_t elements = shape_elements(&value->shape);
    if (!value->shaped || elements < 0 || (elements > 0 && bytes == 0) ||
        blob_bytes(value->constant->blob) !=
            (uint64_t)elements * dtype_size(value->constant->stored))
        return fault_set(fault, FAULT_INPUT,
                         "%s: a constant whose bytes are not those of its "
                         "shape",
                         value->name);
    Onnx__TensorProto proto = ONNX__TENSOR_PROTO__INIT;
    proto.n_dims = (size_t)value->shape.rank;
    proto.dims = (int64_t *)(uintptr_t)value->shape.dims;
    proto.has_data_type = 1;
    proto.data_type = value->dtype;
    proto.name = value->name;
    uint8_t head[11];
    size_t head_size = s_head(head, TENSOR_RAW_DATA, bytes);
    size_t packed = onnx__tensor_proto__get_packed_size(&proto);
    if (s_put_head(self, GRAPH_INITIALIZER, packed + head_size + bytes,
                   fault) ||
        s_put_packed(self, &proto.base, fault) ||
        s_put(self, head, head_size, fault))
        return -1;
    if (!self->file) {
        self->bytes += bytes;
        return 0;
    }
    return s_put_elements(self, value, (size_t)elements, fault);
}

/* --- the graph --- */

static int
s_put_value(writer_t *self, int field, const char *name, dtype_t dtype,
            const shape_t *known, fault_t *fault)
{
    static char batch[] = "N";
    Onnx__TensorShapeProto__Dimension dims[TENSOR_RANK_MAX];
    Onnx__TensorShapeProto__Dimension *pointers[TENSOR_RANK_MAX];
    Onnx__TensorShapeProto shape = ONNX__TENSOR_SHAPE_PROTO__INIT;
    Onnx__TypeProto__Tensor tensor = ONNX__TYPE_PROTO__TENSOR__INIT;
    Onnx__TypeProto type = ONNX__TYPE_PROTO__INIT;
    Onnx__ValueInfoProto info = ONNX__VALUE_INFO_PROTO__INIT;
    for (int i = 0; known && i < known->rank; i++) {
        pointers[i] = &dims[i];
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        if (known->dims[i] == DIM_BATCH) {
            dims[i].value_case =
                ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dims[i].dim_param = batch;
        } else {
            dims[i].value_case =
                ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dims[i].dim_value = known->dims[i];
        }
    }
    shape.n_dim = known ? (size_t)known->rank : 0;
    shape.dim = pointers;
    tensor.has_elem_type = 1;
    tensor.elem_type = dtype ? dtype : DTYPE_FLOAT32;
    tensor.shape = known ? &shape : NULL;
    type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type.tensor_type = &tensor;
    info.name = (char *)(uintptr_t)name;
    info.type = &type;
    return s_put_message(self, field, &info.base, fault);
}

static int
s_put_node(void *context, const Onnx__NodeProto *node, fault_t *fault)
{
    writer_t *self = context;
    Onnx__NodeProto named = *node;
    if (self->nameless)
        named.name = NULL;
    return s_put_message(self, GRAPH_NODE, &named.base, fault);
}

static int
s_put_graph(writer_t *self, fault_t *fault)
{
    const graph_t *graph = self->graph;
    for (size_t i = 0; i < graph->nodes_count; i++) {
        self->nameless = self->repeats[i];
        if (!graph->nodes[i].removed &&
            onnx_lower_node(graph, &graph->nodes[i], self->opset, s_put_node,
                            self, fault))
            return -1;
    }
    size_t name_size = strlen(graph->name);
    if (s_put_head(self, GRAPH_NAME, name_size, fault) ||
        s_put(self, graph->name, name_size, fault))
        return -1;
    for (size_t i = 0; i < graph->values_count; i++)
        if (graph->values[i].constant && self->needed[i] &&
            s_put_initializer(self, &graph->values[i], fault))
            return -1;
    for (int i = 0; i < graph->inputs_count; i++) {
        const value_t *value = &graph->values[graph->inputs[i]];
        if (s_put_value(self, GRAPH_INPUT, value->name, value->dtype,
                        &value->shape, fault))
            return -1;
    }
    for (int i = 0; i < graph->outputs_count; i++) {
        const value_t *value = &graph->values[graph->outputs[i]];
        const tensor_spec_t *spec = self->outputs ? &self->outputs[i] : NULL;
        if (s_put_value(self, GRAPH_OUTPUT, value->name,
                        spec ? spec->dtype : value->dtype,
                        spec ? &spec->shape : NULL, fault))
            return -1;
    }
    return 0;
}

/* What the outputs are, where shape inference can tell. */
static bool
s_infer_outputs(const graph_t *graph, const value_type_t *types,
                tensor_spec_t *outputs)
{
    bool batchable;
    return types && shape_batchable(graph, &batchable, NULL) == 0 &&
           shape_specs(graph, types, batchable, graph->outputs,
                       graph->outputs_count, outputs, NULL) == 0;
}

/* Which values somebody reads in the file: an input that is an attribute at
 * this opset is read there. */
static bool *
s_find_needed(const graph_t *graph, int opset, fault_t *fault)
{
    bool *needed = mem_new(graph->values_count, sizeof *needed, fault);
    for (size_t n = 0; needed && n < graph->nodes_count; n++) {
        const node_t *node = &graph->nodes[n];
        for (int i = 0; !node->removed && i < node->inputs_count; i++)
            if (node->inputs[i] != GRAPH_NONE &&
                !onnx_lower_takes(node, opset, i))
                needed[node->inputs[i]] = true;
    }
    for (int i = 0; needed && i < graph->outputs_count; i++)
        needed[graph->outputs[i]] = true;
    return needed;
}

static int
s_compare_names(const void *a, const void *b, void *context)
{
    const node_t *nodes = context;
    int one = *(const int *)a, other = *(const int *)b;
    int order = strcmp(nodes[one].name, nodes[other].name);
    return order ? order : one - other;
}

/* Which nodes have the name of one before them. Names are for people here, but
 * ONNX wants those that there are to differ, and what one node became has its
 * name several times. */
static bool *
s_find_repeats(const graph_t *graph, fault_t *fault)
{
    bool *repeats = mem_new(graph->nodes_count, sizeof *repeats, fault);
    int *order = mem_new(graph->nodes_count, sizeof *order, fault);
    size_t count = 0;
    for (size_t n = 0; order && n < graph->nodes_count; n++)
        if (!graph->nodes[n].removed)
            order[count++] = (int)n;
    if (count)
        qsort_r(order, count, sizeof *order, s_compare_names, graph->nodes);
    for (size_t i = 1; repeats && i < count; i++)
        repeats[order[i]] = strcmp(graph->nodes[order[i - 1]].name,
                                   graph->nodes[order[i]].name) == 0;
    if (!order) {
        free(repeats);
        repeats = NULL;
    }
    free(order);
    return repeats;
}

/* --- the model --- */

/* Fields before the graph in one message, those behind it in another: parsers
 * take fields in any order, and these are in the order of their numbers. */
static int
s_put_model(writer_t *self, const onnx_property_t *properties, size_t count,
            fault_t *fault)
{
    static char producer[] = "convoy", version[] = CONVOY_VERSION,
                domain[] = "";
    Onnx__ModelProto before = ONNX__MODEL_PROTO__INIT;
    before.has_ir_version = 1;
    before.ir_version = self->opset == OPSET_LOW ? IR_LOW : IR_HIGH;
    before.producer_name = producer;
    before.producer_version = version;
    writer_t counter = {.graph = self->graph,
                        .outputs = self->outputs,
                        .needed = self->needed,
                        .repeats = self->repeats,
                        .opset = self->opset,
                        .block = self->block};
    if (s_put_graph(&counter, fault))
        return -1;
    if (counter.bytes > MODEL_BYTES_MAX - (64 << 10))
        return fault_set(fault, FAULT_INPUT,
                         "%llu MiB in one part, an ONNX file holds 2 GiB: cut "
                         "in more parts",
                         (unsigned long long)(counter.bytes >> 20));
    if (s_put_packed(self, &before.base, fault) ||
        s_put_head(self, MODEL_GRAPH, counter.bytes, fault) ||
        s_put_graph(self, fault))
        return -1;

    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[] = {&opset};
    opset.domain = domain;
    opset.has_version = 1;
    opset.version = self->opset;
    Onnx__StringStringEntryProto entries[ONNX_PROPERTIES_MAX];
    Onnx__StringStringEntryProto *pointers[ONNX_PROPERTIES_MAX];
    for (size_t i = 0; i < count; i++) {
        onnx__string_string_entry_proto__init(&entries[i]);
        entries[i].key = (char *)(uintptr_t)properties[i].key;
        entries[i].value = (char *)(uintptr_t)properties[i].value;
        pointers[i] = &entries[i];
    }
    Onnx__ModelProto after = ONNX__MODEL_PROTO__INIT;
    after.n_opset_import = 1;
    after.opset_import = opsets;
    after.n_metadata_props = count;
    after.metadata_props = pointers;
    return s_put_packed(self, &after.base, fault);
}

/* The file, or none. */
static int
s_write_file(writer_t *self, const char *path,
             const onnx_property_t *properties, size_t count, fault_t *fault)
{
    unlink(path); /* never through a link, nor into what is being read */
    self->file = fopen(path, "wbxe");
    if (!self->file)
        return fault_set(fault, FAULT_SYSTEM, "%s: %s", path, strerror(errno));
    int result = s_put_model(self, properties, count, fault);
    if (result)
        fault_prefix(fault, "%s", path);
    if (fclose(self->file) && result == 0)
        result =
            fault_set(fault, FAULT_SYSTEM, "%s: %s", path, strerror(errno));
    if (result)
        unlink(path);
    return result;
}

int
onnx_write(const graph_t *graph, const char *path,
           const onnx_property_t *properties, size_t properties_count,
           digest_t *digest, fault_t *fault)
{
    if (properties_count > ONNX_PROPERTIES_MAX)
        return fault_set(fault, FAULT_INPUT, "%s: more than %d properties",
                         path, ONNX_PROPERTIES_MAX);
    value_type_t *types = shape_types_new(graph, 1, NULL);
    writer_t writer = {.graph = graph, .opset = onnx_lower_opset(graph, types)};
    tensor_spec_t outputs[TENSORS_MAX];
    if (s_infer_outputs(graph, types, outputs))
        writer.outputs = outputs;
    free(types);
    digester_init(&writer.digester);
    bool *needed = s_find_needed(graph, writer.opset, fault);
    bool *repeats = s_find_repeats(graph, fault);
    writer.needed = needed;
    writer.repeats = repeats;
    writer.block = mem_new(2 * BLOCK_ELEMENTS, ELEMENT_BYTES_MAX, fault);
    int result = -1;
    if (needed && repeats && writer.block)
        result =
            s_write_file(&writer, path, properties, properties_count, fault);
    if (result == 0 && digest)
        digester_finish(&writer.digester, digest);
    free(writer.block);
    free(needed);
    free(repeats);
    return result;
}
