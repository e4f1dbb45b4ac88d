/* External data: the entries of a tensor, and the files they name. */
#include "common/model/onnx_external.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

typedef struct external_file {
    char *location;
    blob_t *blob;
} external_file_t;

struct onnx_external {
    int folder;
    size_t count;
    external_file_t files[ONNX_EXTERNAL_FILES_MAX];
};

/* What a tensor says; texts are borrowed, NULL where absent. */
typedef struct place {
    const char *location;
    const char *offset;
    const char *length;
    const char *checksum;
} place_t;

onnx_external_t *
onnx_external_new(const char *model_path, fault_t *fault)
{
    const char *slash = strrchr(model_path, '/');
    size_t size = slash ? (size_t)(slash - model_path) + 1 : 0;
    char *path = mem_text(slash ? model_path : ".", slash ? size : 1, fault);
    onnx_external_t *self = path ? mem_new(1, sizeof *self, fault) : NULL;
    if (self) {
        self->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (self->folder < 0) {
            fault_set(fault, FAULT_INPUT, "%.200s: %s", path, strerror(errno));
            free(self);
            self = NULL;
        }
    }
    free(path);
    return self;
}

void
onnx_external_destroy(onnx_external_t **self)
{
    onnx_external_t *external = *self;
    *self = NULL;
    if (!external)
        return;
    for (size_t i = 0; i < external->count; i++) {
        free(external->files[i].location);
        blob_release(&external->files[i].blob);
    }
    close(external->folder);
    free(external);
}

/* --- what a tensor says --- */

static int
s_read_entry(place_t *place, const Onnx__StringStringEntryProto *entry,
             fault_t *fault)
{
    const struct {
        const char *key;
        const char **value;
    } keys[] = {
        {"location", &place->location},
        {"offset", &place->offset},
        {"length", &place->length},
        {"checksum", &place->checksum},
    };
    const char *key = entry->key ? entry->key : "";
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].key, key) != 0)
            continue;
        if (*keys[i].value)
            return fault_set(fault, FAULT_INPUT, "its %s comes twice", key);
        *keys[i].value = entry->value ? entry->value : "";
        return 0;
    }
    return fault_set(fault, FAULT_INPUT,
                     "external data has no key '%.60s', only location, offset, "
                     "length and checksum",
                     key);
}

static int
s_number(const char *text, const char *what, uint64_t *number, fault_t *fault)
{
    char *end = NULL;
    errno = 0;
    if (isdigit((unsigned char)*text))
        *number = strtoull(text, &end, 10);
    if (!end || *end || errno)
        return fault_set(fault, FAULT_INPUT, "its %s '%.60s' is no number",
                         what, text);
    return 0;
}

/* --- the files --- */

/* Borrowed: opened once, whatever the number of tensors in it. */
static blob_t *
s_file(onnx_external_t *self, const char *location, fault_t *fault)
{
    for (size_t i = self->count; i-- > 0;)
        if (strcmp(self->files[i].location, location) == 0)
            return self->files[i].blob;
    if (self->count == ONNX_EXTERNAL_FILES_MAX)
        return fault_null(fault, FAULT_INPUT,
                          "weights in more than %d files, save them in one",
                          ONNX_EXTERNAL_FILES_MAX);
    external_file_t file = {.blob =
                                blob_open_below(self->folder, location, fault)};
    if (file.blob)
        file.location = mem_text(location, strlen(location), fault);
    if (!file.location) {
        blob_release(&file.blob);
        return NULL;
    }
    self->files[self->count++] = file;
    return file.blob;
}

blob_t *
onnx_external_open(onnx_external_t *self, const Onnx__TensorProto *proto,
                   uint64_t bytes, fault_t *fault)
{
    place_t place = {0};
    if (!self)
        return fault_null(fault, FAULT_INPUT,
                          "its weights are in another file, which is not here");
    for (size_t i = 0; i < proto->n_external_data; i++)
        if (s_read_entry(&place, proto->external_data[i], fault))
            return NULL;
    if (!place.location)
        return fault_null(fault, FAULT_INPUT, "external data has no location");
    blob_t *file = s_file(self, place.location, fault);
    uint64_t offset = 0, length;
    if (!file ||
        (place.offset && s_number(place.offset, "offset", &offset, fault)))
        return NULL;
    length = blob_bytes(file) > offset ? blob_bytes(file) - offset : 0;
    if (place.length && s_number(place.length, "length", &length, fault))
        return NULL;
    if (length != bytes)
        return fault_null(fault, FAULT_INPUT,
                          "%llu bytes of '%.100s' where its shape wants %llu",
                          (unsigned long long)length, place.location,
                          (unsigned long long)bytes);
    blob_t *range = blob_slice(file, offset, bytes, fault);
    if (!range)
        fault_prefix(fault, "%.100s", place.location);
    return range;
}
