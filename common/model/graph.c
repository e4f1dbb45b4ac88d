/* The graph: values, nodes, and the index of names.
 *
 * index[] is an open-addressing table of value indices plus one (0 is free),
 * at most half full, hashed with a seed of its own because the names come out
 * of files.
 */
#include "common/model/graph.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/clock.h"
#include "common/mem.h"

enum { INDEX_SLOTS_MIN = 64 };

static char *
s_copy(const char *text, fault_t *fault)
{
    return mem_text(text, strlen(text), fault);
}

static uint64_t
s_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint64_t)clock_us();
    return seed;
}

/* The slot of a name: where it is, or the free one where it would go. */
static size_t
s_slot(const graph_t *self, const char *name)
{
    size_t mask = self->index_slots - 1;
    size_t slot =
        (size_t)XXH3_64bits_withSeed(name, strlen(name), self->index_seed) &
        mask;
    while (self->index[slot] != 0 &&
           strcmp(self->values[self->index[slot] - 1].name, name) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

static int
s_index_rebuild(graph_t *self, size_t slots, fault_t *fault)
{
    int *index = mem_new(slots, sizeof *index, fault);
    if (!index)
        return -1;
    free(self->index);
    self->index = index;
    self->index_slots = slots;
    for (size_t i = 0; i < self->values_count; i++)
        self->index[s_slot(self, self->values[i].name)] = (int)i + 1;
    return 0;
}

graph_t *
graph_new(const char *name, fault_t *fault)
{
    graph_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->index_seed = s_seed();
    self->name = s_copy(name, fault);
    if (!self->name || s_index_rebuild(self, INDEX_SLOTS_MIN, fault) != 0)
        graph_destroy(&self);
    return self;
}

void
graph_value_release(value_t *value)
{
    free(value->name);
    if (value->constant) {
        blob_release(&value->constant->blob);
        free(value->constant);
    }
}

void
graph_destroy(graph_t **self_p)
{
    graph_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->values_count; i++)
        graph_value_release(&self->values[i]);
    for (size_t i = 0; i < self->nodes_count; i++)
        graph_node_release(&self->nodes[i]);
    free(self->values);
    free(self->nodes);
    free(self->index);
    free(self->name);
    free(self);
    *self_p = NULL;
}

static int
s_check_name(const graph_t *self, const char *name, fault_t *fault)
{
    size_t size = strlen(name);
    if (size == 0)
        return fault_set(fault, FAULT_INPUT, "a tensor without a name");
    if (size > GRAPH_NAME_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "the tensor name '%.40s...' is longer than %d bytes",
                         name, GRAPH_NAME_MAX);
    if (graph_find(self, name) != GRAPH_NONE)
        return fault_set(fault, FAULT_INPUT, "two tensors are called '%.100s'",
                         name);
    return 0;
}

int
graph_add_value(graph_t *self, const char *name, dtype_t dtype,
                const shape_t *shape, fault_t *fault)
{
    if (s_check_name(self, name, fault) != 0)
        return -1;
    if (self->values_count == GRAPH_VALUES_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d tensors in a graph",
                         GRAPH_VALUES_MAX);
    if (mem_grow(&self->values, &self->values_capacity, self->values_count + 1,
                 sizeof *self->values, fault) != 0)
        return -1;
    if ((self->values_count + 1) * 2 > self->index_slots &&
        s_index_rebuild(self, self->index_slots * 2, fault) != 0)
        return -1;

    value_t *value = &self->values[self->values_count];
    *value = (value_t){.dtype = dtype, .producer = GRAPH_NONE};
    value->name = s_copy(name, fault);
    if (!value->name)
        return -1;
    if (shape) {
        value->shaped = true;
        value->shape = *shape;
    }
    self->index[s_slot(self, name)] = (int)self->values_count + 1;
    return (int)self->values_count++;
}

int
graph_add_constant(graph_t *self, const char *name, dtype_t dtype,
                   const shape_t *shape, dtype_t stored, blob_t *blob,
                   fault_t *fault)
{
    size_t bytes = tensor_bytes(stored, shape, 0);
    if (blob_bytes(blob) != bytes || dtype_size(dtype) == 0)
        return fault_set(fault, FAULT_INPUT,
                         "the constant '%.100s' has %llu bytes where its shape "
                         "wants %zu",
                         name, (unsigned long long)blob_bytes(blob), bytes);
    constant_t *constant = mem_new(1, sizeof *constant, fault);
    if (!constant)
        return -1;
    int value = graph_add_value(self, name, dtype, shape, fault);
    if (value < 0) {
        free(constant);
        return -1;
    }
    *constant = (constant_t){.stored = stored, .blob = blob_share(blob)};
    self->values[value].constant = constant;
    return value;
}

int
graph_add_elements(graph_t *self, const char *name, dtype_t dtype,
                   const shape_t *shape, const void *elements, fault_t *fault)
{
    size_t bytes = tensor_bytes(dtype, shape, 0);
    char *copy = mem_text(elements, bytes, fault);
    blob_t *blob = copy ? blob_take(copy, bytes, fault) : NULL;
    if (!blob)
        return -1;
    int value =
        graph_add_constant(self, name, dtype, shape, dtype, blob, fault);
    blob_release(&blob);
    return value;
}

int
graph_index(graph_t *self, fault_t *fault)
{
    return s_index_rebuild(self, self->index_slots, fault);
}

static int
s_declare(int *list, int *count, int value, const char *what, fault_t *fault)
{
    if (*count == TENSORS_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d graph %s",
                         TENSORS_MAX, what);
    list[(*count)++] = value;
    return 0;
}

int
graph_add_input(graph_t *self, int value, fault_t *fault)
{
    assert(value >= 0 && (size_t)value < self->values_count);
    return s_declare(self->inputs, &self->inputs_count, value, "inputs", fault);
}

int
graph_add_output(graph_t *self, int value, fault_t *fault)
{
    assert(value >= 0 && (size_t)value < self->values_count);
    return s_declare(self->outputs, &self->outputs_count, value, "outputs",
                     fault);
}

int
graph_rename_value(graph_t *self, int value, const char *name, fault_t *fault)
{
    if (s_check_name(self, name, fault) != 0)
        return -1;
    char *copy = s_copy(name, fault);
    if (!copy)
        return -1;
    char *old = self->values[value].name;
    self->values[value].name = copy;
    if (s_index_rebuild(self, self->index_slots, fault) != 0) {
        self->values[value].name = old;
        free(copy);
        return -1;
    }
    free(old);
    return 0;
}

static int *
s_copy_indices(const int *indices, int count, fault_t *fault)
{
    int *copy = mem_new((size_t)count, sizeof *copy, fault);
    if (copy && count)
        memcpy(copy, indices, (size_t)count * sizeof *copy);
    return copy;
}

static int
s_check_node(const graph_t *self, const char *op, const char *name,
             const int *inputs, int inputs_count, const int *outputs,
             int outputs_count, fault_t *fault)
{
    if (self->nodes_count == GRAPH_NODES_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d nodes in a graph",
                         GRAPH_NODES_MAX);
    if (inputs_count > GRAPH_NODE_INPUTS_MAX ||
        outputs_count > GRAPH_NODE_INPUTS_MAX || strlen(op) > GRAPH_NAME_MAX ||
        strlen(name) > GRAPH_NAME_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "node '%.60s' (%.40s) has more than %d inputs or "
                         "outputs, or too long a name",
                         name, op, GRAPH_NODE_INPUTS_MAX);
    for (int i = 0; i < inputs_count; i++)
        assert(inputs[i] == GRAPH_NONE ||
               (size_t)inputs[i] < self->values_count);
    for (int i = 0; i < outputs_count; i++) {
        if (outputs[i] == GRAPH_NONE)
            continue;
        const value_t *value = &self->values[outputs[i]];
        if (value->producer != GRAPH_NONE || value->constant)
            return fault_set(fault, FAULT_INPUT,
                             "node '%.60s' (%.40s) makes the tensor '%.60s', "
                             "which exists already",
                             name, op, value->name);
    }
    return 0;
}

int
graph_add_node(graph_t *self, const char *op, const char *name,
               const int *inputs, int inputs_count, const int *outputs,
               int outputs_count, fault_t *fault)
{
    if (s_check_node(self, op, name, inputs, inputs_count, outputs,
                     outputs_count, fault) != 0 ||
        mem_grow(&self->nodes, &self->nodes_capacity, self->nodes_count + 1,
                 sizeof *self->nodes, fault) != 0)
        return -1;
    node_t node = {.inputs_count = inputs_count,
                   .outputs_count = outputs_count};
    node.name = s_copy(name, fault);
    node.op = s_copy(op, fault);
    node.inputs = s_copy_indices(inputs, inputs_count, fault);
    node.outputs = s_copy_indices(outputs, outputs_count, fault);
    if (!node.name || !node.op || !node.inputs || !node.outputs) {
        graph_node_release(&node);
        return -1;
    }
    for (int i = 0; i < outputs_count; i++)
        if (outputs[i] != GRAPH_NONE)
            self->values[outputs[i]].producer = (int)self->nodes_count;
    self->nodes[self->nodes_count] = node;
    return (int)self->nodes_count++;
}

int
graph_rewrite_node(graph_t *self, int index, const char *op, const int *inputs,
                   int inputs_count, fault_t *fault)
{
    char *new_op = s_copy(op, fault);
    int *new_inputs = s_copy_indices(inputs, inputs_count, fault);
    if (!new_op || !new_inputs) {
        free(new_op);
        free(new_inputs);
        return -1;
    }
    node_t *node = &self->nodes[index];
    free(node->op);
    free(node->inputs);
    graph_attributes_release(node);
    node->op = new_op;
    node->inputs = new_inputs;
    node->inputs_count = inputs_count;
    return 0;
}

int
graph_find(const graph_t *self, const char *name)
{
    return self->index[s_slot(self, name)] - 1;
}

int
graph_uses(const graph_t *self, int value)
{
    int uses = 0;
    for (size_t n = 0; n < self->nodes_count; n++)
        for (int i = 0; i < self->nodes[n].inputs_count; i++)
            uses +=
                !self->nodes[n].removed && self->nodes[n].inputs[i] == value;
    for (int i = 0; i < self->outputs_count; i++)
        uses += self->outputs[i] == value;
    return uses;
}

int *
graph_count_uses(const graph_t *self, fault_t *fault)
{
    int *uses = mem_new(self->values_count, sizeof *uses, fault);
    if (!uses)
        return NULL;
    for (size_t n = 0; n < self->nodes_count; n++)
        for (int i = 0; i < self->nodes[n].inputs_count; i++)
            if (!self->nodes[n].removed &&
                self->nodes[n].inputs[i] != GRAPH_NONE)
                uses[self->nodes[n].inputs[i]]++;
    for (int i = 0; i < self->outputs_count; i++)
        uses[self->outputs[i]]++;
    return uses;
}

void
graph_remove_node(graph_t *self, int index)
{
    node_t *node = &self->nodes[index];
    node->removed = true;
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE &&
            self->values[node->outputs[i]].producer == index)
            self->values[node->outputs[i]].producer = GRAPH_NONE;
}

