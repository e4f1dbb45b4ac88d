/* The info frame: JSON values to msgpack bytes and back. */
#include "common/info.h"

#include <math.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/pack.h"
#include "common/proto.h"

enum { INFO_ENTRIES_MAX = 4096, INFO_KEY_MAX = 128, INFO_TEXT_MAX = 4096 };

/* --- encoding --- */

typedef struct sink {
    char *bytes;
    size_t used;
    size_t capacity;
    size_t values;
    fault_t *fault;
} sink_t;

static int
s_write(void *data, const char *bytes, size_t size)
{
    sink_t *sink = data;
    if (size > PROTO_INFO_MAX - sink->used)
        return fault_set(sink->fault, FAULT_TOO_LARGE,
                         "the description passes %d bytes", PROTO_INFO_MAX);
    if (mem_grow(&sink->bytes, &sink->capacity, sink->used + size, 1,
                 sink->fault))
        return -1;
    memcpy(sink->bytes + sink->used, bytes, size);
    sink->used += size;
    return 0;
}

static int s_pack(msgpack_packer *packer, const json_t *value, int depth);

static int
s_pack_text(msgpack_packer *packer, const char *text, size_t size, size_t max)
{
    sink_t *sink = packer->data;
    if (size > max || !pack_printable(text, size))
        return fault_set(sink->fault, FAULT_TOO_LARGE,
                         "the description holds a text that is too long or not "
                         "printable: %.64s",
                         text);
    return msgpack_pack_str_with_body(packer, text, size);
}

static int
s_pack_object(msgpack_packer *packer, const json_t *object, int depth)
{
    const char *key;
    json_t *value;
    if (msgpack_pack_map(packer, json_object_size(object)))
        return -1;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (s_pack_text(packer, key, strlen(key), INFO_KEY_MAX) ||
            s_pack(packer, value, depth + 1))
            return -1;
    }
    return 0;
}

static int
s_pack_array(msgpack_packer *packer, const json_t *array, int depth)
{
    if (msgpack_pack_array(packer, json_array_size(array)))
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++)
        if (s_pack(packer, json_array_get(array, i), depth + 1))
            return -1;
    return 0;
}

static int
s_pack(msgpack_packer *packer, const json_t *value, int depth)
{
    sink_t *sink = packer->data;
    bool container = json_is_object(value) || json_is_array(value);
    sink->values += 1 + json_object_size(value);
    if (sink->values > INFO_VALUES_MAX ||
        (container && depth > PROTO_INFO_DEPTH_MAX) ||
        json_object_size(value) > INFO_ENTRIES_MAX)
        return fault_set(sink->fault, FAULT_TOO_LARGE,
                         "the description has too many values or levels");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return s_pack_object(packer, value, depth);
    case JSON_ARRAY:
        return s_pack_array(packer, value, depth);
    case JSON_STRING:
        return s_pack_text(packer, json_string_value(value),
                           json_string_length(value), INFO_TEXT_MAX);
    case JSON_INTEGER:
        return msgpack_pack_int64(packer, json_integer_value(value));
    case JSON_REAL:
        return msgpack_pack_double(packer, json_real_value(value));
    case JSON_TRUE:
        return msgpack_pack_true(packer);
    case JSON_FALSE:
        return msgpack_pack_false(packer);
    default:
        return msgpack_pack_nil(packer);
    }
}

int
info_encode(const json_t *object, void **bytes, size_t *size, fault_t *fault)
{
    sink_t sink = {.fault = fault};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &sink, s_write);
    if (s_pack(&packer, object, 1)) {
        free(sink.bytes);
        return -1;
    }
    *bytes = sink.bytes;
    *size = sink.used;
    return 0;
}

/* --- decoding --- */

static json_t *s_unpack(const msgpack_object *object, fault_t *fault);

static json_t *
s_bad(fault_t *fault, const char *why)
{
    return fault_null(fault, FAULT_BAD_FRAME, "the description holds %s", why);
}

static json_t *
s_unpack_text(const msgpack_object_str *text, fault_t *fault)
{
    if (!pack_printable(text->ptr, text->size))
        return s_bad(fault, "a text that is not printable");
    /* An empty text has no pointer. */
    return json_stringn_nocheck(text->size ? text->ptr : "", text->size);
}

static json_t *
s_unpack_array(const msgpack_object_array *array, fault_t *fault)
{
    json_t *json = json_array();
    for (uint32_t i = 0; json && i < array->size; i++)
        if (json_array_append_new(json, s_unpack(&array->ptr[i], fault))) {
            json_decref(json);
            return NULL;
        }
    return json;
}

static int
s_unpack_entry(json_t *json, const msgpack_object_kv *entry, fault_t *fault)
{
    char key[INFO_KEY_MAX + 1];
    const msgpack_object_str *text = &entry->key.via.str;
    if (entry->key.type != MSGPACK_OBJECT_STR || text->size > INFO_KEY_MAX ||
        !pack_printable(text->ptr, text->size)) {
        s_bad(fault, "a key that is no short text");
        return -1;
    }
    if (text->size)
        memcpy(key, text->ptr, text->size);
    key[text->size] = '\0';
    if (json_object_get(json, key))
        return fault_set(fault, FAULT_BAD_FRAME,
                         "the description holds the key \"%s\" twice", key);
    return json_object_set_new_nocheck(json, key, s_unpack(&entry->val, fault));
}

static json_t *
s_unpack_map(const msgpack_object_map *map, fault_t *fault)
{
    json_t *json = json_object();
    for (uint32_t i = 0; json && i < map->size; i++)
        if (s_unpack_entry(json, &map->ptr[i], fault)) {
            json_decref(json);
            return NULL;
        }
    return json;
}

/* Recursion is bounded: the walk checked the depth. */
static json_t *
s_unpack(const msgpack_object *object, fault_t *fault)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (object->via.u64 > INT64_MAX)
            return s_bad(fault, "an integer over 63 bits");
        return json_integer((json_int_t)object->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        if (!isfinite(object->via.f64))
            return s_bad(fault, "a number that is not finite");
        return json_real(object->via.f64);
    case MSGPACK_OBJECT_STR:
        return s_unpack_text(&object->via.str, fault);
    case MSGPACK_OBJECT_ARRAY:
        return s_unpack_array(&object->via.array, fault);
    case MSGPACK_OBJECT_MAP:
        return s_unpack_map(&object->via.map, fault);
    default:
        return s_bad(fault, "a byte string");
    }
}

json_t *
info_decode(const void *bytes, size_t size, fault_t *fault)
{
    const pack_limits_t limits = {.depth_max = PROTO_INFO_DEPTH_MAX,
                                  .values_max = INFO_VALUES_MAX,
                                  .entries_max = INFO_ENTRIES_MAX,
                                  .bytes_max = INFO_TEXT_MAX,
                                  .floats = true};
    if (size > PROTO_INFO_MAX)
        return fault_null(fault, FAULT_BAD_FRAME,
                          "a description of %zu bytes passes %d", size,
                          PROTO_INFO_MAX);
    if (pack_check(bytes, size, &limits, fault))
        return NULL;

    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    fault_set(fault, FAULT_MEMORY, "out of memory: a description");
    json_t *json = NULL;
    if (msgpack_unpack_next(&unpacked, bytes, size, NULL) ==
        MSGPACK_UNPACK_SUCCESS)
        json = s_unpack(&unpacked.data, fault);
    msgpack_unpacked_destroy(&unpacked);
    if (json)
        fault_clear(fault);
    return json;
}
