/* The part files a broker hands out: opened once, read with pread.
 *
 * They are written into a private folder in the cache folder, opened and at
 * once unlinked: nobody can change or remove what is served, and nothing is
 * left behind, however the broker ends (docs/decisions/061).
 */
#ifndef CONVOY_BROKER_STORE_H
#define CONVOY_BROKER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

enum { STORE_PARTS_MAX = 32 };

typedef struct store store_t;

/* A new folder for part files below `cache` (NULL: the user's cache folder),
 * and no part yet. Leftovers of brokers that died are removed. NULL with
 * FAULT_SYSTEM naming the folder. */
store_t *store_new(const char *cache, fault_t *fault);

/* Closes the files and removes the folder if store_seal did not. */
void store_destroy(store_t **self);

/* Where to write part files; valid until store_seal. */
const char *store_folder(const store_t *self);

/* The next part: open its file and check that it has this size. Returns its
 * index, or -1 with FAULT_SYSTEM naming the file. */
int store_add(store_t *self, const char *path, uint64_t bytes, fault_t *fault);

/* All parts are added: unlink the files and the folder. */
void store_seal(store_t *self);

uint64_t store_bytes(const store_t *self, int part);

/* Exactly size bytes of a part from offset. -1 with FAULT_SYSTEM. */
int store_read(const store_t *self, int part, uint64_t offset, void *to,
               size_t size, fault_t *fault);

/* Copy every part into a folder, made if it is not there, as part-0.onnx and
 * so on. An earlier export is replaced, parts that are no more go; a folder
 * with anything else in it is refused with FAULT_USAGE. -1 with FAULT_SYSTEM
 * naming the file (no room, not allowed), after which no half-written file
 * stays. */
int store_export(const store_t *self, const char *folder, fault_t *fault);

#endif