void
graph_set_output(graph_t *self, int index, int slot, int value)
{
    node_t *node = &self->nodes[index];
    assert(self->values[value].producer == GRAPH_NONE);
    self->values[node->outputs[slot]].producer = GRAPH_NONE;
    node->outputs[slot] = value;
    self->values[value].producer = index;
}

int
graph_set_input(graph_t *self, int index, int slot, int value, fault_t *fault)
{
    node_t *node = &self->nodes[index];
    assert(slot < GRAPH_NODE_INPUTS_MAX &&
           (value == GRAPH_NONE || (size_t)value < self->values_count));
    if (slot >= node->inputs_count) {
        int *grown = mem_new((size_t)slot + 1, sizeof *grown, fault);
        if (!grown)
            return -1;
        for (int i = 0; i <= slot; i++)
            grown[i] = i < node->inputs_count ? node->inputs[i] : GRAPH_NONE;
        free(node->inputs);
        node->inputs = grown;
        node->inputs_count = slot + 1;
    }
    node->inputs[slot] = value;
    return 0;
}

int
graph_set_op(graph_t *self, int index, const char *op, fault_t *fault)
{
    char *copy = s_copy(op, fault);
    if (!copy)
        return -1;
    free(self->nodes[index].op);
    self->nodes[index].op = copy;
    return 0;
}

