/* The tree a pickle is read into: nodes and chains of items in arrays. */
#include "common/model/pickle_tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

pickle_t *
pickle_new(const void *bytes, fault_t *fault)
{
    pickle_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->bytes = bytes;
    const pickle_node_t none = {.kind = PICKLE_IS_NONE};
    if (pickle_add(self, &none, fault) != PICKLE_NONE)
        pickle_destroy(&self);
    return self;
}

void
pickle_destroy(pickle_t **self)
{
    pickle_t *pickle = *self;
    *self = NULL;
    if (!pickle)
        return;
    free(pickle->nodes);
    free(pickle->items);
    free(pickle->storages);
    free(pickle->tensors);
    free(pickle);
}

int
pickle_add(pickle_t *self, const pickle_node_t *node, fault_t *fault)
{
    if (self->nodes_count == PICKLE_NODES_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d objects",
                         PICKLE_NODES_MAX);
    if (mem_grow(&self->nodes, &self->nodes_capacity, self->nodes_count + 1,
                 sizeof *self->nodes, fault))
        return -1;
    pickle_node_t *added = &self->nodes[self->nodes_count];
    *added = *node;
    if (node->kind == PICKLE_IS_TUPLE || node->kind == PICKLE_IS_LIST ||
        node->kind == PICKLE_IS_DICT)
        added->items.first = added->items.last = -1;
    return (int)self->nodes_count++;
}

int
pickle_add_storage(pickle_t *self, const pickle_storage_t *storage,
                   fault_t *fault)
{
    if (self->storages_count == PICKLE_TENSORS_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d storages",
                         PICKLE_TENSORS_MAX);
    if (mem_grow(&self->storages, &self->storages_capacity,
                 self->storages_count + 1, sizeof *storage, fault))
        return -1;
    const pickle_node_t node = {.kind = PICKLE_IS_STORAGE,
                                .index = self->storages_count};
    self->storages[self->storages_count++] = *storage;
    return pickle_add(self, &node, fault);
}

int
pickle_add_tensor(pickle_t *self, const pickle_tensor_t *tensor, fault_t *fault)
{
    if (self->tensors_count == PICKLE_TENSORS_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d tensors",
                         PICKLE_TENSORS_MAX);
    if (mem_grow(&self->tensors, &self->tensors_capacity,
                 self->tensors_count + 1, sizeof *tensor, fault))
        return -1;
    const pickle_node_t node = {.kind = PICKLE_IS_TENSOR,
                                .index = self->tensors_count};
    self->tensors[self->tensors_count++] = *tensor;
    return pickle_add(self, &node, fault);
}

int
pickle_append(pickle_t *self, int node, int key, int value, fault_t *fault)
{
    if (self->items_count == PICKLE_ITEMS_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d items",
                         PICKLE_ITEMS_MAX);
    if (mem_grow(&self->items, &self->items_capacity, self->items_count + 1,
                 sizeof *self->items, fault))
        return -1;
    int added = (int)self->items_count++;
    self->items[added] =
        (pickle_item_t){.key = key, .value = value, .next = -1};
    pickle_node_t *container = &self->nodes[node];
    if (container->items.last >= 0)
        self->items[container->items.last].next = added;
    else
        container->items.first = added;
    container->items.last = added;
    return 0;
}

int
pickle_values(const pickle_t *self, int node, int *to, int max)
{
    int count = 0, item = -1, value;
    while (count <= max && pickle_next(self, node, &item, NULL, &value)) {
        if (count < max)
            to[count] = value;
        count++;
    }
    return count;
}

int
pickle_root(const pickle_t *self)
{
    return self->root;
}

pickle_kind_t
pickle_kind(const pickle_t *self, int node)
{
    assert(node >= 0);
    assert((size_t)node < self->nodes_count);
    return self->nodes[node].kind;
}

int64_t
pickle_int(const pickle_t *self, int node)
{
    assert(self->nodes[node].kind == PICKLE_IS_INT ||
           self->nodes[node].kind == PICKLE_IS_BOOL);
    return self->nodes[node].number;
}

const char *
pickle_text(const pickle_t *self, int node, size_t *size)
{
    const pickle_node_t *text = &self->nodes[node];
    assert(text->kind == PICKLE_IS_TEXT);
    *size = text->text.size;
    return (const char *)self->bytes + text->text.at;
}

const pickle_tensor_t *
pickle_tensor(const pickle_t *self, int node)
{
    assert(self->nodes[node].kind == PICKLE_IS_TENSOR);
    return &self->tensors[self->nodes[node].index];
}

const pickle_storage_t *
pickle_storages(const pickle_t *self, size_t *count)
{
    *count = self->storages_count;
    return self->storages;
}

bool
pickle_next(const pickle_t *self, int node, int *item, int *key, int *value)
{
    const pickle_node_t *container = &self->nodes[node];
    assert(container->kind == PICKLE_IS_DICT ||
           container->kind == PICKLE_IS_LIST ||
           container->kind == PICKLE_IS_TUPLE);
    *item = *item < 0 ? container->items.first : self->items[*item].next;
    if (*item < 0)
        return false;
    if (key)
        *key = self->items[*item].key;
    *value = self->items[*item].value;
    return true;
}

int
pickle_get(const pickle_t *self, int dict, const char *key)
{
    int found = -1, item = -1, name, value;
    while (pickle_next(self, dict, &item, &name, &value)) {
        if (self->nodes[name].kind != PICKLE_IS_TEXT)
            continue;
        size_t size;
        const char *text = pickle_text(self, name, &size);
        if (size == strlen(key) && memcmp(text, key, size) == 0)
            found = value;
    }
    return found;
}
