/* Cutting by names, what crosses, and what it costs. */
#include "common/model/cut.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/nearest.h"

void
cut_rates_init(cut_rates_t *rates)
{
    *rates = (cut_rates_t){.flop_per_s = 50e9,
                           .memory_bytes_per_s = 10e9,
                           .link_bytes_per_s = 125e6,
                           .boundary_bytes_max = (uint64_t)64 << 20};
}

double
cut_share(const cut_rates_t *rates, int part)
{
    return rates->shares_count ? rates->shares[part] : 1;
}

uint64_t
cut_crossing_bytes(const cut_rates_t *rates, dtype_t dtype,
                   const shape_t *shape)
{
    bool halved = rates->half && dtype == DTYPE_FLOAT32;
    return tensor_bytes(halved ? DTYPE_FLOAT16 : dtype, shape, 1);
}

double
cut_compute_s(const cut_rates_t *rates, double flop, double bytes)
{
    double compute = flop / rates->flop_per_s;
    double memory = bytes / rates->memory_bytes_per_s;
    return compute > memory ? compute : memory;
}

double
cut_link_s(const cut_rates_t *rates, double bytes)
{
    return bytes / rates->link_bytes_per_s;
}

double
cut_part_s(const cut_rates_t *rates, int part, double flop, double bytes,
           double boundary_bytes)
{
    return cut_compute_s(rates, flop, bytes) / cut_share(rates, part) +
           cut_link_s(rates, boundary_bytes);
}

/* --- by names --- */

static bool
s_is_among(const int *values, int count, int value)
{
    for (int i = 0; i < count; i++)
        if (values[i] == value)
            return true;
    return false;
}

/* The tensor of a name, or a fault that knows why not, or the nearest one. */
static int
s_find(const graph_t *graph, const char *name, fault_t *fault)
{
    int value = graph_find(graph, name);
    if (value != GRAPH_NONE && graph->values[value].producer != GRAPH_NONE)
        return value;
    if (value != GRAPH_NONE && graph->values[value].constant)
        return fault_set(fault, FAULT_CONFIG,
                         "cuts: '%.60s' is a constant, nothing computes it",
                         name);
    if (s_is_among(graph->inputs, graph->inputs_count, value))
        return fault_set(fault, FAULT_CONFIG,
                         "cuts: '%.60s' is an input of the model, nothing is "
                         "in front of it to compute",
                         name);
    nearest_t nearest = {0};
    for (size_t v = 0; v < graph->values_count; v++)
        if (graph->values[v].producer != GRAPH_NONE)
            nearest_offer(&nearest, name, graph->values[v].name);
    const char *known = nearest_answer(&nearest);
    return fault_set(fault, FAULT_CONFIG,
                     "cuts: nothing makes a tensor '%.60s'%s%.60s%s", name,
                     known ? "; did you mean '" : "", known ? known : "",
                     known ? "'?" : "");
}

/* Nodes come in topological order, so walking back meets users first. */
static size_t
s_close(graph_t *graph, bool *needed, int value, int part)
{
    size_t taken = 0;
    needed[graph->values[value].producer] = true;
    for (size_t n = graph->nodes_count; n-- > 0;) {
        node_t *node = &graph->nodes[n];
        if (!needed[n])
            continue;
        if (node->part > part) {
            node->part = part;
            taken++;
        }
        for (int i = 0; i < node->inputs_count; i++)
            if (node->inputs[i] != GRAPH_NONE &&
                graph->values[node->inputs[i]].producer != GRAPH_NONE)
                needed[graph->values[node->inputs[i]].producer] = true;
    }
    return taken;
}

/* Something must be behind the last name; what else empties a part only shows
 * once the graph is simplified. */
static int
s_check_rest(const graph_t *graph, const char *last, int parts, fault_t *fault)
{
    if (!s_is_among(graph->outputs, graph->outputs_count,
                    graph_find(graph, last)))
        return 0;
    for (size_t n = 0; n < graph->nodes_count; n++)
        if (graph->nodes[n].part == parts - 1)
            return 0;
    return fault_set(fault, FAULT_CONFIG,
                     "cuts: '%.60s' is an output of the model, nothing is left "
                     "behind it to compute",
                     last);
}

