/* The bounded walk over an ONNX file, driven by protobuf-c's own tables. */
#include "common/model/onnx_walk.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "onnx.pb-c.h"

#include "common/cursor.h"
#include "common/mem.h"

enum {
    WINDOW_BYTES = 64 << 10,
    LENGTH_BYTES = 5, /* of a length in the skeleton, padded */
    PLACE_BYTES = 17,
    ALLOCATION_BYTES = 32, /* what a malloc costs beside its size */
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_LENGTH = 2,
    WIRE_32 = 5,
    TEXT_BYTES = 512, /* looked at to tell whether a file is a text */
    FIELDS_MAX = 64,  /* of a message in onnx.proto */
};

typedef struct walk {
    const blob_t *file;
    uint64_t at;        /* in the file */
    uint64_t window_at; /* where the window begins */
    size_t window_bytes;
    uint8_t *out;
    size_t out_bytes;
    size_t out_capacity;
    size_t unpacked_bytes;
    uint8_t window[WINDOW_BYTES];
} walk_t;

/* One field as the file has it. */
typedef struct field {
    const ProtobufCFieldDescriptor *descriptor; /* NULL: unknown */
    uint32_t number;
    int wire;
    uint64_t head;  /* of its tag */
    uint64_t bytes; /* if length-delimited */
} field_t;

typedef enum rule {
    RULE_SKIP,   /* means nothing here */
    RULE_REFUSE, /* would mean something */
    RULE_PLACE,  /* elements: their place is kept */
} rule_t;

typedef struct exception {
    const ProtobufCMessageDescriptor *message;
    const char *field;
    rule_t rule;
    dtype_t typed;
    const char *why;
} exception_t;

static const exception_t exceptions[] = {
    {&onnx__tensor_proto__descriptor, "raw_data", RULE_PLACE, DTYPE_NONE, NULL},
    {&onnx__tensor_proto__descriptor, "float_data", RULE_PLACE, DTYPE_FLOAT32,
     NULL},
    {&onnx__tensor_proto__descriptor, "double_data", RULE_PLACE, DTYPE_FLOAT64,
     NULL},
    {&onnx__tensor_proto__descriptor, "segment", RULE_REFUSE, 0,
     "segmented tensors are not read"},
    {&onnx__model_proto__descriptor, "training_info", RULE_REFUSE, 0,
     "a model with training information is not read, export for inference"},
    {&onnx__model_proto__descriptor, "functions", RULE_REFUSE, 0,
     "models with functions are not read, inline them"},
    {&onnx__graph_proto__descriptor, "sparse_initializer", RULE_REFUSE, 0,
     "sparse weights are not read"},
    {&onnx__graph_proto__descriptor, "quantization_annotation", RULE_SKIP, 0,
     NULL},
    {NULL, "doc_string", RULE_SKIP, 0, NULL},
    {NULL, "denotation", RULE_SKIP, 0, NULL},
};

static const exception_t *
s_exception(const ProtobufCMessageDescriptor *message, const char *name)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if ((!exceptions[i].message || exceptions[i].message == message) &&
            strcmp(exceptions[i].field, name) == 0)
            return &exceptions[i];
    return NULL;
}

/* --- reading --- */

/* The next byte; past the end of the file a fault. */
static int
s_byte(walk_t *self, uint8_t *byte, fault_t *fault)
{
    if (self->at < self->window_at ||
        self->at - self->window_at >= self->window_bytes) {
        uint64_t left = blob_bytes(self->file) - self->at;
        size_t size = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
        if (size == 0)
            return fault_set(fault, FAULT_INPUT, "the file is cut short");
        if (blob_read(self->file, self->at, self->window, size, fault))
            return -1;
        self->window_at = self->at;
        self->window_bytes = size;
    }
    *byte = self->window[self->at - self->window_at];
    self->at++;
    return 0;
}

static int
s_varint(walk_t *self, uint64_t end, uint64_t *value, fault_t *fault)
{
    uint64_t start = self->at;
    *value = 0;
    for (int shift = 0; shift < 64 && self->at < end; shift += 7) {
        uint8_t byte = 0;
        if (s_byte(self, &byte, fault))
            return -1;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return 0;
    }
    return fault_set(fault, FAULT_INPUT,
                     "byte %llu: no number where one is needed, the file is "
                     "cut short or no ONNX",
                     (unsigned long long)start);
}

/* --- writing --- */

