/* The tree a pickle is read into; private to pickle.c and pickle_tree.c. */
#ifndef CONVOY_COMMON_MODEL_PICKLE_TREE_H
#define CONVOY_COMMON_MODEL_PICKLE_TREE_H

#include "common/model/pickle.h"

typedef struct pickle_node {
    pickle_kind_t kind;
    bool ordered; /* a dict: an OrderedDict */
    union {
        int64_t number; /* INT, BOOL */
        struct {
            uint32_t at; /* in the pickle's bytes */
            uint32_t size;
        } text;
        struct {
            int first; /* items, or -1 */
            int last;
        } items;
        size_t index; /* GLOBAL, STORAGE, TENSOR: in its table */
    };
} pickle_node_t;

typedef struct pickle_item {
    int key;
    int value;
    int next; /* or -1 */
} pickle_item_t;

struct pickle {
    const uint8_t *bytes; /* borrowed */
    pickle_node_t *nodes;
    size_t nodes_count;
    size_t nodes_capacity;
    pickle_item_t *items;
    size_t items_count;
    size_t items_capacity;
    pickle_storage_t *storages;
    size_t storages_count;
    size_t storages_capacity;
    pickle_tensor_t *tensors;
    size_t tensors_count;
    size_t tensors_capacity;
    int root;
};

/* A tree of nothing but None. */
pickle_t *pickle_new(const void *bytes, fault_t *fault);

/* Add a node; containers start empty. Its number, or -1. */
int pickle_add(pickle_t *self, const pickle_node_t *node, fault_t *fault);
int pickle_add_storage(pickle_t *self, const pickle_storage_t *storage,
                       fault_t *fault);
int pickle_add_tensor(pickle_t *self, const pickle_tensor_t *tensor,
                      fault_t *fault);

/* Append an item to a container. */
int pickle_append(pickle_t *self, int node, int key, int value, fault_t *fault);

/* The first `max` values of a container into to[]; how many it has, at most
 * max + 1. */
int pickle_values(const pickle_t *self, int node, int *to, int max);

#endif