int
cut_by_names(graph_t *graph, const char *const *names, size_t count,
             fault_t *fault)
{
    if (count >= CUT_PARTS_MAX)
        return fault_set(fault, FAULT_CONFIG, "cuts: more than %d parts",
                         CUT_PARTS_MAX);
    bool *needed = mem_new(graph->nodes_count, sizeof *needed, fault);
    if (!needed)
        return -1;
    for (size_t n = 0; n < graph->nodes_count; n++)
        graph->nodes[n].part = (int)count;
    int result = 0;
    for (size_t c = 0; c < count && result == 0; c++) {
        int value = s_find(graph, names[c], fault);
        if (value < 0)
            result = -1;
        else if (s_close(graph, needed, value, (int)c) == 0)
            result = fault_set(fault, FAULT_CONFIG,
                               "cuts: nothing is left between '%.60s' and the "
                               "cut before it",
                               names[c]);
    }
    free(needed);
    if (result == 0 && count > 0)
        result = s_check_rest(graph, names[count - 1], (int)count + 1, fault);
    return result;
}

/* --- any cut --- */

int
cut_check(const graph_t *graph, int parts, fault_t *fault)
{
    size_t nodes[CUT_PARTS_MAX] = {0};
    if (parts < 1 || parts > CUT_PARTS_MAX)
        return fault_set(fault, FAULT_CONFIG, "%d parts are not 1 to %d", parts,
                         CUT_PARTS_MAX);
    for (size_t n = 0; n < graph->nodes_count; n++) {
        const node_t *node = &graph->nodes[n];
        assert(node->part >= 0 && node->part < parts);
        nodes[node->part]++;
        for (int i = 0; i < node->inputs_count; i++) {
            int producer = node->inputs[i] == GRAPH_NONE
                               ? GRAPH_NONE
                               : graph->values[node->inputs[i]].producer;
            if (producer != GRAPH_NONE &&
                graph->nodes[producer].part > node->part)
                return fault_set(fault, FAULT_INPUT,
                                 "node '%.60s' of part %d needs a tensor of "
                                 "part %d",
                                 node->name, node->part,
                                 graph->nodes[producer].part);
        }
    }
    for (int k = 0; k < parts; k++)
        if (nodes[k] == 0)
            return fault_set(fault, FAULT_CONFIG,
                             "part %d computes nothing; give its layers or "
                             "nodes to a neighbour",
                             k);
    return 0;
}

/* The part that makes a value; inputs are there before the first. */
static int
s_made_in(const graph_t *graph, size_t value)
{
    int producer = graph->values[value].producer;
    return producer == GRAPH_NONE ? -1 : graph->nodes[producer].part;
}

int
cut_boundary(const graph_t *graph, int part, int values[TENSORS_MAX],
             fault_t *fault)
{
    bool *crosses = mem_new(graph->values_count, sizeof *crosses, fault);
    if (!crosses)
        return -1;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        const node_t *node = &graph->nodes[n];
        for (int i = 0; node->part > part && i < node->inputs_count; i++)
            if (node->inputs[i] != GRAPH_NONE)
                crosses[node->inputs[i]] = true;
    }
    for (int i = 0; i < graph->outputs_count; i++)
        crosses[graph->outputs[i]] = true;
    int count = 0;
    for (size_t v = 0; v < graph->values_count && count >= 0; v++) {
        if (!crosses[v] || graph->values[v].constant ||
            s_made_in(graph, v) > part)
            continue;
        if (count < TENSORS_MAX)
            values[count++] = (int)v;
        else
            count = fault_set(fault, FAULT_INPUT,
                              "more than %d tensors cross behind part %d",
                              TENSORS_MAX, part);
    }
    free(crosses);
    return count;
}

int
cut_check_shapes(const graph_t *graph, int parts, fault_t *fault)
{
    value_type_t *types = shape_types_new(graph, 1, fault);
    int result = types ? 0 : -1;
    for (int k = 0; result == 0 && k < parts - 1; k++) {
        int values[TENSORS_MAX];
        int count = cut_boundary(graph, k, values, fault);
        result = count < 0 ? -1 : 0;
        for (int i = 0; result == 0 && i < count; i++)
            if (types[values[i]].known)
                result = fault_set(
                    fault, FAULT_CONFIG,
                    "cuts: '%.60s' is a shape, and would cross behind part %d; "
                    "cut elsewhere",
                    graph->values[values[i]].name, k);
    }
    free(types);
    return result;
}
