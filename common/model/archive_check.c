/* libzip as the second reader of an archive. */
#include "common/model/archive_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "common/mem.h"

enum { BLOCK_BYTES = 64 << 10 };

/* A blob as libzip's source. */
typedef struct view {
    blob_t *file;
    uint64_t at;
    zip_error_t error;
} view_t;

static zip_int64_t
s_view_read(view_t *view, void *to, zip_uint64_t size)
{
    uint64_t left = blob_bytes(view->file) - view->at;
    if (size > left)
        size = left;
    if (blob_read(view->file, view->at, to, (size_t)size, NULL)) {
        zip_error_set(&view->error, ZIP_ER_READ, EIO);
        return -1;
    }
    view->at += size;
    return (zip_int64_t)size;
}

static zip_int64_t
s_view(void *context, void *data, zip_uint64_t size, zip_source_cmd_t command)
{
    view_t *view = context;
    zip_stat_t *status = data;
    zip_int64_t at;
    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return ZIP_SOURCE_SUPPORTS_SEEKABLE;
    case ZIP_SOURCE_OPEN:
        view->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return s_view_read(view, data, size);
    case ZIP_SOURCE_SEEK:
        at = zip_source_seek_compute_offset(view->at, blob_bytes(view->file),
                                            data, size, &view->error);
        if (at < 0)
            return -1;
        view->at = (uint64_t)at;
        return 0;
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)view->at;
    case ZIP_SOURCE_STAT:
        zip_stat_init(status);
        status->size = blob_bytes(view->file);
        status->valid = ZIP_STAT_SIZE;
        return sizeof *status;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&view->error, data, size);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    default:
        zip_error_set(&view->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* Read an entry to its end through libzip (which then compares the checksum)
 * and through our range. */
static int
s_compare_entry(zip_t *zip, size_t index, const archive_entry_t *entry,
                char *blocks, fault_t *fault)
{
    zip_stat_t status;
    if (zip_stat_index(zip, index, 0, &status) ||
        strcmp(status.name, entry->name) != 0 || status.size != entry->bytes ||
        status.crc != entry->checksum)
        return fault_set(fault, FAULT_INPUT, "%s: two zip readers disagree",
                         entry->name);
    if (entry->checksum == 0) /* not written, an option of torch.save */
        return 0;
    zip_file_t *opened = zip_fopen_index(zip, index, 0);
    if (!opened)
        return fault_set(fault, FAULT_INPUT, "%s: %s", entry->name,
                         zip_strerror(zip));
    int result = 0;
    uint64_t at = 0;
    zip_int64_t got;
    while (result == 0 && (got = zip_fread(opened, blocks, BLOCK_BYTES)) > 0) {
        size_t size = (size_t)got;
        result = blob_read(entry->blob, at, blocks + BLOCK_BYTES, size, fault);
        if (result == 0 && memcmp(blocks, blocks + BLOCK_BYTES, size) != 0)
            result = fault_set(fault, FAULT_INPUT,
                               "%s: two zip readers disagree", entry->name);
        at += size;
    }
    if (result == 0 && (got < 0 || at != entry->bytes))
        result = fault_set(fault, FAULT_INPUT,
                           "%s: the checksum does not match, the file is "
                           "damaged",
                           entry->name);
    zip_fclose(opened);
    return result;
}

static int
s_compare(zip_t *zip, const archive_entry_t *entries, size_t count,
          fault_t *fault)
{
    if (zip_get_num_entries(zip, 0) != (zip_int64_t)count)
        return fault_set(fault, FAULT_INPUT, "two zip readers disagree");
    char *blocks = mem_new(2, BLOCK_BYTES, fault);
    int result = blocks ? 0 : -1;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = s_compare_entry(zip, i, &entries[i], blocks, fault);
    free(blocks);
    return result;
}

int
archive_check(blob_t *file, const archive_entry_t *entries, size_t count,
              fault_t *fault)
{
    view_t view = {.file = file};
    zip_error_t error;
    zip_error_init(&error);
    zip_error_init(&view.error);
    zip_source_t *source = zip_source_function_create(s_view, &view, &error);
    zip_t *zip =
        source
            ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error)
            : NULL;
    int result = -1;
    if (zip)
        result = s_compare(zip, entries, count, fault);
    else
        fault_set(fault, FAULT_INPUT, "zip archive: %s",
                  zip_error_strerror(&error));
    if (zip)
        zip_discard(zip);
    else if (source)
        zip_source_free(source);
    zip_error_fini(&error);
    zip_error_fini(&view.error);
    return result;
}
