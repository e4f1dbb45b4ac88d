/* The files in a zip archive that stores them uncompressed, as torch.save
 * writes them: each one is a range of the archive.
 *
 * libzip checks the archive's consistency and the checksums; what torch never
 * writes (compression, encryption, overlaps, duplicates, odd names) is
 * refused.
 */
#ifndef CONVOY_COMMON_MODEL_ARCHIVE_H
#define CONVOY_COMMON_MODEL_ARCHIVE_H

#include "common/fault.h"
#include "common/model/blob.h"

enum { ARCHIVE_ENTRIES_MAX = 65536, ARCHIVE_NAME_MAX = 1024 };

typedef struct archive archive_t;

/* NULL with FAULT_INPUT naming the entry. */
archive_t *archive_read(blob_t *file, fault_t *fault);
void archive_destroy(archive_t **self);

/* The bytes of the entry of this name below the archive's one top folder
 * ("data.pkl"), borrowed until archive_destroy, or NULL. */
blob_t *archive_find(const archive_t *self, const char *name);

#endif
