/* Headers of messages: one const table leads both ways between the map and
 * the struct.
 */
#include "common/proto.h"

#include <assert.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>

#include "common/cursor.h"
#include "common/mem.h"
#include "common/pack.h"
#include "common/proto_table.h"

enum { HEADER_VALUES_MAX = 1024 };

/* --- what a message carries --- */

uint64_t
message_required(message_type_t type, role_t sender)
{
    const proto_type_t *row = proto_type(type);
    if (!row)
        return 0;
    return sender == ROLE_CLIENT   ? row->from_client
           : sender == ROLE_WORKER ? row->from_worker
                                   : row->from_broker;
}

const char *
message_name(message_type_t type)
{
    const proto_type_t *row = proto_type(type);
    return row ? row->name : "UNKNOWN";
}

bool
message_has(const message_t *self, uint64_t keys)
{
    return (self->present & keys) == keys;
}

/* --- values in memory --- */

static void *
s_at(const void *base, size_t offset)
{
    return (char *)(uintptr_t)base + offset;
}

static uint64_t
s_load(const proto_slot_t *slot, const void *base)
{
    uint64_t value = 0; /* little endian, as everywhere in Convoy */
    memcpy(&value, s_at(base, slot->offset), slot->size);
    return value;
}

static uint16_t
s_count(const proto_row_t *row, const message_t *message)
{
    uint16_t count;
    memcpy(&count, s_at(message, row->count_offset), sizeof count);
    return count;
}

static void
s_clear(const proto_row_t *row, message_t *message)
{
    if (row->list_max) {
        memset(s_at(message, row->count_offset), 0, sizeof(uint16_t));
        return;
    }
    for (size_t i = 0; i < row->slots_count; i++) {
        const proto_slot_t *slot = &row->slots[i];
        size_t size = slot->kind == KIND_TEXT ? 1 : slot->size;
        memset(s_at(message, slot->offset), 0, size);
    }
}

void
message_init(message_t *self, message_type_t type)
{
    self->type = type;
    self->frames_count = 0;
    self->flags = 0;
    self->present = 0;
    for (size_t key = 0; key < PROTO_ROWS; key++)
        if (proto_row(key))
            s_clear(proto_row(key), self);
}

/* --- encoding --- */

typedef struct sink {
    uint8_t *bytes;
    size_t used;
    size_t size;
} sink_t;

static int
s_write(void *data, const char *bytes, size_t size)
{
    sink_t *sink = data;
    if (size > sink->size - sink->used)
        return -1;
    memcpy(sink->bytes + sink->used, bytes, size);
    sink->used += size;
    return 0;
}

static int
s_pack_dims(msgpack_packer *packer, const shape_t *shape)
{
    assert(shape->rank >= 0 && shape->rank <= TENSOR_RANK_MAX);
    int failed = msgpack_pack_array(packer, (size_t)shape->rank);
    for (int i = 0; i < shape->rank; i++) {
        assert(shape->dims[i] >= 0);
        failed |= msgpack_pack_uint64(packer, (uint64_t)shape->dims[i]);
    }
    return failed;
}

static int
s_pack_slot(msgpack_packer *packer, const proto_slot_t *slot, const void *base)
{
    const char *value = s_at(base, slot->offset);
    switch (slot->kind) {
    case KIND_UINT:
        return msgpack_pack_uint64(packer, s_load(slot, base));
    case KIND_BIN:
        return msgpack_pack_bin_with_body(packer, value, slot->size);
    case KIND_TEXT:
        return msgpack_pack_str_with_body(packer, value,
                                          strnlen(value, slot->size - 1));
    default:
        return s_pack_dims(packer, (const shape_t *)(const void *)value);
    }
}

static int
s_pack_slots(msgpack_packer *packer, const proto_row_t *row, const void *base)
{
    int failed = 0;
    if (row->slots_count > 1)
        failed |= msgpack_pack_array(packer, row->slots_count);
    for (size_t i = 0; i < row->slots_count; i++)
        failed |= s_pack_slot(packer, &row->slots[i], base);
    return failed;
}

static int
s_pack_row(msgpack_packer *packer, const proto_row_t *row,
           const message_t *message)
{
    int failed = msgpack_pack_uint64(packer, row->key);
    if (!row->list_max)
        return failed | s_pack_slots(packer, row, message);

    size_t count = s_count(row, message);
    assert(count <= row->list_max);
    failed |= msgpack_pack_array(packer, count);
    for (size_t i = 0; i < count; i++)
        failed |= s_pack_slots(
            packer, row,
            s_at(message, row->list_offset + i * row->element_size));
    return failed;
}

