/* Checkpoints in the safetensors format: the JSON header names each tensor's
 * dtype, shape and range; the ranges must tile the rest of the file. */
#include "common/model/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum {
    PREFIX_BYTES = 8,
    HEADER_BYTES_MAX = 16 << 20,
    HEADER_VALUES_MAX = 16 * WEIGHTS_MAX, /* what a weight needs, and spare */
};

typedef struct entry {
    const char *name; /* borrowed from the JSON */
    dtype_t dtype;
    shape_t shape;
    uint64_t begin;
    uint64_t end;
} entry_t;

typedef struct table {
    entry_t *entries;
    size_t count;
} table_t;

typedef struct type {
    const char *name;
    dtype_t dtype;
} type_t;

static const type_t types[] = {
    {"F64", DTYPE_FLOAT64},   {"F32", DTYPE_FLOAT32}, {"F16", DTYPE_FLOAT16},
    {"BF16", DTYPE_BFLOAT16}, {"I64", DTYPE_INT64},   {"I32", DTYPE_INT32},
    {"I16", DTYPE_INT16},     {"I8", DTYPE_INT8},     {"U8", DTYPE_UINT8},
    {"BOOL", DTYPE_BOOL},
};

static dtype_t
s_dtype(const char *name)
{
    for (size_t i = 0; name && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].dtype;
    return DTYPE_NONE;
}

static int
s_read_shape(entry_t *entry, const json_t *shape, fault_t *fault)
{
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_RANK_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "%s: a shape of at most %d axes is needed",
                         entry->name, TENSOR_RANK_MAX);
    entry->shape.rank = (int)json_array_size(shape);
    for (int i = 0; i < entry->shape.rank; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        entry->shape.dims[i] =
            json_is_integer(dim) ? json_integer_value(dim) : -1;
    }
    if (shape_elements(&entry->shape) < 0)
        return fault_set(fault, FAULT_INPUT, "%s: the shape has no size",
                         entry->name);
    return 0;
}

static int
s_read_offsets(entry_t *entry, const json_t *offsets, fault_t *fault)
{
    const json_t *begin = json_array_get(offsets, 0);
    const json_t *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) ||
        !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin))
        return fault_set(fault, FAULT_INPUT,
                         "%s: data_offsets are no [begin, end]", entry->name);
    entry->begin = (uint64_t)json_integer_value(begin);
    entry->end = (uint64_t)json_integer_value(end);
    return 0;
}

static int
s_read_entry(entry_t *entry, const char *name, json_t *json, fault_t *fault)
{
    entry->name = name;
    if (!json_is_object(json) || json_object_size(json) != 3)
        return fault_set(fault, FAULT_INPUT,
                         "%s: dtype, shape and data_offsets are needed", name);
    const char *dtype = json_string_value(json_object_get(json, "dtype"));
    entry->dtype = s_dtype(dtype);
    if (entry->dtype == DTYPE_NONE)
        return fault_set(fault, FAULT_INPUT, "%s: dtype %s is not read", name,
                         dtype ? dtype : "none");
    if (s_read_shape(entry, json_object_get(json, "shape"), fault))
        return -1;
    return s_read_offsets(entry, json_object_get(json, "data_offsets"), fault);
}

static int
s_check_metadata(json_t *metadata, fault_t *fault)
{
    const char *key;
    json_t *value;
    bool good = json_is_object(metadata);
    json_object_foreach(metadata, key, value) good =
        good && json_is_string(value);
    return good ? 0
                : fault_set(fault, FAULT_INPUT,
                            "__metadata__ holds more than texts");
}

