/* Checkpoints of torch before 1.6: five pickles in a row (a magic number, the
 * protocol, facts about the writer, the object, the keys of its storages),
 * then per key an 8-byte count and the elements. */
#include "common/model/pth.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/pickle.h"
#include "common/model/state_dict.h"

enum { MAGIC_BYTES = 15, PROTOCOL = 1001 };

/* A storage and where its elements are. */
typedef struct place {
    pickle_storage_t storage;
    blob_t *blob; /* NULL until its key came */
} place_t;

typedef struct legacy {
    uint8_t *bytes; /* the head of the file, with all pickles */
    size_t size;
    size_t at;
    pickle_t *object;
    place_t *places; /* by key */
    size_t count;
} legacy_t;

static int
s_compare(const void *a, const void *b)
{
    const place_t *left = a, *right = b;
    size_t sizes[2] = {left->storage.key_size, right->storage.key_size};
    size_t least = sizes[0] < sizes[1] ? sizes[0] : sizes[1];
    int order = memcmp(left->storage.key, right->storage.key, least);
    return order ? order : (sizes[0] > sizes[1]) - (sizes[0] < sizes[1]);
}

static place_t *
s_find(const legacy_t *self, const char *key, size_t size)
{
    const place_t wanted = {.storage = {.key = key, .key_size = size}};
    return bsearch(&wanted, self->places, self->count, sizeof wanted,
                   s_compare);
}

static pickle_t *
s_next_pickle(legacy_t *self, fault_t *fault)
{
    size_t used = 0;
    pickle_t *pickle = pickle_read(self->bytes + self->at,
                                   self->size - self->at, &used, fault);
    self->at += used;
    return pickle;
}

static int
s_read_protocol(legacy_t *self, fault_t *fault)
{
    pickle_t *pickle = s_next_pickle(self, fault);
    if (!pickle)
        return -1;
    int root = pickle_root(pickle);
    bool good = pickle_kind(pickle, root) == PICKLE_IS_INT &&
                pickle_int(pickle, root) == PROTOCOL;
    pickle_destroy(&pickle);
    return good ? 0
                : fault_set(fault, FAULT_INPUT,
                            "a checkpoint of another protocol than %d",
                            PROTOCOL);
}

static int
s_read_writer(legacy_t *self, fault_t *fault)
{
    pickle_t *pickle = s_next_pickle(self, fault);
    if (!pickle)
        return -1;
    int root = pickle_root(pickle), order = -1;
    if (pickle_kind(pickle, root) == PICKLE_IS_DICT)
        order = pickle_get(pickle, root, "little_endian");
    bool good = order >= 0 && pickle_kind(pickle, order) == PICKLE_IS_BOOL &&
                pickle_int(pickle, order) == 1;
    pickle_destroy(&pickle);
    return good ? 0
                : fault_set(fault, FAULT_INPUT,
                            "a checkpoint that is not little endian");
}

/* The storages the object mentions, each once. */
static int
s_read_object(legacy_t *self, fault_t *fault)
{
    self->object = s_next_pickle(self, fault);
    if (!self->object)
        return -1;
    size_t count;
    const pickle_storage_t *storages = pickle_storages(self->object, &count);
    self->places = mem_new(count, sizeof *self->places, fault);
    if (!self->places)
        return -1;
    for (size_t i = 0; i < count; i++)
        self->places[i].storage = storages[i];
    qsort(self->places, count, sizeof *self->places, s_compare);
    for (size_t i = 0; i < count; i++) {
        place_t *last = self->count ? &self->places[self->count - 1] : NULL;
        if (!last || s_compare(last, &self->places[i]) != 0)
            self->places[self->count++] = self->places[i];
        else if (last->storage.dtype != self->places[i].storage.dtype ||
                 last->storage.elements != self->places[i].storage.elements)
            return fault_set(fault, FAULT_INPUT,
                             "storage %.*s is mentioned with two sizes",
                             (int)last->storage.key_size, last->storage.key);
    }
    return 0;
}