size_t
message_encode(const message_t *self, uint8_t *buffer, fault_t *fault)
{
    sink_t sink = {buffer, PROTO_PREFIX_BYTES, PROTO_HEADER_MAX};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &sink, s_write);
    int failed =
        msgpack_pack_map(&packer, (size_t)__builtin_popcountll(self->present));
    for (size_t key = 0; key < PROTO_ROWS; key++)
        if (self->present & key_bit(key)) {
            assert(proto_row(key));
            failed |= s_pack_row(&packer, proto_row(key), self);
        }
    if (failed) {
        fault_set(fault, FAULT_TOO_LARGE, "%s: the header would pass %d bytes",
                  message_name(self->type), PROTO_HEADER_MAX);
        return 0;
    }
    size_t map_bytes = sink.used - PROTO_PREFIX_BYTES;
    const uint8_t prefix[PROTO_PREFIX_BYTES] = {
        'C',
        'V',
        PROTO_MAJOR,
        (uint8_t)self->type,
        (uint8_t)map_bytes,
        (uint8_t)(map_bytes >> 8),
        self->frames_count,
        self->flags,
    };
    memcpy(buffer, prefix, sizeof prefix);
    return sink.used;
}

/* --- decoding --- */

static int
s_unpack_text(const msgpack_object *object, const proto_slot_t *slot,
              char *text)
{
    if (object->type != MSGPACK_OBJECT_STR)
        return -1;
    size_t size = object->via.str.size;
    if (size >= slot->size || !pack_printable(object->via.str.ptr, size))
        return -1;
    if (size) /* an empty text has no pointer */
        memcpy(text, object->via.str.ptr, size);
    text[size] = '\0';
    return 0;
}

static int
s_unpack_dims(const msgpack_object *object, shape_t *shape)
{
    if (object->type != MSGPACK_OBJECT_ARRAY ||
        object->via.array.size > TENSOR_RANK_MAX)
        return -1;
    *shape = (shape_t){.rank = (int)object->via.array.size};
    for (int i = 0; i < shape->rank; i++) {
        const msgpack_object *dim = &object->via.array.ptr[i];
        if (dim->type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
            dim->via.u64 > INT64_MAX)
            return -1;
        shape->dims[i] = (int64_t)dim->via.u64;
    }
    return 0;
}

static int
s_unpack_slot(const msgpack_object *object, const proto_slot_t *slot,
              void *base)
{
    void *to = s_at(base, slot->offset);
    switch (slot->kind) {
    case KIND_UINT:
        if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
            object->via.u64 < slot->low || object->via.u64 > slot->high)
            return -1;
        memcpy(to, &object->via.u64, slot->size);
        return 0;
    case KIND_BIN:
        if (object->type != MSGPACK_OBJECT_BIN ||
            object->via.bin.size != slot->size)
            return -1;
        memcpy(to, object->via.bin.ptr, slot->size);
        return 0;
    case KIND_TEXT:
        return s_unpack_text(object, slot, to);
    default:
        return s_unpack_dims(object, to);
    }
}

static int
s_unpack_slots(const msgpack_object *object, const proto_row_t *row, void *base)
{
    if (row->slots_count == 1)
        return s_unpack_slot(object, &row->slots[0], base);
    if (object->type != MSGPACK_OBJECT_ARRAY ||
        object->via.array.size != row->slots_count)
        return -1;
    for (size_t i = 0; i < row->slots_count; i++)
        if (s_unpack_slot(&object->via.array.ptr[i], &row->slots[i], base))
            return -1;
    return 0;
}

static int
s_unpack_list(const msgpack_object *object, const proto_row_t *row,
              message_t *message)
{
    if (object->type != MSGPACK_OBJECT_ARRAY ||
        object->via.array.size > row->list_max)
        return -1;
    uint16_t count = (uint16_t)object->via.array.size;
    for (size_t i = 0; i < count; i++)
        if (s_unpack_slots(
                &object->via.array.ptr[i], row,
                s_at(message, row->list_offset + i * row->element_size)))
            return -1;
    memcpy(s_at(message, row->count_offset), &count, sizeof count);
    return 0;
}

static int
s_unpack_entry(const msgpack_object_kv *entry, message_t *message,
               fault_t *fault)
{
    const char *type = message_name(message->type);
    if (entry->key.type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "%s: a key is not an unsigned integer", type);
    uint64_t key = entry->key.via.u64;
    if (key >= PROTO_EXTENSION_KEY)
        return 0;
    const proto_row_t *row = proto_row(key);
    if (!row)
        return fault_set(fault, FAULT_BAD_FRAME, "%s: key %d is not known",
                         type, (int)key);
    if (message->present & key_bit(key))
        return fault_set(fault, FAULT_BAD_FRAME, "%s: key %d comes twice", type,
                         (int)key);
    int failed = row->list_max ? s_unpack_list(&entry->val, row, message)
                               : s_unpack_slots(&entry->val, row, message);
    if (failed)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "%s: the value of key %d (%s) is not valid", type,
                         (int)key, row->name);
    message->present |= key_bit(key);
    return 0;
}

