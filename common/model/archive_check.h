/* The second opinion on a zip archive: every entry is read once through
 * libzip, which checks its checksum, and compared with the range that archive.c
 * found. Private to archive.c. */
#ifndef CONVOY_COMMON_MODEL_ARCHIVE_CHECK_H
#define CONVOY_COMMON_MODEL_ARCHIVE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/blob.h"

typedef struct archive_entry {
    char *name; /* whole, as in the file */
    size_t name_size;
    uint32_t checksum; /* 0: the writer made none */
    uint64_t offset;   /* of the local header */
    uint64_t data;     /* of the first byte */
    uint64_t bytes;
    blob_t *blob;
} archive_entry_t;

/* -1 with FAULT_INPUT where libzip finds the archive inconsistent, reads other
 * names, sizes or bytes, or a checksum that does not match. */
int archive_check(blob_t *file, const archive_entry_t *entries, size_t count,
                  fault_t *fault);

#endif
