/* The named tensors of a checkpoint: what torch calls a state_dict.
 *
 * Nothing but the directory is read here: each weight knows its range of the
 * file, and its elements are converted when somebody reads them.
 */
#ifndef CONVOY_COMMON_MODEL_WEIGHTS_H
#define CONVOY_COMMON_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"
#include "common/model/blob.h"
#include "common/tensor.h"

enum { WEIGHTS_MAX = 100000, WEIGHT_NAME_MAX = 1024 };

typedef struct weight {
    char *name;    /* "features.0.weight" */
    dtype_t dtype; /* as stored */
    shape_t shape;
    blob_t *blob; /* exactly the elements, dense, little endian */
    bool used;    /* somebody took it with weights_use */
} weight_t;

typedef struct weights weights_t;

/* Called with one sentence about something a user should know and that is no
 * error ("the weights are those under state_dict"). May be NULL. */
typedef void weights_note_fn(void *context, const char *text);

/* Read the directory of a .pth (zip or legacy) or .safetensors file, told
 * apart by content. A wrapper dict (state_dict, model_state_dict, model) and a
 * "module." in front of every name are taken off with a note. NULL with
 * FAULT_INPUT naming the file. */
weights_t *weights_open(const char *path, weights_note_fn *note, void *context,
                        fault_t *fault);

/* The same from a blob (shared). The fault does not name the file. */
weights_t *weights_read(blob_t *file, weights_note_fn *note, void *context,
                        fault_t *fault);

void weights_destroy(weights_t **self);

/* In the order of the file. Borrowed until weights_destroy. */
size_t weights_count(const weights_t *self);
const weight_t *weights_at(const weights_t *self, size_t index);

/* By name, or NULL; weights_use also marks it as used. */
const weight_t *weights_find(const weights_t *self, const char *name);
const weight_t *weights_use(weights_t *self, const char *name);

/* The first weight from *index on that nobody used, and *index behind it; NULL
 * at the end. Counters that inference has no use for (num_batches_tracked)
 * are left out. */
const weight_t *weights_unused(const weights_t *self, size_t *index);

/* For the readers of formats: an empty set, one more weight (the blob is
 * shared; its size must be that of the shape), a note, and the end of adding,
 * which refuses duplicates. */
weights_t *weights_new(weights_note_fn *note, void *context, fault_t *fault);
int weights_add(weights_t *self, const char *name, size_t name_size,
                dtype_t dtype, const shape_t *shape, blob_t *blob,
                fault_t *fault);
void weights_note(const weights_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int weights_seal(weights_t *self, fault_t *fault);

#endif