static int
s_compare(const void *a, const void *b)
{
    const entry_t *left = a, *right = b;
    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    if (left->end != right->end)
        return left->end < right->end ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* Sorted by range, the tensors must fill the data without hole or overlap. */
static int
s_check_tiling(table_t *self, uint64_t bytes, fault_t *fault)
{
    uint64_t at = 0;
    if (self->count)
        qsort(self->entries, self->count, sizeof *self->entries, s_compare);
    for (size_t i = 0; i < self->count; i++) {
        const entry_t *entry = &self->entries[i];
        if (entry->begin != at)
            return fault_set(fault, FAULT_INPUT,
                             "%s begins at %" PRIu64 ", %" PRIu64 " expected",
                             entry->name, entry->begin, at);
        at = entry->end;
    }
    if (at != bytes)
        return fault_set(fault, FAULT_INPUT,
                         "the tensors end at byte %" PRIu64
                         " of the data, the file at %" PRIu64,
                         at, bytes);
    return 0;
}

static int
s_read_table(table_t *self, json_t *header, fault_t *fault)
{
    const char *name;
    json_t *json;
    if (!json_is_object(header) || json_object_size(header) > WEIGHTS_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "the header is no object of at most %d tensors",
                         WEIGHTS_MAX);
    self->entries =
        mem_new(json_object_size(header), sizeof *self->entries, fault);
    if (!self->entries)
        return -1;
    json_object_foreach(header, name, json)
    {
        if (strcmp(name, "__metadata__") == 0) {
            if (s_check_metadata(json, fault))
                return -1;
        } else if (s_read_entry(&self->entries[self->count++], name, json,
                                fault)) {
            return -1;
        }
    }
    return 0;
}

static int
s_add_all(weights_t *into, const table_t *table, blob_t *data, fault_t *fault)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < table->count; i++) {
        const entry_t *entry = &table->entries[i];
        blob_t *blob =
            blob_slice(data, entry->begin, entry->end - entry->begin, fault);
        result = blob ? weights_add(into, entry->name, strlen(entry->name),
                                    entry->dtype, &entry->shape, blob, fault)
                      : -1;
        blob_release(&blob);
    }
    return result;
}

/* jansson spends some 40 bytes on a value of two: count before parsing. */
static bool
s_is_crowded(const char *text, size_t size)
{
    size_t values = 0;
    for (size_t i = 0; i < size; i++)
        values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return values > HEADER_VALUES_MAX;
}

/* The parsed header; *size becomes its bytes. NULL with a fault. */
static json_t *
s_read_header(blob_t *file, uint64_t *size, fault_t *fault)
{
    uint8_t prefix[PREFIX_BYTES];
    if (blob_bytes(file) < PREFIX_BYTES)
        return fault_null(fault, FAULT_INPUT, "the file is cut short");
    if (blob_read(file, 0, prefix, sizeof prefix, fault))
        return NULL;
    *size = 0;
    for (int i = PREFIX_BYTES; i-- > 0;)
        *size = *size << 8 | prefix[i];
    if (*size > HEADER_BYTES_MAX || *size > blob_bytes(file) - PREFIX_BYTES)
        return fault_null(fault, FAULT_INPUT,
                          "a header of %" PRIu64 " bytes; the file is cut "
                          "short or no safetensors",
                          *size);
    char *text = mem_new(1, (size_t)*size, fault);
    json_t *header = NULL;
    json_error_t error;
    int result =
        text ? blob_read(file, PREFIX_BYTES, text, (size_t)*size, fault) : -1;
    if (result == 0 && s_is_crowded(text, (size_t)*size))
        result = fault_set(fault, FAULT_INPUT, "header: more than %d values",
                           HEADER_VALUES_MAX);
    if (result == 0) {
        header =
            json_loadb(text, (size_t)*size, JSON_REJECT_DUPLICATES, &error);
        if (!header)
            fault_set(fault, FAULT_INPUT, "header: %s", error.text);
    }
    free(text);
    return header;
}

int
safetensors_read(weights_t *into, blob_t *file, fault_t *fault)
{
    uint64_t size;
    json_t *header = s_read_header(file, &size, fault);
    if (!header)
        return -1;
    uint64_t bytes = blob_bytes(file) - PREFIX_BYTES - size;
    table_t table = {0};
    blob_t *data = blob_slice(file, PREFIX_BYTES + size, bytes, fault);
    int result = -1;
    if (data && s_read_table(&table, header, fault) == 0 &&
        s_check_tiling(&table, bytes, fault) == 0)
        result = s_add_all(into, &table, data, fault);
    blob_release(&data);
    free(table.entries);
    json_decref(header);
    return result;
}
