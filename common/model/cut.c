/* Cutting: by names, by lists, and evenly. */
#include "common/model/cut.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"

/* Places of a cut that are weighed against each other. */
enum { PLACES_MAX = 1024 };

void
cut_rates_init(cut_rates_t *rates)
{
    *rates = (cut_rates_t){.flop_per_s = 50e9,
                           .memory_bytes_per_s = 10e9,
                           .link_bytes_per_s = 125e6,
                           .boundary_bytes_max = (uint64_t)64 << 20};
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
cut_part_s(const cut_rates_t *rates, double flop, double bytes,
           double boundary_bytes)
{
    return cut_compute_s(rates, flop, bytes) +
           cut_link_s(rates, boundary_bytes);
}

/* --- by names --- */

/* The tensor of a name, or a fault that knows the nearest one. */
static int
s_find(const graph_t *graph, const char *name, fault_t *fault)
{
    int value = graph_find(graph, name);
    if (value != GRAPH_NONE && graph->values[value].producer != GRAPH_NONE)
        return value;
    nearest_t nearest = {0};
    for (size_t v = 0; v < graph->values_count; v++)
        if (graph->values[v].producer != GRAPH_NONE)
            nearest_offer(&nearest, name, graph->values[v].name);
    const char *known = nearest_answer(&nearest);
    return fault_set(fault, FAULT_CONFIG,
                     "cuts: no layer makes a tensor '%.60s'%s%.60s%s", name,
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
    return result;
}

/* --- evenly --- */

/* A place to cut: behind node `end` - 1. Costs are sums of all nodes before. */
typedef struct place {
    size_t end;
    double flop;
    double bytes;    /* weights and activations */
    double boundary; /* bytes of one sample that cross here */
    int tensors;     /* that cross here */
} place_t;

/* last[v]: the last node that reads a value; nodes_count for outputs, -1 where
 * nobody does. */
static int *
s_last_readers(const graph_t *graph, fault_t *fault)
{
    int *last = mem_new(graph->values_count, sizeof *last, fault);
    if (!last)
        return NULL;
    for (size_t v = 0; v < graph->values_count; v++)
        last[v] = -1;
    for (size_t n = 0; n < graph->nodes_count; n++)
        for (int i = 0; i < graph->nodes[n].inputs_count; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                last[graph->nodes[n].inputs[i]] = (int)n;
    for (int i = 0; i < graph->outputs_count; i++)
        last[graph->outputs[i]] = (int)graph->nodes_count;
    return last;
}

/* What lives and crosses, kept up to date node by node. */
typedef struct crossing {
    double bytes;
    int tensors;
    int oversized; /* tensors that no frame takes */
} crossing_t;

static void
s_cross(crossing_t *self, const value_type_t *type, uint64_t bytes_max,
        int sign)
{
    size_t bytes = tensor_bytes(type->dtype, &type->shape, 0);
    self->bytes += sign * (double)bytes;
    self->tensors += sign;
    self->oversized += bytes > bytes_max ? sign : 0;
}

static void
s_pass_node(const graph_t *graph, size_t n, const int *last,
            const value_type_t *types, uint64_t bytes_max, crossing_t *crossing)
{
    const node_t *node = &graph->nodes[n];
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE && last[node->outputs[i]] >= 0)
            s_cross(crossing, &types[node->outputs[i]], bytes_max, 1);
    for (int i = 0; i < node->inputs_count; i++) {
        int value = node->inputs[i];
        bool again = value == GRAPH_NONE || graph->values[value].constant;
        for (int j = 0; j < i; j++)
            again |= node->inputs[j] == value;
        if (!again && last[value] == (int)n)
            s_cross(crossing, &types[value], bytes_max, -1);
    }
}

/* Every place where the graph may be cut, and its end. */
static size_t
s_places(const graph_t *graph, const value_type_t *types, const int *last,
         const cut_rates_t *rates, place_t *places)
{
    place_t place = {0};
    crossing_t crossing = {0};
    size_t count = 0;
    for (int i = 0; i < graph->inputs_count; i++)
        if (last[graph->inputs[i]] >= 0)
            s_cross(&crossing, &types[graph->inputs[i]],
                    rates->boundary_bytes_max, 1);
    place.boundary = crossing.bytes;
    places[count++] = place;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        node_cost_t cost = shape_cost(graph, types, (int)n);
        s_pass_node(graph, n, last, types, rates->boundary_bytes_max,
                    &crossing);
        place.end = n + 1;
        place.flop += cost.flop;
        place.bytes += (double)(cost.weight_bytes + cost.activation_bytes);
        place.boundary = crossing.bytes;
        place.tensors = crossing.tensors;
        bool end = n + 1 == graph->nodes_count;
        if (end || (crossing.oversized == 0 && crossing.tensors <= TENSORS_MAX))
            places[count++] = place;
    }
    return count;
}

/* Of too many places, those that fewest bytes cross in each stretch. */
static size_t
s_thin(place_t *places, size_t count)
{
    if (count <= PLACES_MAX)
        return count;
    size_t kept = 1, inner = count - 2, slots = PLACES_MAX - 2;
    for (size_t s = 0; s < slots; s++) {
        size_t from = 1 + inner * s / slots, to = 1 + inner * (s + 1) / slots;
        size_t best = from;
        for (size_t p = from + 1; p < to; p++)
            if (places[p].boundary < places[best].boundary)
                best = p;
        places[kept++] = places[best];
    }
    places[kept++] = places[count - 1];
    return kept;
}

static double
s_part_s(const cut_rates_t *rates, const place_t *from, const place_t *to)
{
    return cut_part_s(rates, to->flop - from->flop, to->bytes - from->bytes,
                      from->boundary + to->boundary);
}

/* best[k][p]: the slowest of k + 1 parts that end at place p, as fast as can
 * be; from[k][p]: where the last of them begins. */
static int
s_optimise(const place_t *places, size_t count, int parts,
           const cut_rates_t *rates, size_t *ends, fault_t *fault)
{
    size_t cells = count * (size_t)parts;
    double *best = mem_new(cells, sizeof *best, fault);
    size_t *from = mem_new(cells, sizeof *from, fault);
    if (!best || !from) {
        free(best);
        free(from);
        return -1;
    }
    for (size_t cell = 0; cell < cells; cell++)
        best[cell] = DBL_MAX;
    for (size_t p = 1; p < count; p++)
        best[p] = s_part_s(rates, &places[0], &places[p]);
    for (int k = 1; k < parts; k++)
        for (size_t p = (size_t)k + 1; p < count; p++)
            for (size_t q = (size_t)k; q < p; q++) {
                double before = best[(size_t)(k - 1) * count + q];
                double own = s_part_s(rates, &places[q], &places[p]);
                double slowest = before > own ? before : own;
                if (slowest < best[(size_t)k * count + p]) {
                    best[(size_t)k * count + p] = slowest;
                    from[(size_t)k * count + p] = q;
                }
            }
    size_t place = count - 1;
    for (int k = parts - 1; k >= 0; k--) {
        ends[k] = places[place].end;
        place = from[(size_t)k * count + place];
    }
    free(best);
    free(from);
    return 0;
}

static int
s_cut_at(graph_t *graph, int parts, const cut_rates_t *rates,
         const value_type_t *types, place_t *places, const int *last,
         fault_t *fault)
{
    size_t ends[CUT_PARTS_MAX];
    size_t count = s_thin(places, s_places(graph, types, last, rates, places));
    if (count < (size_t)parts + 1)
        return fault_set(fault, FAULT_CONFIG,
                         "parts = %d: the network has only %zu places to cut",
                         parts, count < 2 ? 0 : count - 2);
    if (s_optimise(places, count, parts, rates, ends, fault) != 0)
        return -1;
    int part = 0;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        if (n == ends[part])
            part++;
        graph->nodes[n].part = part;
    }
    return 0;
}

int
cut_evenly(graph_t *graph, int parts, const cut_rates_t *rates, fault_t *fault)
{
    if (parts < 1 || parts > CUT_PARTS_MAX)
        return fault_set(fault, FAULT_CONFIG, "parts = %d is not 1 to %d",
                         parts, CUT_PARTS_MAX);
    value_type_t *types = shape_types_new(graph, 1, fault);
    int *last = types ? s_last_readers(graph, fault) : NULL;
    place_t *places =
        last ? mem_new(graph->nodes_count + 1, sizeof *places, fault) : NULL;
    int result =
        places ? s_cut_at(graph, parts, rates, types, places, last, fault) : -1;
    free(types);
    free(last);
    free(places);
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
                             "part %d computes nothing; give its layers to a "
                             "neighbour",
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
