/* ONNX files that no exporter writes, put together byte by byte. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/onnx.h"
#include "tests/support/bytes.h"

static onnx_model_t *
s_read(const uint8_t *bytes, size_t size, fault_t *fault)
{
    blob_t *file = bytes_file(bytes, size);
    onnx_model_t *model = onnx_read(file, fault);
    blob_release(&file);
    return model;
}

/* A length-delimited field of fewer than 128 bytes in front of what is there;
 * bytes[] is built from its end. */
typedef struct message {
    uint8_t bytes[512];
    size_t size;
} message_t;

static message_t
s_field(int field, const message_t *inner)
{
    message_t outer = {.size = inner->size + 2};
    assert_true(inner->size < 128);
    outer.bytes[0] = (uint8_t)(field << 3 | 2);
    outer.bytes[1] = (uint8_t)inner->size;
    memcpy(outer.bytes + 2, inner->bytes, inner->size);
    return outer;
}

static void
s_append(message_t *self, const message_t *other)
{
    memcpy(self->bytes + self->size, other->bytes, other->size);
    self->size += other->size;
}

static message_t
s_text(int field, const char *text)
{
    message_t inner = {.size = strlen(text)};
    memcpy(inner.bytes, text, inner.size);
    return s_field(field, &inner);
}

static message_t
s_number(int field, uint8_t value)
{
    return (message_t){.bytes = {(uint8_t)(field << 3), value}, .size = 2};
}

/* A model around a graph, refused with a sentence that holds part. */
static void
s_graph_refused(const message_t *graph, int opset, const char *part)
{
    fault_t fault = {0};
    message_t model = s_number(1, 8), field = s_field(7, graph);
    message_t version = s_number(2, (uint8_t)opset);
    s_append(&model, &field);
    field = s_field(8, &version);
    s_append(&model, &field);
    onnx_model_t *read = s_read(model.bytes, model.size, &fault);
    assert_null(read);
    if (!strstr(fault.text, part))
        fail_msg("%s, where %s was expected", fault.text, part);
}

/* An initializer "t" of a type with three elements as raw_data. */
static message_t
s_tensor(int type, int dim, int raw_bytes)
{
    message_t tensor = s_number(1, (uint8_t)dim), field = s_number(2, type);
    s_append(&tensor, &field);
    field = s_text(8, "t");
    s_append(&tensor, &field);
    message_t raw = {.size = (size_t)raw_bytes};
    field = s_field(9, &raw);
    s_append(&tensor, &field);
    return tensor;
}

static void
odd_tensors_are_refused_by_name(void **state)
{
    (void)state;
    message_t tensor = s_tensor(1, 3, 11), graph = s_field(5, &tensor);
    s_graph_refused(&graph, 17, "tensor t: 11 bytes for [3] of float32");
    tensor = s_tensor(8, 3, 12);
    graph = s_field(5, &tensor);
    s_graph_refused(&graph, 17, "element type string");
    tensor = s_tensor(99, 3, 12);
    graph = s_field(5, &tensor);
    s_graph_refused(&graph, 17, "element type 99");
    tensor = s_tensor(22, 3, 2);
    graph = s_field(5, &tensor);
    s_graph_refused(&graph, 21, "element type int4");
    tensor = s_tensor(1, 3, 12);
    message_t field = s_number(14, 1); /* data_location = EXTERNAL */
    s_append(&tensor, &field);
    graph = s_field(5, &tensor);
    s_graph_refused(&graph, 17, "tensor t: elements here and in another");
    tensor = s_tensor(1, 3, 12);
    message_t floats = {.size = 12};
    field = s_field(4, &floats);
    s_append(&tensor, &field);
    graph = s_field(5, &tensor);
    s_graph_refused(&graph, 17, "twice");
    tensor = s_tensor(7, 3, 0); /* int64 with float_data */
    tensor.size -= 2;
    floats.size = 24;
    field = s_field(4, &floats);
    s_append(&tensor, &field);
    graph = s_field(5, &tensor);
    s_graph_refused(&graph, 17, "another type");
    message_t negative = {
        {1 << 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2 << 3, 1},
        13};
    graph = s_field(5, &negative);
    s_graph_refused(&graph, 17, "no size");
}

