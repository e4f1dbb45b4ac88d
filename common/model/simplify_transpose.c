/* Melting transposes. */
#include "common/model/simplify_transpose.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/match.h"
#include "common/model/shape.h"

/* The order of axes of a Transpose of a tensor of this rank; reversed where it
 * has none. */
static void
s_order(const node_t *node, int rank, int64_t order[TENSOR_RANK_MAX])
{
    const attribute_t *given = node_attribute(node, "perm");
    for (int i = 0; i < rank; i++)
        order[i] = given ? given->ints[i] : rank - 1 - i;
}

static bool
s_moves_nothing(const int64_t order[TENSOR_RANK_MAX], int rank)
{
    for (int i = 0; i < rank; i++)
        if (order[i] != i)
            return false;
    return true;
}

static int
s_melt(graph_t *graph, const value_type_t *types, int index, fault_t *fault)
{
    const node_t *node = &graph->nodes[index];
    int x = node->inputs[0];
    int rank = types[x].shape.rank;
    int64_t own[TENSOR_RANK_MAX], before[TENSOR_RANK_MAX],
        order[TENSOR_RANK_MAX];
    s_order(node, rank, own);
    memcpy(order, own, sizeof order);
    if (strcmp(match_op(graph, x), "Transpose") == 0) {
        s_order(&graph->nodes[graph->values[x].producer], rank, before);
        for (int i = 0; i < rank; i++)
            order[i] = before[own[i]];
        x = match_input(graph, x, 0);
    }
    if (s_moves_nothing(order, rank))
        return graph_rewrite_node(graph, index, "Identity", &x, 1, fault);
    if (x == node->inputs[0])
        return 0;
    if (graph_rewrite_node(graph, index, "Transpose", &x, 1, fault) != 0)
        return -1;
    return graph_set_ints(graph, index, "perm", order, (size_t)rank, fault);
}

int
simplify_transposes(graph_t *graph, fault_t *fault)
{
    value_type_t *types = shape_types_new(graph, 1, fault);
    int result = types ? 0 : -1;
    for (size_t n = 0; result == 0 && n < graph->nodes_count; n++)
        if (!graph->nodes[n].removed &&
            strcmp(graph->nodes[n].op, "Transpose") == 0)
            result = s_melt(graph, types, (int)n, fault);
    free(types);
    return result;
}
