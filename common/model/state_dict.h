/* The tensors of a pickled state_dict, or of a checkpoint around one. */
#ifndef CONVOY_COMMON_MODEL_STATE_DICT_H
#define CONVOY_COMMON_MODEL_STATE_DICT_H

#include "common/fault.h"
#include "common/model/blob.h"
#include "common/model/pickle.h"
#include "common/model/weights.h"

/* Where the bytes of a storage are: a blob of exactly its elements, borrowed,
 * or NULL with a fault. */
typedef blob_t *storage_fn(void *context, const pickle_storage_t *storage,
                           fault_t *fault);

/* Add every tensor of the dict that holds tensors: the root, or what a
 * training script put around it (with a note). */
int state_dict_add(weights_t *into, const pickle_t *pickle, storage_fn *find,
                   void *context, fault_t *fault);

#endif