static uint8_t *
s_reserve(walk_t *self, size_t size, fault_t *fault)
{
    if (size > ONNX_SKELETON_BYTES_MAX - self->out_bytes)
        return fault_null(fault, FAULT_INPUT,
                          "more than %d MiB beside raw_data, save the weights "
                          "as raw_data",
                          ONNX_SKELETON_BYTES_MAX >> 20);
    if (mem_grow(&self->out, &self->out_capacity, self->out_bytes + size, 1,
                 fault))
        return NULL;
    uint8_t *to = self->out + self->out_bytes;
    self->out_bytes += size;
    return to;
}

static int
s_put_varint(walk_t *self, uint64_t value, fault_t *fault)
{
    uint8_t bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    uint8_t *to = s_reserve(self, size, fault);
    if (!to)
        return -1;
    memcpy(to, bytes, size);
    return 0;
}

/* A length in five bytes, whatever it is, so that it can be filled in later. */
static void
s_patch_length(uint8_t *at, size_t length)
{
    for (int i = 0; i < LENGTH_BYTES; i++)
        at[i] = (uint8_t)((length >> 7 * i & 0x7f) |
                          (i < LENGTH_BYTES - 1 ? 0x80 : 0));
}

/* What protobuf-c will allocate; bounded before it does. */
static int
s_charge(walk_t *self, size_t bytes, fault_t *fault)
{
    if (bytes > ONNX_UNPACKED_BYTES_MAX - self->unpacked_bytes)
        return fault_set(fault, FAULT_INPUT,
                         "more than %d MiB of graph, without its weights",
                         ONNX_UNPACKED_BYTES_MAX >> 20);
    self->unpacked_bytes += bytes;
    return 0;
}

static int
s_copy(walk_t *self, uint64_t bytes, fault_t *fault)
{
    uint8_t *to = bytes <= ONNX_SKELETON_BYTES_MAX
                      ? s_reserve(self, (size_t)bytes, fault)
                      : s_reserve(self, SIZE_MAX, fault);
    if (!to || blob_read(self->file, self->at, to, (size_t)bytes, fault))
        return -1;
    self->at += bytes;
    return 0;
}

/* --- fields --- */

static const char *
s_name(const field_t *field)
{
    return field->descriptor ? field->descriptor->name : "unknown";
}

static int
s_read_head(walk_t *self, const ProtobufCMessageDescriptor *message,
            uint64_t end, field_t *field, fault_t *fault)
{
    uint64_t tag;
    *field = (field_t){.head = self->at};
    if (s_varint(self, end, &tag, fault))
        return -1;
    if (tag > UINT32_MAX || tag >> 3 == 0)
        return fault_set(fault, FAULT_INPUT, "byte %llu: not ONNX",
                         (unsigned long long)field->head);
    field->number = (uint32_t)tag >> 3;
    field->wire = (int)(tag & 7);
    field->descriptor =
        protobuf_c_message_descriptor_get_field(message, field->number);
    if (field->wire != WIRE_LENGTH)
        return 0;
    if (s_varint(self, end, &field->bytes, fault))
        return -1;
    if (field->bytes > end - self->at)
        return fault_set(fault, FAULT_INPUT,
                         "byte %llu: field %s of %llu bytes, %llu are left%s",
                         (unsigned long long)field->head, s_name(field),
                         (unsigned long long)field->bytes,
                         (unsigned long long)(end - self->at),
                         message == &onnx__model_proto__descriptor
                             ? ", the file is cut short"
                             : "");
    return 0;
}

static int
s_skip(walk_t *self, const field_t *field, uint64_t end, fault_t *fault)
{
    uint64_t bytes = 0, value;
    switch (field->wire) {
    case WIRE_VARINT:
        return s_varint(self, end, &value, fault);
    case WIRE_64:
        bytes = 8;
        break;
    case WIRE_32:
        bytes = 4;
        break;
    case WIRE_LENGTH:
        bytes = field->bytes;
        break;
    default:
        return fault_set(fault, FAULT_INPUT, "byte %llu: not ONNX",
                         (unsigned long long)field->head);
    }
    if (bytes > end - self->at)
        return fault_set(fault, FAULT_INPUT, "byte %llu: field %s is cut short",
                         (unsigned long long)field->head, s_name(field));
    self->at += bytes;
    return 0;
}

static bool
s_is_packable(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_BYTES &&
           type != PROTOBUF_C_TYPE_MESSAGE;
}

static int
s_wire(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return WIRE_32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    default:
        return WIRE_VARINT;
    }
}

/* A field that may come once came once (bits of seen), and only one of those
 * that exclude each other: protobuf-c would merge or free, and two readers
 * would differ. */
