/* The objects of PyTorch that a pickle may name: tensors, storages, parameters
 * and ordered dicts. Private to pickle.c. */
#ifndef CONVOY_COMMON_MODEL_PICKLE_TORCH_H
#define CONVOY_COMMON_MODEL_PICKLE_TORCH_H

#include "common/model/pickle_tree.h"

/* The number of a global of the closed list, or -1. */
int pickle_find_global(const char *module, size_t module_size, const char *name,
                       size_t name_size);

/* The storage that a persistent id describes. A node, or -1. */
int pickle_make_storage(pickle_t *self, int id, fault_t *fault);

/* What calling a global with arguments would give, for the few patterns that
 * are known; name is for messages. A node, or -1. */
int pickle_make(pickle_t *self, int callee, int arguments, const char *name,
                fault_t *fault);

#endif
