/* The part of Python's pickle that a state_dict is made of.
 *
 * A closed list of opcodes and of globals: everything else is refused by name,
 * and nothing is ever called or imported. REDUCE only recognises the patterns
 * of tensors, parameters and ordered dicts. The result is a tree of nodes.
 *
 * Source: pickletools of CPython, protocol 2; torch/serialization.py.
 */
#ifndef CONVOY_COMMON_MODEL_PICKLE_H
#define CONVOY_COMMON_MODEL_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/tensor.h"

enum {
    PICKLE_BYTES_MAX = 8 << 20,
    PICKLE_NODES_MAX = 1 << 19,
    PICKLE_ITEMS_MAX = 1 << 19, /* of all dicts, lists and tuples */
    PICKLE_TENSORS_MAX = 1 << 16,
    PICKLE_MEMO_MAX = 1 << 20,
    PICKLE_STACK_MAX = 4096,
    PICKLE_DEPTH_MAX = 64, /* marks open at a time */
    PICKLE_TEXT_MAX = 4096,
    PICKLE_NONE = 0, /* the index of the node None */
};

typedef enum pickle_kind {
    PICKLE_IS_NONE,
    PICKLE_IS_BOOL,
    PICKLE_IS_INT,
    PICKLE_IS_FLOAT,
    PICKLE_IS_TEXT,
    PICKLE_IS_TUPLE,
    PICKLE_IS_LIST,
    PICKLE_IS_DICT, /* OrderedDict too */
    PICKLE_IS_GLOBAL,
    PICKLE_IS_STORAGE,
    PICKLE_IS_TENSOR,
} pickle_kind_t;

/* A storage: elements of one dtype under a key. */
typedef struct pickle_storage {
    dtype_t dtype;
    const char *key; /* in the pickle's bytes, key_size of them */
    size_t key_size;
    int64_t elements;
} pickle_storage_t;

/* A contiguous tensor that lies inside its storage. */
typedef struct pickle_tensor {
    pickle_storage_t storage;
    int64_t offset; /* elements */
    shape_t shape;
} pickle_tensor_t;

typedef struct pickle pickle_t;

/* One pickle at the start of the bytes (borrowed as long as the result lives).
 * *used (may be NULL) becomes its size. NULL with FAULT_INPUT. */
pickle_t *pickle_read(const void *bytes, size_t size, size_t *used,
                      fault_t *fault);
void pickle_destroy(pickle_t **self);

/* Nodes are numbers below PICKLE_NODES_MAX. */
int pickle_root(const pickle_t *self);
pickle_kind_t pickle_kind(const pickle_t *self, int node);

/* What a node of the kind holds. Text has no NUL at its end. */
int64_t pickle_int(const pickle_t *self, int node); /* INT or BOOL */
const char *pickle_text(const pickle_t *self, int node, size_t *size);
const pickle_tensor_t *pickle_tensor(const pickle_t *self, int node);

/* Every mention of a storage, in the order of the pickle. */
const pickle_storage_t *pickle_storages(const pickle_t *self, size_t *count);

/* The items of a dict, list or tuple: *item is -1 before the first; false at
 * the end. key may be NULL; outside dicts it becomes PICKLE_NONE. */
bool pickle_next(const pickle_t *self, int node, int *item, int *key,
                 int *value);

/* The value under a text key of a dict, the last one if repeated, or -1. */
int pickle_get(const pickle_t *self, int dict, const char *key);

#endif