static int
s_check_once(const ProtobufCMessageDescriptor *message, const field_t *field,
             uint64_t *seen, fault_t *fault)
{
    const ProtobufCFieldDescriptor *descriptor = field->descriptor;
    if (descriptor->label == PROTOBUF_C_LABEL_REPEATED)
        return 0;
    uint64_t bit = (uint64_t)1 << (descriptor - message->fields);
    if (descriptor->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        for (unsigned i = 0; i < message->n_fields; i++)
            if (message->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
                bit |= (uint64_t)1 << i;
    if (*seen & bit)
        return fault_set(fault, FAULT_INPUT, "byte %llu: field %s comes twice",
                         (unsigned long long)field->head, s_name(field));
    *seen |= bit;
    return 0;
}

/* The place of elements instead of the elements, always as raw_data. */
static int
s_put_place(walk_t *self, const field_t *field, dtype_t typed, fault_t *fault)
{
    const ProtobufCFieldDescriptor *raw =
        protobuf_c_message_descriptor_get_field_by_name(
            &onnx__tensor_proto__descriptor, "raw_data");
    if (s_put_varint(self, raw->id << 3 | WIRE_LENGTH, fault) ||
        s_put_varint(self, PLACE_BYTES, fault) ||
        s_charge(self, PLACE_BYTES + ALLOCATION_BYTES, fault))
        return -1;
    uint8_t *to = s_reserve(self, PLACE_BYTES, fault);
    if (!to)
        return -1;
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(self->at >> 8 * i);
        to[8 + i] = (uint8_t)(field->bytes >> 8 * i);
    }
    to[16] = (uint8_t)typed;
    self->at += field->bytes;
    return 0;
}

/* Text, bytes, or packed numbers. */
static int
s_put_bytes(walk_t *self, const field_t *field, fault_t *fault)
{
    bool packed = s_is_packable(field->descriptor->type);
    /* A varint of one byte becomes an integer of eight. */
    size_t grows = packed ? 8 : 1;
    if (field->bytes > ONNX_SKELETON_BYTES_MAX)
        return s_charge(self, SIZE_MAX, fault);
    if (s_charge(self, (size_t)field->bytes * grows + ALLOCATION_BYTES,
                 fault) ||
        s_put_varint(self, field->number << 3 | WIRE_LENGTH, fault) ||
        s_put_varint(self, field->bytes, fault) ||
        s_copy(self, field->bytes, fault))
        return -1;
    const uint8_t *copied = self->out + self->out_bytes - field->bytes;
    if (field->descriptor->type == PROTOBUF_C_TYPE_STRING &&
        memchr(copied, '\0', (size_t)field->bytes))
        return fault_set(fault, FAULT_INPUT, "byte %llu: field %s is no text",
                         (unsigned long long)field->head, s_name(field));
    return 0;
}

static int
s_put_number(walk_t *self, const field_t *field, uint64_t end, fault_t *fault)
{
    uint64_t value;
    if (s_charge(self, 2 * sizeof value, fault) ||
        s_put_varint(self, field->number << 3 | (unsigned)field->wire, fault))
        return -1;
    if (field->wire == WIRE_VARINT)
        return s_varint(self, end, &value, fault) ||
                       s_put_varint(self, value, fault)
                   ? -1
                   : 0;
    uint64_t bytes = field->wire == WIRE_64 ? 8 : 4;
    if (bytes > end - self->at)
        return fault_set(fault, FAULT_INPUT, "byte %llu: field %s is cut short",
                         (unsigned long long)field->head, s_name(field));
    return s_copy(self, bytes, fault);
}

static int s_walk(walk_t *self, const ProtobufCMessageDescriptor *message,
                  uint64_t end, int depth, fault_t *fault);

static int
s_put_message(walk_t *self, const field_t *field, int depth, fault_t *fault)
{
    const ProtobufCMessageDescriptor *inner = field->descriptor->descriptor;
    if (depth == ONNX_DEPTH_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "byte %llu: nested deeper than %d messages",
                         (unsigned long long)field->head, ONNX_DEPTH_MAX);
    if (s_charge(self, inner->sizeof_message + ALLOCATION_BYTES, fault) ||
        s_put_varint(self, field->number << 3 | WIRE_LENGTH, fault) ||
        !s_reserve(self, LENGTH_BYTES, fault))
        return -1;
    size_t start = self->out_bytes;
    if (s_walk(self, inner, self->at + field->bytes, depth + 1, fault))
        return -1;
    s_patch_length(self->out + start - LENGTH_BYTES, self->out_bytes - start);
    return 0;
}

static int
s_put_field(walk_t *self, const field_t *field, uint64_t end, int depth,
            fault_t *fault)
{
    ProtobufCType type = field->descriptor->type;
    bool packed = field->wire == WIRE_LENGTH && s_is_packable(type) &&
                  field->descriptor->label == PROTOBUF_C_LABEL_REPEATED;
    if (field->wire != s_wire(type) && !packed)
        return fault_set(fault, FAULT_INPUT,
                         "byte %llu: field %s has the wrong type",
                         (unsigned long long)field->head, s_name(field));
    if (type == PROTOBUF_C_TYPE_MESSAGE)
        return s_put_message(self, field, depth, fault);
    if (field->wire == WIRE_LENGTH)
        return s_put_bytes(self, field, fault);
    return s_put_number(self, field, end, fault);
}

/* The fields of one message up to end. */
static int
s_walk(walk_t *self, const ProtobufCMessageDescriptor *message, uint64_t end,
       int depth, fault_t *fault)
{
    uint64_t seen = 0;
    bool placed = false;
    assert(message->n_fields <= FIELDS_MAX);
    while (self->at < end) {
        field_t field;
        if (s_read_head(self, message, end, &field, fault))
            return -1;
        const exception_t *exception =
            field.descriptor ? s_exception(message, field.descriptor->name)
                             : NULL;
        int result;
        if (!field.descriptor || (exception && exception->rule == RULE_SKIP)) {
            result = s_skip(self, &field, end, fault);
        } else if (exception && exception->rule == RULE_REFUSE) {
            result = fault_set(fault, FAULT_INPUT, "%s", exception->why);
        } else if (s_check_once(message, &field, &seen, fault)) {
            result = -1;
        } else if (exception && field.wire == WIRE_LENGTH) {
            result = placed
                         ? fault_set(fault, FAULT_INPUT,
                                     "byte %llu: a tensor's elements come "
                                     "twice",
                                     (unsigned long long)field.head)
                         : s_put_place(self, &field, exception->typed, fault);
            placed = true;
        } else {
            result = s_put_field(self, &field, end, depth, fault);
        }
        if (result)
            return -1;
    }
    return 0;
}

/* Whoever names a config or a listing for a model should not read of fields.
 * Every ONNX file has control characters early: its tags and lengths. */
static bool
s_is_text(const blob_t *file)
{
    uint8_t bytes[TEXT_BYTES];
    size_t size = blob_bytes(file) < sizeof bytes ? (size_t)blob_bytes(file)
                                                  : sizeof bytes;
    if (blob_read(file, 0, bytes, size, NULL))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isspace(bytes[i]) && (bytes[i] < ' ' || bytes[i] == 0x7f))
            return false;
    return true;
}