/* The elements of one storage, which begin at *offset. */
static int
s_place(legacy_t *self, blob_t *file, const char *key, size_t size,
        uint64_t *offset, fault_t *fault)
{
    uint8_t count[8];
    uint64_t elements = 0;
    place_t *place = s_find(self, key, size);
    if (!place || place->blob)
        return fault_set(fault, FAULT_INPUT,
                         "storage %.*s is there twice or belongs to nothing",
                         (int)size, key);
    if (blob_read(file, *offset, count, sizeof count, fault))
        return -1;
    for (int i = 8; i-- > 0;)
        elements = elements << 8 | count[i];
    if (elements != (uint64_t)place->storage.elements ||
        elements > UINT64_MAX / 8)
        return fault_set(fault, FAULT_INPUT,
                         "storage %.*s has %llu elements, %lld expected",
                         (int)size, key, (unsigned long long)elements,
                         (long long)place->storage.elements);
    uint64_t bytes = elements * dtype_size(place->storage.dtype);
    place->blob = blob_slice(file, *offset + 8, bytes, fault);
    if (!place->blob)
        return fault_prefix(fault, "storage %.*s", (int)size, key);
    *offset += 8 + bytes;
    return 0;
}

static int
s_place_all(legacy_t *self, blob_t *file, fault_t *fault)
{
    pickle_t *keys = s_next_pickle(self, fault);
    if (!keys)
        return -1;
    int root = pickle_root(keys), item = -1, key;
    uint64_t offset = self->at;
    int result = 0;
    if (pickle_kind(keys, root) != PICKLE_IS_LIST)
        result = fault_set(fault, FAULT_INPUT, "no list of storage keys");
    while (result == 0 && pickle_next(keys, root, &item, NULL, &key)) {
        size_t size;
        if (pickle_kind(keys, key) != PICKLE_IS_TEXT) {
            result =
                fault_set(fault, FAULT_INPUT, "a storage key that is no text");
            break;
        }
        const char *text = pickle_text(keys, key, &size);
        result = s_place(self, file, text, size, &offset, fault);
    }
    pickle_destroy(&keys);
    return result;
}

static blob_t *
s_storage(void *context, const pickle_storage_t *storage, fault_t *fault)
{
    const place_t *place = s_find(context, storage->key, storage->key_size);
    if (!place || !place->blob)
        return fault_null(fault, FAULT_INPUT, "storage %.*s is missing",
                          (int)storage->key_size, storage->key);
    return place->blob;
}

static int
s_load(legacy_t *self, blob_t *file, fault_t *fault)
{
    uint64_t bytes = blob_bytes(file);
    self->size = bytes < PICKLE_BYTES_MAX ? (size_t)bytes : PICKLE_BYTES_MAX;
    if (self->size < MAGIC_BYTES)
        return fault_set(fault, FAULT_INPUT, "the checkpoint is cut short");
    self->bytes = mem_new(1, self->size, fault);
    if (!self->bytes)
        return -1;
    self->at = MAGIC_BYTES;
    return blob_read(file, 0, self->bytes, self->size, fault);
}

int
pth_read_legacy(weights_t *into, blob_t *file, fault_t *fault)
{
    legacy_t legacy = {0};
    int result = -1;
    if (s_load(&legacy, file, fault) == 0 &&
        s_read_protocol(&legacy, fault) == 0 &&
        s_read_writer(&legacy, fault) == 0 &&
        s_read_object(&legacy, fault) == 0 &&
        s_place_all(&legacy, file, fault) == 0)
        result = state_dict_add(into, legacy.object, s_storage, &legacy, fault);
    for (size_t i = 0; i < legacy.count; i++)
        blob_release(&legacy.places[i].blob);
    free(legacy.places);
    pickle_destroy(&legacy.object);
    free(legacy.bytes);
    return result;
}