static void
odd_models_are_refused_by_name(void **state)
{
    (void)state;
    message_t node = s_text(4, "Relu"), graph = s_field(1, &node);
    s_graph_refused(&graph, 17, "no output");
    s_graph_refused(&graph, 6, "opset 6");
    s_graph_refused(&graph, 22, "opset 22");
    message_t domain = s_text(7, "com.example");
    s_append(&node, &domain);
    graph = s_field(1, &node);
    s_graph_refused(&graph, 17, "com.example");
    message_t attribute = s_text(1, "body"), type = {{0xa0, 1, 5}, 3}, field;
    s_append(&attribute, &type);
    node = s_text(4, "Loop");
    field = s_field(5, &attribute);
    s_append(&node, &field);
    graph = s_field(1, &node);
    s_graph_refused(&graph, 17, "control flow");
    message_t nothing = {.size = 0};
    graph = s_field(15, &nothing);
    s_graph_refused(&graph, 17, "sparse");
    graph = s_text(2, "one");
    field = s_text(2, "two");
    s_append(&graph, &field);
    s_graph_refused(&graph, 17, "name comes twice");
}

/* Only of the outermost message a missing end is the file's. */
static void
a_file_that_was_cut_short_is_told(void **state)
{
    (void)state;
    fault_t fault = {0};
    message_t node = s_text(4, "Relu"), graph = s_field(1, &node);
    message_t model = s_field(7, &graph);
    assert_null(s_read(model.bytes, model.size - 3, &fault));
    assert_string_equal(fault.text, "byte 0: field graph of 8 bytes, 5 are "
                                    "left, the file is cut short");
    model.bytes[3]++; /* of the node, into nothing */
    assert_null(s_read(model.bytes, model.size, &fault));
    assert_string_equal(fault.text,
                        "byte 2: field node of 7 bytes, 6 are left");
}

/* IR 10 and later: overloads and properties of nodes, of the graph. */
static void
fields_of_newer_versions_are_skipped(void **state)
{
    (void)state;
    message_t entry = s_text(1, "key"), field = s_text(2, "value");
    s_append(&entry, &field);
    message_t node = s_text(1, "x");
    field = s_text(2, "y");
    s_append(&node, &field);
    field = s_text(4, "Relu");
    s_append(&node, &field);
    field = s_text(8, ""); /* overload */
    s_append(&node, &field);
    field = s_field(9, &entry); /* metadata_props */
    s_append(&node, &field);
    message_t graph = s_field(1, &node);
    field = s_field(16, &entry); /* of the graph: a tag of two bytes */
    field.bytes[0] = 0x82;
    memmove(field.bytes + 2, field.bytes + 1, field.size - 1);
    field.bytes[1] = 1;
    field.size++;
    s_append(&graph, &field);
    s_graph_refused(&graph, 21, "the model has no output");
}

/* Graph attributes in graph attributes: 114 KB of them crash protobuf-c, which
 * recurses as deep as the file says. */
static void
a_deeply_nested_bomb_is_refused(void **state)
{
    (void)state;
    enum { SIZE = 114 << 10 };
    uint8_t *bytes = malloc(SIZE);
    size_t at = SIZE, size = 0;
    static const int fields[] = {6, 5, 1}; /* g, attribute, node */
    for (int i = 0; at > 8; i++) {
        uint8_t head[8] = {(uint8_t)(fields[i % 3] << 3 | 2)};
        size_t head_size = 1, length = size;
        for (; length >= 0x80; length >>= 7)
            head[head_size++] = (uint8_t)(length | 0x80);
        head[head_size++] = (uint8_t)length;
        at -= head_size;
        memcpy(bytes + at, head, head_size);
        size += head_size;
    }
    for (size_t skip = 0; skip < 3; skip++) {
        /* whichever field is outermost, as ModelProto.graph */
        fault_t fault = {0};
        bytes[at] = 7 << 3 | 2;
        onnx_model_t *model = s_read(bytes + at, SIZE - at, &fault);
        assert_null(model);
        assert_int_equal(fault.code, FAULT_INPUT);
        at += 4;
    }
    free(bytes);
}

/* Many empty nodes unpack to a hundred times their bytes. */
static void
a_crowd_of_empty_nodes_is_refused_before_it_is_unpacked(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    uint8_t *bytes = calloc(1, SIZE + 8);
    uint8_t head[] = {7 << 3 | 2, 0x80, 0x80, 0x80, 4}; /* 8 MiB */
    memcpy(bytes, head, sizeof head);
    for (size_t i = 0; i < SIZE; i += 2)
        bytes[sizeof head + i] = 1 << 3 | 2;
    fault_t fault = {0};
    assert_null(s_read(bytes, SIZE + sizeof head, &fault));
    if (!strstr(fault.text, "MiB of graph"))
        fail_msg("%s", fault.text);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_tensors_are_refused_by_name),
        cmocka_unit_test(odd_models_are_refused_by_name),
        cmocka_unit_test(a_file_that_was_cut_short_is_told),
        cmocka_unit_test(fields_of_newer_versions_are_skipped),
        cmocka_unit_test(a_deeply_nested_bomb_is_refused),
        cmocka_unit_test(
            a_crowd_of_empty_nodes_is_refused_before_it_is_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
