/* Checkpoints of torch.save: a zip archive of a pickle and a file a storage,
 * or the five pickles in a row of torch before 1.6.
 *
 * Nothing in them is ever executed; see pickle.h. Every tensor must be
 * contiguous and lie inside its storage; tensors may share one.
 */
#ifndef CONVOY_COMMON_MODEL_PTH_H
#define CONVOY_COMMON_MODEL_PTH_H

#include "common/fault.h"
#include "common/model/blob.h"
#include "common/model/weights.h"

/* Add every tensor of the checkpoint's state_dict. -1 with FAULT_INPUT. */
int pth_read(weights_t *into, blob_t *file, fault_t *fault);
int pth_read_legacy(weights_t *into, blob_t *file, fault_t *fault);

#endif
