/* Parts on disk under their SHA-256, so that a machine fetches a part once.
 *
 *   FOLDER/9f86d081...        a whole part; the name is the digest of the bytes
 *   FOLDER/.9f86d081....PID.N a part on its way, renamed when it is whole
 *
 * The folder may be shared by any number of workers and machines: entries are
 * only ever renamed into place and are verified before each use. Where the
 * folder cannot be used or is full, parts are kept in memory.
 */
#ifndef CONVOY_WORKER_CACHE_H
#define CONVOY_WORKER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/model/blob.h"

typedef struct cache cache_t;
typedef struct download download_t;

/* Use a folder (made if absent); NULL: $XDG_CACHE_HOME/convoy, else
 * $HOME/.cache/convoy, else a private folder under the temporary one. A folder
 * that cannot be used is a warning: the cache then keeps nothing. NULL with
 * FAULT_MEMORY. */
cache_t *cache_open(const char *folder, fault_t *fault);
void cache_close(cache_t **self);

/* The folder in use, or NULL where nothing is kept. */
const char *cache_folder(const cache_t *self);

/* The bytes of a part, verified, or NULL: fault is clear where the part is not
 * there; an entry with other bytes is removed with a warning and counts as not
 * there. */
blob_t *cache_find(cache_t *self, const digest_t *digest, fault_t *fault);

/* Forget an entry; none is fine. */
void cache_remove(cache_t *self, const digest_t *digest);

/* Start to collect a part of `bytes` bytes. NULL with FAULT_SYSTEM. */
download_t *cache_begin(cache_t *self, const digest_t *digest, uint64_t bytes,
                        fault_t *fault);

/* Put bytes where they belong; a disk that fills up moves the download to
 * memory. -1 with FAULT_SYSTEM. */
int download_write(download_t *self, uint64_t offset, const void *bytes,
                   size_t size, fault_t *fault);
void download_destroy(download_t **self);

/* Verify a complete download, publish it, and return its bytes; the download
 * is gone afterwards. NULL with FAULT_DIGEST where they are other bytes than
 * the digest promises. */
blob_t *cache_keep(cache_t *self, download_t **download, fault_t *fault);

#endif
