/* Checkpoints of torch.save since 1.6: a zip archive of the state_dict in
 * data.pkl and a file a storage. */
#include "common/model/pth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/archive.h"
#include "common/model/pickle.h"
#include "common/model/state_dict.h"

/* True if blob holds exactly the storage's elements. */
static bool
s_fits(const blob_t *blob, const pickle_storage_t *storage)
{
    uint64_t size = dtype_size(storage->dtype), bytes = blob_bytes(blob);
    return bytes % size == 0 && bytes / size == (uint64_t)storage->elements;
}

/* A whole small file of the archive, NUL-terminated, or NULL. */
static char *
s_read_file(const archive_t *archive, const char *name, size_t bytes_max,
            size_t *size, fault_t *fault)
{
    blob_t *blob = archive_find(archive, name);
    if (!blob)
        return fault_null(fault, FAULT_INPUT,
                          "the zip archive is no checkpoint: no %s", name);
    if (blob_bytes(blob) > bytes_max)
        return fault_null(fault, FAULT_INPUT,
                          "%s has %llu bytes, at most %zu are read", name,
                          (unsigned long long)blob_bytes(blob), bytes_max);
    *size = (size_t)blob_bytes(blob);
    char *bytes = mem_new(1, *size + 1, fault);
    if (bytes && blob_read(blob, 0, bytes, *size, fault)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static int
s_check_text(const archive_t *archive, const char *name,
             const char *const *accepted, fault_t *fault)
{
    size_t size;
    char *text = s_read_file(archive, name, 64, &size, fault);
    if (!text)
        return -1;
    text[strcspn(text, "\r\n")] = '\0';
    int result = -1;
    for (; result && *accepted; accepted++)
        if (strcmp(text, *accepted) == 0)
            result = 0;
    if (result)
        fault_set(fault, FAULT_INPUT, "the checkpoint's %s \"%s\" is not read",
                  name, text);
    free(text);
    return result;
}

static int
s_check_archive(const archive_t *archive, fault_t *fault)
{
    static const char *const versions[] = {"2", "3", NULL};
    static const char *const orders[] = {"little", NULL};
    if (archive_find(archive, "constants.pkl"))
        return fault_set(fault, FAULT_INPUT,
                         "a TorchScript module is not read, save its "
                         "state_dict()");
    if (s_check_text(archive, "version", versions, fault))
        return -1;
    if (archive_find(archive, "byteorder") &&
        s_check_text(archive, "byteorder", orders, fault))
        return -1;
    return 0;
}

static blob_t *
s_zip_storage(void *context, const pickle_storage_t *storage, fault_t *fault)
{
    const archive_t *archive = context;
    char name[ARCHIVE_NAME_MAX + 1];
    if (memchr(storage->key, '\0', storage->key_size) ||
        storage->key_size > ARCHIVE_NAME_MAX / 2)
        return fault_null(fault, FAULT_INPUT, "a storage key of %zu bytes",
                          storage->key_size);
    snprintf(name, sizeof name, "data/%.*s", (int)storage->key_size,
             storage->key);
    blob_t *blob = archive_find(archive, name);
    if (!blob)
        return fault_null(fault, FAULT_INPUT, "storage %s is missing", name);
    if (!s_fits(blob, storage))
        return fault_null(fault, FAULT_INPUT,
                          "storage %s has %llu bytes for %lld elements of %s",
                          name, (unsigned long long)blob_bytes(blob),
                          (long long)storage->elements,
                          dtype_name(storage->dtype));
    return blob;
}

int
pth_read(weights_t *into, blob_t *file, fault_t *fault)
{
    archive_t *archive = archive_read(file, fault);
    if (!archive)
        return -1;
    size_t size;
    char *bytes = NULL;
    pickle_t *pickle = NULL;
    if (s_check_archive(archive, fault) == 0)
        bytes =
            s_read_file(archive, "data.pkl", PICKLE_BYTES_MAX, &size, fault);
    if (bytes)
        pickle = pickle_read(bytes, size, NULL, fault);
    int result =
        pickle ? state_dict_add(into, pickle, s_zip_storage, archive, fault)
               : -1;
    pickle_destroy(&pickle);
    free(bytes);
    archive_destroy(&archive);
    return result;
}
