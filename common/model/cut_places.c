/* Closed sets of nodes, grown node by node, level by level.
 *
 * A level holds the sets of one size. Networks are narrow, so a level has few
 * of them; where it has more, those go on that fewest bytes cross, and always
 * the one that follows the given order. */
#include "common/model/cut_places.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum {
    AHEAD = 64,         /* how far a set goes beyond its first gap */
    WIDTH_MAX = 256,    /* sets of a level */
    SETS_MAX = 1 << 17, /* of all levels, in large graphs */
};

/* The graph as it is seen while sets grow. */
typedef struct growth {
    const graph_t *graph;
    value_type_t *types;
    bool *stacks;   /* of a value: samples lie along axis 0 */
    bool *kept;     /* of a value: an output of the whole */
    size_t *starts; /* readers of value v: readers[starts[v]..starts[v + 1]] */
    int *readers;
    const cut_rates_t *rates;
} growth_t;

static void
s_release(growth_t *self)
{
    free(self->types);
    free(self->stacks);
    free(self->kept);
    free(self->starts);
    free(self->readers);
}

/* --- what a value is --- */

/* Two batch sizes tell where the samples lie. */
static int
s_find_stacks(growth_t *self, fault_t *fault)
{
    enum { SAMPLES = 3 };
    const graph_t *graph = self->graph;
    bool batchable;
    if (shape_batchable(graph, &batchable, fault) != 0)
        return -1;
    value_type_t *more =
        batchable ? shape_types_new(graph, SAMPLES, fault) : NULL;
    if (batchable && !more)
        return -1;
    for (size_t v = 0; v < graph->values_count; v++) {
        shape_t one = self->types[v].shape;
        self->stacks[v] = !more || (one.rank > 0 && one.dims[0] == 1);
        if (more && self->stacks[v]) {
            one.dims[0] = SAMPLES;
            self->stacks[v] = shape_equal(&one, &more[v].shape);
        }
    }
    free(more);
    return 0;
}

/* An input that a node has twice is read once. */
static bool
s_reads(const graph_t *graph, const node_t *node, int input)
{
    int value = node->inputs[input];
    if (value == GRAPH_NONE || graph->values[value].constant)
        return false;
    for (int i = 0; i < input; i++)
        if (node->inputs[i] == value)
            return false;
    return true;
}

static int
s_find_readers(growth_t *self, fault_t *fault)
{
    const graph_t *graph = self->graph;
    size_t total = 0;
    for (size_t n = 0; n < graph->nodes_count; n++)
        for (int i = 0; i < graph->nodes[n].inputs_count; i++)
            if (s_reads(graph, &graph->nodes[n], i)) {
                self->starts[graph->nodes[n].inputs[i]]++;
                total++;
            }
    self->readers = mem_new(total, sizeof *self->readers, fault);
    if (!self->readers)
        return -1;
    size_t end = 0;
    for (size_t v = 0; v <= graph->values_count; v++)
        self->starts[v] = end += self->starts[v];
    for (size_t n = 0; n < graph->nodes_count; n++)
        for (int i = 0; i < graph->nodes[n].inputs_count; i++)
            if (s_reads(graph, &graph->nodes[n], i))
                self->readers[--self->starts[graph->nodes[n].inputs[i]]] =
                    (int)n;
    return 0;
}

static int
s_init(growth_t *self, const graph_t *graph, const cut_rates_t *rates,
       fault_t *fault)
{
    size_t values = graph->values_count;
    *self = (growth_t){.graph = graph, .rates = rates};
    self->types = shape_types_new(graph, 1, fault);
    self->stacks = mem_new(values, sizeof *self->stacks, fault);
    self->kept = mem_new(values, sizeof *self->kept, fault);
    self->starts = mem_new(values + 1, sizeof *self->starts, fault);
    if (!self->types || !self->stacks || !self->kept || !self->starts)
        return -1;
    for (int i = 0; i < graph->outputs_count; i++)
        self->kept[graph->outputs[i]] = true;
    return s_find_stacks(self, fault) || s_find_readers(self, fault) ? -1 : 0;
}

/* --- sets --- */

bool
place_holds(const place_t *self, size_t node)
{
    return node < self->first || (node - self->first < AHEAD &&
                                  (self->beyond >> (node - self->first) & 1));
}

bool
place_within(const place_t *inner, const place_t *outer)
{
    if (inner->first > outer->first)
        return false;
    size_t ahead = outer->first - inner->first;
    return ahead >= AHEAD || !(inner->beyond >> ahead & ~outer->beyond);
}

static void
s_cross(const growth_t *self, place_t *place, int value, int sign)
{
    const value_type_t *type = &self->types[value];
    uint64_t bytes = cut_crossing_bytes(self->rates, type->dtype, &type->shape);
    place->boundary += sign * (double)bytes;
    place->tensors += sign;
    if (type->known || bytes > self->rates->boundary_bytes_max)
        place->barred += sign;
    if (!self->stacks[value])
        place->loose += sign;
}

/* Whether nobody outside needs a value any longer. */
static bool
s_is_spent(const growth_t *self, const place_t *place, int value)
{
    for (size_t r = self->starts[value]; r < self->starts[value + 1]; r++)
        if (!place_holds(place, (size_t)self->readers[r]))
            return false;
    return !self->kept[value];
}

