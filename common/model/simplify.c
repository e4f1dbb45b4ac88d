/* Simplification: what computes nothing goes away. */
#include "common/model/simplify.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/simplify_batch.h"
#include "common/model/simplify_fold.h"
#include "common/model/simplify_idle.h"
#include "common/model/simplify_norm.h"
#include "common/model/simplify_pad.h"
#include "common/model/simplify_transpose.h"

/* alias[v]: the value that stands for v now. */
static void
s_apply(graph_t *graph, const int *alias)
{
    for (size_t n = 0; n < graph->nodes_count; n++)
        for (int i = 0; i < graph->nodes[n].inputs_count; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                graph->nodes[n].inputs[i] = alias[graph->nodes[n].inputs[i]];
}

static bool
s_is_end(const int *ends, int count, int value)
{
    for (int i = 0; i < count; i++)
        if (ends[i] == value)
            return true;
    return false;
}

/* An identity whose output the graph must keep by name: let the node before
 * make it directly, if that tensor needs no name of its own. */
static bool
s_make_directly(graph_t *graph, int from, int to)
{
    int producer = graph->values[from].producer;
    if (producer == GRAPH_NONE ||
        s_is_end(graph->outputs, graph->outputs_count, from))
        return false;
    const node_t *node = &graph->nodes[producer];
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] == from) {
            graph_set_output(graph, producer, i, to);
            return true;
        }
    return false;
}

/* A dropout whose mask somebody reads is none. */
static bool
s_is_identity(const graph_t *graph, const node_t *node)
{
    if (strcmp(node->op, "Identity") == 0)
        return true;
    return strcmp(node->op, "Dropout") == 0 &&
           (node->outputs_count < 2 || node->outputs[1] == GRAPH_NONE ||
            graph_uses(graph, node->outputs[1]) == 0);
}

static int
s_drop_identities(graph_t *graph, fault_t *fault)
{
    int *alias = mem_new(graph->values_count, sizeof *alias, fault);
    if (!alias)
        return -1;
    for (size_t v = 0; v < graph->values_count; v++)
        alias[v] = (int)v;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        node_t *node = &graph->nodes[n];
        for (int i = 0; i < node->inputs_count; i++)
            if (node->inputs[i] != GRAPH_NONE)
                node->inputs[i] = alias[node->inputs[i]];
        if (node->removed || !s_is_identity(graph, node))
            continue;
        int from = node->inputs[0], to = node->outputs[0];
        graph_remove_node(graph, (int)n);
        if (!s_is_end(graph->outputs, graph->outputs_count, to)) {
            alias[to] = from;
        } else if (s_make_directly(graph, from, to)) {
            for (size_t v = 0; v < graph->values_count; v++)
                if (alias[v] == from)
                    alias[v] = to;
        } else {
            node->removed = false;
            graph->values[to].producer = (int)n;
        }
    }
    s_apply(graph, alias);
    free(alias);
    return 0;
}

int
simplify_graph(graph_t *graph, fault_t *fault)
{
    static int (*const passes[])(graph_t *, fault_t *) = {
        simplify_fold, graph_prune,   graph_compact,       simplify_batch,
        graph_sort,    simplify_idle, simplify_transposes, s_drop_identities,
        graph_prune,   graph_compact, simplify_norms,      simplify_pads,
        graph_prune,   graph_compact,
    };
    for (size_t p = 0; p < sizeof passes / sizeof passes[0]; p++)
        if (passes[p](graph, fault) != 0)
            return -1;
    return 0;
}
