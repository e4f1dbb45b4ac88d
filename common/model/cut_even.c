/* The even cut: places found by cut_places, chosen by dynamic programming.
 *
 * Why even cuts have a say where a slightly faster one exists, and what is
 * minimised in which order: docs/decisions/115-fast-even-narrow.md. */
#include "common/model/cut.h"

#include <float.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/model/cut_places.h"

/* A tenth: what even and fast may be missed by. */
static const double SLACK = 0.1;

/* The best way to cut up to a place: what is minimised, and the place before.
 */
typedef struct cell {
    double bytes; /* of all boundaries so far; DBL_MAX: no way */
    double slowest_s;
    double squares; /* of all parts' seconds, summed: less is more even */
    size_t from;
} cell_t;

typedef struct search {
    const cut_rates_t *rates;
    const place_t *places;
    size_t count;
    int parts;
    double mean_s; /* of a part's computing, for a machine of the rates */
    double shares; /* the sum of all */
    bool narrow;   /* fewest bytes first, else the fastest first */
    bool even;     /* even cuts only */
    bool stacked;  /* only where all tensors that cross can be stacked */
    double seconds_max;
    cell_t *cells; /* [place][part]: part ends at place */
} search_t;

static double
s_compute_s(const search_t *self, const place_t *from, const place_t *to)
{
    return cut_compute_s(self->rates, to->flop - from->flop,
                         to->bytes - from->bytes);
}

/* What a part would compute if every machine had its share. */
static double
s_fair_s(const search_t *self, int part)
{
    return self->mean_s * self->parts * cut_share(self->rates, part) /
           self->shares;
}

static bool
s_is_even(const search_t *self, int part, const place_t *from,
          const place_t *to)
{
    double ideal = 0;
    for (int k = 0; k <= part; k++)
        ideal += s_fair_s(self, k);
    double off = s_compute_s(self, &self->places[0], to) - ideal;
    double room = SLACK * self->mean_s;
    return s_compute_s(self, from, to) <= (1 + SLACK) * s_fair_s(self, part) &&
           (part == self->parts - 1 || (off <= room && off >= -room));
}

/* Squares decide between equals only, so it does no harm that they are not
 * minimised beyond the way that is the best by the other two. */
static bool
s_is_better(const search_t *self, const cell_t *a, const cell_t *b)
{
    double bytes = a->bytes - b->bytes, slowest = a->slowest_s - b->slowest_s;
    double first = self->narrow ? bytes : slowest;
    double second = self->narrow ? slowest : bytes;
    if (first != 0)
        return first < 0;
    return second != 0 ? second < 0 : a->squares < b->squares;
}

/* Part `part` from one place to another, behind the best way to the first. */
static void
s_relax(search_t *self, int part, size_t from, size_t to)
{
    const place_t *start = &self->places[from], *end = &self->places[to];
    const cell_t nothing = {0}, *before = &nothing;
    if (part > 0)
        before = &self->cells[from * (size_t)self->parts + (size_t)part - 1];
    if (before->bytes == DBL_MAX)
        return;
    double seconds =
        cut_part_s(self->rates, part, end->flop - start->flop,
                   end->bytes - start->bytes, start->boundary + end->boundary);
    if (seconds > self->seconds_max ||
        (self->even && !s_is_even(self, part, start, end)))
        return;
    cell_t way = {before->bytes + end->boundary, before->slowest_s,
                  before->squares + seconds * seconds, from};
    if (seconds > way.slowest_s)
        way.slowest_s = seconds;
    cell_t *cell = &self->cells[to * (size_t)self->parts + (size_t)part];
    if (s_is_better(self, &way, cell))
        *cell = way;
}

/* The best cut, or NULL where there is none; parts that can be had at most go
 * to *most. Places within a place stand before it. */
static const cell_t *
s_search(search_t *self, int *most)
{
    size_t parts = (size_t)self->parts, end = self->count - 1;
    for (size_t c = 0; c < self->count * parts; c++)
        self->cells[c] = (cell_t){DBL_MAX, DBL_MAX, DBL_MAX, 0};
    for (size_t p = 1; p < self->count; p++) {
        if (self->stacked && self->places[p].loose > 0 && p < end)
            continue;
        for (size_t q = 0; q < p; q++) {
            if (!place_within(&self->places[q], &self->places[p]))
                continue;
            for (int k = q > 0; k < (q > 0 ? self->parts : 1); k++)
                s_relax(self, k, q, p);
        }
    }
    *most = 0;
    for (int k = 0; k < self->parts; k++)
        if (self->cells[end * parts + (size_t)k].bytes < DBL_MAX)
            *most = k + 1;
    return *most == self->parts ? &self->cells[end * parts + parts - 1] : NULL;
}

/* The fastest cut; if an even one is nearly as fast, the narrowest of those. */
static bool
s_choose(search_t *self, int *most)
{
    self->narrow = self->even = false;
    self->seconds_max = DBL_MAX;
    const cell_t *fastest = s_search(self, most);
    if (!fastest)
        return false;
    double seconds = fastest->slowest_s;
    int ignored;
    self->narrow = self->even = true;
    self->seconds_max = seconds * (1 + SLACK);
    if (s_search(self, &ignored))
        return true;
    self->even = false;
    self->seconds_max = seconds;
    return s_search(self, &ignored) != NULL;
}

static void
s_apply(const search_t *self, graph_t *graph)
{
    size_t parts = (size_t)self->parts, place = self->count - 1;
    for (size_t n = 0; n < graph->nodes_count; n++)
        graph->nodes[n].part = self->parts - 1;
    for (size_t k = parts - 1; k > 0; k--) {
        place = self->cells[place * parts + k].from;
        for (size_t n = 0; n < graph->nodes_count; n++)
            graph->nodes[n].part -= place_holds(&self->places[place], n);
    }
}

static int
s_cut(search_t *self, graph_t *graph, fault_t *fault)
{
    int most = 0;
    for (int k = 0; k < self->parts; k++)
        self->shares += cut_share(self->rates, k);
    self->mean_s =
        s_compute_s(self, &self->places[0], &self->places[self->count - 1]) /
        self->parts;
    /* Batches are worth more than a better place without them. */
    self->stacked = true;
    bool chosen = s_choose(self, &most);
    if (!chosen) {
        self->stacked = false;
        chosen = s_choose(self, &most);
    }
    if (!chosen)
        return fault_set(fault, FAULT_CONFIG,
                         "parts = %d: the network has only %d places to cut",
                         self->parts, most > 0 ? most - 1 : 0);
    s_apply(self, graph);
    return 0;
}

int
cut_evenly(graph_t *graph, int parts, const cut_rates_t *rates, fault_t *fault)
{
    if (parts < 1 || parts > CUT_PARTS_MAX)
        return fault_set(fault, FAULT_CONFIG, "parts = %d is not 1 to %d",
                         parts, CUT_PARTS_MAX);
    search_t search = {.rates = rates, .parts = parts};
    place_t *places = cut_places_new(graph, rates, &search.count, fault);
    search.places = places;
    search.cells = places ? mem_new(search.count * (size_t)parts,
                                    sizeof *search.cells, fault)
                          : NULL;
    int result = search.cells ? s_cut(&search, graph, fault) : -1;
    free(places);
    free(search.cells);
    return result;
}
