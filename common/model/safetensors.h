/* Checkpoints in the safetensors format.
 *
 * Source: the format's description in huggingface/safetensors: 8 bytes of
 * header size, a JSON header, the tensors one behind the other.
 */
#ifndef CONVOY_COMMON_MODEL_SAFETENSORS_H
#define CONVOY_COMMON_MODEL_SAFETENSORS_H

#include "common/fault.h"
#include "common/model/blob.h"
#include "common/model/weights.h"

/* Add every tensor of the file. -1 with FAULT_INPUT. */
int safetensors_read(weights_t *into, blob_t *file, fault_t *fault);

#endif