/* What no single slot can tell: sizes against shapes, tensors against frames.
 */
static int
s_check_tensors(const message_t *message, fault_t *fault)
{
    const char *type = message_name(message->type);
    if (!message_has(message, key_bit(KEY_TENSORS)))
        return 0;
    if (message->tensors_count != message->frames_count)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "%s: %d tensors described, %d frames announced", type,
                         message->tensors_count, message->frames_count);
    for (int i = 0; i < message->tensors_count; i++) {
        const tensor_header_t *tensor = &message->tensors[i];
        size_t size = dtype_size(tensor->dtype);
        int64_t elements = shape_elements(&tensor->shape);
        size_t bytes;
        if (size == 0)
            return fault_set(fault, FAULT_BAD_FRAME,
                             "%s: tensor %d has the unknown dtype %d", type, i,
                             (int)tensor->dtype);
        if (elements < 0 || !mem_mul((size_t)elements, size, &bytes) ||
            bytes != tensor->bytes)
            return fault_set(fault, FAULT_BAD_FRAME,
                             "%s: the bytes of tensor %d do not fit its shape",
                             type, i);
    }
    return 0;
}

static int
s_decode_prefix(message_t *self, cursor_t *cursor, fault_t *fault)
{
    const uint8_t *magic = cursor_take(cursor, 2);
    uint8_t major = cursor_u8(cursor);
    uint8_t type = cursor_u8(cursor);
    uint16_t map_bytes = cursor_u16le(cursor);
    uint8_t frames_count = cursor_u8(cursor);
    uint8_t flags = cursor_u8(cursor);
    if (cursor_failed(cursor))
        return fault_set(fault, FAULT_BAD_FRAME,
                         "a header of %zu bytes is no header", cursor->size);
    if (memcmp(magic, "CV", 2) != 0)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "a header does not begin with CV");
    self->type = (message_type_t)type;
    if (major != PROTO_MAJOR)
        return fault_set(fault, FAULT_REJECT_VERSION,
                         "protocol version %d is spoken here, not %d",
                         PROTO_MAJOR, major);
    if (!proto_type(type))
        return fault_set(fault, FAULT_BAD_FRAME,
                         "message type 0x%02x is not known", type);
    if (map_bytes != cursor_left(cursor) || cursor->size > PROTO_HEADER_MAX)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "%s: a map of %d bytes in a header of %zu",
                         message_name(type), map_bytes, cursor->size);
    if (frames_count > TENSORS_MAX || flags != 0)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "%s: %d frames and flags 0x%02x are not valid",
                         message_name(type), frames_count, flags);
    self->frames_count = frames_count;
    return 0;
}

static int
s_decode_map(message_t *self, const cursor_t *cursor, fault_t *fault)
{
    const pack_limits_t limits = {.depth_max = PROTO_DEPTH_MAX,
                                  .values_max = HEADER_VALUES_MAX,
                                  .entries_max = PROTO_KEYS_MAX,
                                  .bytes_max = PROTO_TEXT_MAX,
                                  .floats = true};
    const char *map = (const char *)cursor->bytes + cursor->offset;
    if (pack_check(map, cursor_left(cursor), &limits, fault))
        return fault_prefix(fault, "%s", message_name(self->type));

    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    int result = -1;
    if (msgpack_unpack_next(&unpacked, map, cursor_left(cursor), NULL) !=
        MSGPACK_UNPACK_SUCCESS) {
        fault_set(fault, FAULT_BAD_FRAME, "%s: the map cannot be unpacked",
                  message_name(self->type));
    } else {
        const msgpack_object_map *entries = &unpacked.data.via.map;
        result = 0;
        for (uint32_t i = 0; i < entries->size && result == 0; i++)
            result = s_unpack_entry(&entries->ptr[i], self, fault);
    }
    msgpack_unpacked_destroy(&unpacked);
    return result;
}

int
message_decode(message_t *self, const void *bytes, size_t size, fault_t *fault)
{
    cursor_t cursor;
    message_init(self, 0);
    cursor_init(&cursor, bytes, size);
    if (s_decode_prefix(self, &cursor, fault) ||
        s_decode_map(self, &cursor, fault) || s_check_tensors(self, fault))
        return -1;
    return 0;
}

/* --- job ids --- */

bool
job_id_equal(const job_id_t *a, const job_id_t *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

const char *
job_id_text(const job_id_t *id, char text[33])
{
    for (size_t i = 0; i < sizeof id->bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", id->bytes[i]);
    return text;
}
