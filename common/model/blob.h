/* Where the bytes of a weight are: in memory, a range of an open file, or
 * those of another blob times factors.
 *
 * Weights are read in blocks when somebody needs them (a part is written, an
 * engine packs them), so a checkpoint is never held whole. Blobs are shared by
 * reference count and used by one thread. Files are opened once and read with
 * pread: a file that shrinks meanwhile is a fault, not a signal.
 */
#ifndef CONVOY_COMMON_MODEL_BLOB_H
#define CONVOY_COMMON_MODEL_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/tensor.h"

typedef struct blob blob_t;

/* A whole regular file opened for reading. NULL with FAULT_INPUT naming it. */
blob_t *blob_open(const char *path, fault_t *fault);

/* The same for a file below an open folder, for a path that a foreign file
 * gives: names and slashes, no "..", nothing absolute, no link of either kind
 * on the way. Nothing outside the folder is opened, whoever else writes there
 * meanwhile. */
blob_t *blob_open_below(int folder, const char *path, fault_t *fault);

/* Memory, taken over: freed with free() by the last release. On failure the
 * memory is freed too. */
blob_t *blob_take(void *memory, size_t bytes, fault_t *fault);

/* A range of another blob (shares it). NULL with FAULT_INPUT if outside. */
blob_t *blob_slice(blob_t *whole, uint64_t offset, uint64_t bytes,
                   fault_t *fault);

/* The numbers of another blob (shares it), stored as such a dtype, as float32:
 * number i times factors[i / run % count], rounded once. They are computed
 * whenever they are read, so that a scaled weight takes no memory but the
 * factors, which are copied. */
blob_t *blob_scale(blob_t *numbers, dtype_t stored, size_t run,
                   const double *factors, size_t count, fault_t *fault);

blob_t *blob_share(blob_t *self);
void blob_release(blob_t **self);

uint64_t blob_bytes(const blob_t *self);

/* Exactly size bytes from offset. -1 with FAULT_INPUT if there are fewer. */
int blob_read(const blob_t *self, uint64_t offset, void *to, size_t size,
              fault_t *fault);

#endif