/* What torch.save, TorchScript and numpy.savez write. No ONNX file begins so:
 * the third byte would be the tag of a field 0. */
static bool
s_is_zip(const blob_t *file)
{
    static const uint8_t zip[] = {'P', 'K', 3, 4};
    uint8_t bytes[sizeof zip];
    return blob_bytes(file) >= sizeof bytes &&
           blob_read(file, 0, bytes, sizeof bytes, NULL) == 0 &&
           memcmp(bytes, zip, sizeof zip) == 0;
}

uint8_t *
onnx_walk(const blob_t *file, size_t *size, fault_t *fault)
{
    if (blob_bytes(file) > INT32_MAX)
        return fault_null(fault, FAULT_INPUT,
                          "an ONNX file over 2 GiB is not read, keep its "
                          "weights in files beside it");
    if (blob_bytes(file) == 0)
        return fault_null(fault, FAULT_INPUT, "the file is empty");
    if (s_is_text(file))
        return fault_null(fault, FAULT_INPUT, "a text file, not an ONNX model");
    if (s_is_zip(file))
        return fault_null(fault, FAULT_INPUT,
                          "a zip archive such as a PyTorch checkpoint, not an "
                          "ONNX model: name it as model.weights beside "
                          "model.layers, or export the model to ONNX");
    walk_t *walk = mem_new(1, sizeof *walk, fault);
    if (!walk)
        return NULL;
    walk->file = file;
    if (s_walk(walk, &onnx__model_proto__descriptor, blob_bytes(file), 1,
               fault)) {
        free(walk->out);
        walk->out = NULL;
    } else if (!walk->out) {
        fault_set(fault, FAULT_INPUT, "the file is no ONNX model");
    }
    uint8_t *bytes = walk->out;
    *size = walk->out_bytes;
    free(walk);
    return bytes;
}

bool
onnx_place_decode(onnx_place_t *self, const uint8_t *bytes, size_t size)
{
    cursor_t in;
    cursor_init(&in, bytes, size);
    self->offset = cursor_u64le(&in);
    self->bytes = cursor_u64le(&in);
    self->typed = (dtype_t)cursor_u8(&in);
    return !cursor_failed(&in) && cursor_left(&in) == 0;
}
