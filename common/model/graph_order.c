/* Putting a graph in order: topological sorting and compaction. */
#include "common/model/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { UNSEEN, OPEN, DONE };

/* A depth-first walk with its own stack: graphs from files may be deep. */
typedef struct walk {
    const graph_t *graph;
    char *state; /* of each node */
    int *stack;  /* open nodes */
    int *next;   /* the input each open node looks at next */
    int *order;  /* finished nodes */
    bool *given; /* values that are graph inputs */
    size_t depth;
    size_t done;
} walk_t;

static int
s_unmade(const node_t *node, const value_t *value, fault_t *fault)
{
    return fault_set(fault, FAULT_INPUT,
                     "node '%.60s' (%.40s) reads the tensor '%.80s', which "
                     "nothing makes",
                     node->name, node->op, value->name);
}

/* Look at the next input of the node on top; close the node after its last. */
static int
s_step(walk_t *walk, fault_t *fault)
{
    const graph_t *graph = walk->graph;
    int top = walk->stack[walk->depth - 1];
    const node_t *node = &graph->nodes[top];
    if (walk->next[walk->depth - 1] == node->inputs_count) {
        walk->state[top] = DONE;
        walk->order[walk->done++] = top;
        walk->depth--;
        return 0;
    }
    int input = node->inputs[walk->next[walk->depth - 1]++];
    if (input == GRAPH_NONE)
        return 0;
    const value_t *value = &graph->values[input];
    if (value->producer == GRAPH_NONE)
        return value->constant || walk->given[input]
                   ? 0
                   : s_unmade(node, value, fault);
    if (walk->state[value->producer] == OPEN)
        return fault_set(fault, FAULT_INPUT,
                         "node '%.60s' (%.40s) is on a cycle", node->name,
                         node->op);
    if (walk->state[value->producer] == UNSEEN) {
        walk->state[value->producer] = OPEN;
        walk->stack[walk->depth] = value->producer;
        walk->next[walk->depth++] = 0;
    }
    return 0;
}

static int
s_walk(walk_t *walk, fault_t *fault)
{
    const graph_t *graph = walk->graph;
    for (int i = 0; i < graph->inputs_count; i++)
        walk->given[graph->inputs[i]] = true;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        if (graph->nodes[n].removed || walk->state[n] != UNSEEN)
            continue;
        walk->state[n] = OPEN;
        walk->stack[0] = (int)n;
        walk->next[0] = 0;
        walk->depth = 1;
        while (walk->depth > 0)
            if (s_step(walk, fault) != 0)
                return -1;
    }
    for (int i = 0; i < graph->outputs_count; i++) {
        const value_t *value = &graph->values[graph->outputs[i]];
        if (value->producer == GRAPH_NONE && !value->constant &&
            !walk->given[graph->outputs[i]])
            return fault_set(fault, FAULT_INPUT,
                             "the graph output '%.100s' is made by no node",
                             value->name);
    }
    return 0;
}

/* Nodes in the given order; removed ones go last. */
static void
s_reorder(graph_t *self, const int *order, size_t count, node_t *sorted)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        sorted[at++] = self->nodes[order[i]];
    for (size_t n = 0; n < self->nodes_count; n++)
        if (self->nodes[n].removed)
            sorted[at++] = self->nodes[n];
    assert(at == self->nodes_count);
    if (at > 0) /* a graph without nodes has no array of them */
        memcpy(self->nodes, sorted, at * sizeof *sorted);
    for (size_t n = 0; n < count; n++)
        for (int i = 0; i < self->nodes[n].outputs_count; i++)
            if (self->nodes[n].outputs[i] != GRAPH_NONE)
                self->values[self->nodes[n].outputs[i]].producer = (int)n;
}