int
node_fault(const node_t *node, fault_t *fault, const char *format, ...)
{
    char text[FAULT_TEXT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fault_set(fault, FAULT_INPUT, "node '%.60s' (%.40s): %s", node->name,
                     node->op, text);
}

char *
graph_fresh_name(const graph_t *self, const char *name, const char *suffix,
                 fault_t *fault)
{
    char text[GRAPH_NAME_MAX + 1];
    for (size_t i = 0; i <= self->values_count; i++) {
        char number[24] = "";
        if (i > 0)
            snprintf(number, sizeof number, "_%zu", i);
        int room = GRAPH_NAME_MAX - (int)strlen(suffix) - 24;
        snprintf(text, sizeof text, "%.*s.%s%s", room, name, suffix, number);
        if (graph_find(self, text) == GRAPH_NONE)
            return s_copy(text, fault);
    }
    assert(!"one of n + 1 names is free among n");
    return NULL;
}

static int
s_read_range(const constant_t *constant, size_t offset, size_t bytes,
             dtype_t dtype, void *to, fault_t *fault)
{
    if (constant->stored == dtype)
        return blob_read(constant->blob, offset, to, bytes, fault);
    enum { BLOCK = 64 << 10 };
    size_t from_size = dtype_size(constant->stored);
    size_t to_size = dtype_size(dtype);
    char *block = mem_new(BLOCK, 1, fault);
    if (!block)
        return -1;
    int result = 0;
    char *at = to;
    for (size_t done = 0; result == 0 && done < bytes;) {
        size_t size = bytes - done < BLOCK ? bytes - done : BLOCK;
        result = blob_read(constant->blob, offset + done, block, size, fault);
        if (result == 0)
            tensor_convert(dtype, at, constant->stored, block,
                           size / from_size);
        at += size / from_size * to_size;
        done += size;
    }
    free(block);
    return result;
}

int
graph_read_elements(const graph_t *self, int index, size_t first, size_t count,
                    dtype_t dtype, void *to, fault_t *fault)
{
    const value_t *value = &self->values[index];
    const constant_t *constant = value->constant;
    if (!constant)
        return fault_set(fault, FAULT_INPUT, "'%.100s' is not a constant",
                         value->name);
    size_t size = dtype_size(constant->stored);
    return s_read_range(constant, first * size, count * size, dtype, to, fault);
}

int
graph_read_constant(const graph_t *self, int index, dtype_t dtype, void *to,
                    fault_t *fault)
{
    const constant_t *constant = self->values[index].constant;
    size_t size = constant ? dtype_size(constant->stored) : 0;
    size_t count = size ? (size_t)blob_bytes(constant->blob) / size : 0;
    return graph_read_elements(self, index, 0, count, dtype, to, fault);
}