static place_t
s_grown(const growth_t *self, const place_t *from, size_t index)
{
    const node_t *node = &self->graph->nodes[index];
    node_cost_t cost = shape_cost(self->graph, self->types, (int)index);
    place_t place = *from;
    place.beyond |= (uint64_t)1 << (index - place.first);
    for (; place.beyond & 1; place.beyond >>= 1)
        place.first++;
    place.flop += cost.flop;
    place.bytes += (double)(cost.weight_bytes + cost.activation_bytes);
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE &&
            !s_is_spent(self, &place, node->outputs[i]))
            s_cross(self, &place, node->outputs[i], 1);
    for (int i = 0; i < node->inputs_count; i++)
        if (s_reads(self->graph, node, i) &&
            s_is_spent(self, &place, node->inputs[i]))
            s_cross(self, &place, node->inputs[i], -1);
    return place;
}

static bool
s_is_ready(const growth_t *self, const place_t *place, size_t index)
{
    const node_t *node = &self->graph->nodes[index];
    for (int i = 0; i < node->inputs_count; i++) {
        int producer = node->inputs[i] == GRAPH_NONE
                           ? GRAPH_NONE
                           : self->graph->values[node->inputs[i]].producer;
        if (producer != GRAPH_NONE && !place_holds(place, (size_t)producer))
            return false;
    }
    return true;
}

/* --- levels --- */

static int
s_compare_sets(const void *a, const void *b)
{
    const place_t *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? 1 : -1;
    return (x->beyond > y->beyond) - (x->beyond < y->beyond);
}

static int
s_compare_boundaries(const void *a, const void *b)
{
    const place_t *x = a, *y = b;
    if (x->boundary != y->boundary)
        return x->boundary < y->boundary ? -1 : 1;
    return s_compare_sets(a, b);
}

/* All sets with one node more, into next; the one that follows the given
 * order comes first. */
static size_t
s_next_level(const growth_t *self, const place_t *level, size_t count,
             size_t width, place_t *next)
{
    size_t made = 0, kept = 0;
    for (size_t s = 0; s < count; s++)
        for (size_t i = level[s].first;
             i < self->graph->nodes_count && i - level[s].first < AHEAD; i++)
            if (!place_holds(&level[s], i) && s_is_ready(self, &level[s], i))
                next[made++] = s_grown(self, &level[s], i);
    qsort(next, made, sizeof *next, s_compare_sets);
    for (size_t s = 0; s < made; s++)
        if (kept == 0 || s_compare_sets(&next[s], &next[kept - 1]) != 0)
            next[kept++] = next[s];
    if (kept <= width)
        return kept;
    qsort(next + 1, kept - 1, sizeof *next, s_compare_boundaries);
    return width;
}

static bool
s_may_cross(const place_t *place)
{
    return place->barred == 0 && place->tensors <= TENSORS_MAX;
}

/* Every set that was met, and may be cut behind, in order of size. */
static size_t
s_grow(const growth_t *self, size_t width, place_t *level, place_t *next,
       place_t *places)
{
    size_t nodes = self->graph->nodes_count, count = 0, size = 1;
    place_t none = {0};
    for (int i = 0; i < self->graph->inputs_count; i++)
        if (!s_is_spent(self, &none, self->graph->inputs[i]))
            s_cross(self, &none, self->graph->inputs[i], 1);
    places[count++] = level[0] = none;
    for (size_t n = 1; n <= nodes; n++) {
        size = s_next_level(self, level, size, width, next);
        memcpy(level, next, size * sizeof *level);
        for (size_t s = 0; s < size; s++)
            if (n == nodes || s_may_cross(&level[s]))
                places[count++] = level[s];
    }
    return count;
}

/* Of too many places, the one in each stretch that fewest bytes cross; every
 * second stretch takes it from the given order alone, whose places lie within
 * each other. */
static size_t
s_thin(place_t *places, size_t count)
{
    if (count <= CUT_PLACES_MAX)
        return count;
    size_t kept = 1, inner = count - 2, slots = (CUT_PLACES_MAX - 2) / 2;
    for (size_t s = 0; s < slots; s++) {
        size_t from = 1 + inner * s / slots, to = 1 + inner * (s + 1) / slots;
        size_t best = from, plain = to;
        for (size_t p = from; p < to; p++) {
            if (places[p].boundary < places[best].boundary)
                best = p;
            if (places[p].beyond == 0 &&
                (plain == to || places[p].boundary < places[plain].boundary))
                plain = p;
        }
        place_t two[2] = {places[best < plain ? best : plain],
                          places[best < plain ? plain : best]};
        places[kept++] = two[0];
        if (plain != to && plain != best)
            places[kept++] = two[1];
    }
    places[kept++] = places[count - 1];
    return kept;
}

place_t *
cut_places_new(const graph_t *graph, const cut_rates_t *rates, size_t *count,
               fault_t *fault)
{
    growth_t growth;
    size_t nodes = graph->nodes_count ? graph->nodes_count : 1;
    size_t width = SETS_MAX / nodes < WIDTH_MAX ? SETS_MAX / nodes : WIDTH_MAX;
    width += width == 0;
    place_t *level = NULL, *next = NULL, *places = NULL;
    if (s_init(&growth, graph, rates, fault) == 0) {
        level = mem_new(width, sizeof *level, fault);
        next = mem_new(width * AHEAD, sizeof *next, fault);
        places = mem_new(nodes * width + 1, sizeof *places, fault);
    }
    bool grown = level && next && places;
    if (grown)
        *count = s_thin(places, s_grow(&growth, width, level, next, places));
    else
        free(places);
    s_release(&growth);
    free(level);
    free(next);
    return grown ? places : NULL;
}