int
graph_sort(graph_t *self, fault_t *fault)
{
    size_t count = self->nodes_count;
    walk_t walk = {.graph = self};
    node_t *sorted = NULL;
    int result = -1;
    walk.state = mem_new(count, 1, fault);
    walk.stack = mem_new(count, sizeof *walk.stack, fault);
    walk.next = mem_new(count, sizeof *walk.next, fault);
    walk.order = mem_new(count, sizeof *walk.order, fault);
    walk.given = mem_new(self->values_count, sizeof *walk.given, fault);
    sorted = mem_new(count, sizeof *sorted, fault);
    if (walk.state && walk.stack && walk.next && walk.order && walk.given &&
        sorted)
        result = s_walk(&walk, fault);
    if (result == 0)
        s_reorder(self, walk.order, walk.done, sorted);
    free(walk.state);
    free(walk.stack);
    free(walk.next);
    free(walk.order);
    free(walk.given);
    free(sorted);
    return result;
}

/* A node is needed if one of its outputs is; in topological order the users of
 * an output come later, so walking back counts them first. */
int
graph_prune(graph_t *self, fault_t *fault)
{
    if (graph_sort(self, fault) != 0)
        return -1;
    int *uses = graph_count_uses(self, fault);
    if (!uses)
        return -1;
    for (size_t n = self->nodes_count; n-- > 0;) {
        const node_t *node = &self->nodes[n];
        int needed = 0;
        for (int i = 0; i < node->outputs_count; i++)
            needed += node->outputs[i] != GRAPH_NONE && uses[node->outputs[i]];
        if (node->removed || needed)
            continue;
        for (int i = 0; i < node->inputs_count; i++)
            if (node->inputs[i] != GRAPH_NONE)
                uses[node->inputs[i]]--;
        graph_remove_node(self, (int)n);
    }
    free(uses);
    return 0;
}

static void
s_drop_nodes(graph_t *self)
{
    size_t kept = 0;
    for (size_t n = 0; n < self->nodes_count; n++) {
        node_t *node = &self->nodes[n];
        if (node->removed) {
            graph_node_release(node);
            continue;
        }
        for (int i = 0; i < node->outputs_count; i++)
            if (node->outputs[i] != GRAPH_NONE)
                self->values[node->outputs[i]].producer = (int)kept;
        self->nodes[kept++] = *node;
    }
    self->nodes_count = kept;
}

/* moved[v]: the new index of value v, or GRAPH_NONE. */
static void
s_drop_values(graph_t *self, const int *uses, int *moved)
{
    for (int i = 0; i < self->inputs_count; i++)
        moved[self->inputs[i]] = 1;
    size_t kept = 0;
    for (size_t v = 0; v < self->values_count; v++) {
        value_t *value = &self->values[v];
        if (uses[v] == 0 && value->producer == GRAPH_NONE && !moved[v]) {
            graph_value_release(value);
            moved[v] = GRAPH_NONE;
            continue;
        }
        moved[v] = (int)kept;
        self->values[kept++] = *value;
    }
    self->values_count = kept;
}

static void
s_move(int *indices, int count, const int *moved)
{
    for (int i = 0; i < count; i++)
        if (indices[i] != GRAPH_NONE)
            indices[i] = moved[indices[i]];
}

int
graph_compact(graph_t *self, fault_t *fault)
{
    int *moved = mem_new(self->values_count, sizeof *moved, fault);
    int *uses = moved ? graph_count_uses(self, fault) : NULL;
    if (!uses) {
        free(moved);
        return -1;
    }
    for (size_t n = 0; n < self->nodes_count; n++)
        if (self->nodes[n].removed)
            graph_remove_node(self, (int)n);
    s_drop_nodes(self);
    s_drop_values(self, uses, moved);
    for (size_t n = 0; n < self->nodes_count; n++) {
        s_move(self->nodes[n].inputs, self->nodes[n].inputs_count, moved);
        s_move(self->nodes[n].outputs, self->nodes[n].outputs_count, moved);
    }
    s_move(self->inputs, self->inputs_count, moved);
    s_move(self->outputs, self->outputs_count, moved);
    free(moved);
    free(uses);
    return graph_index(self, fault);
}
