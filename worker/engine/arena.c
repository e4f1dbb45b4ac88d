/* Where each operand of a plan lies.
 *
 * Places are put one after the other at the lowest offset that is free while
 * they live, those with the longest life first. Whoever then ends highest is
 * put earlier, and all are placed anew, until the arena is as small as what
 * lives together at one time, or the tries are used up.
 */
#include "worker/engine/arena.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/engine/share.h"

enum {
    PLACE_ALIGNMENT = 64,
    TRIES_MAX = 128,
    COMPARISONS_MAX = 1 << 26, /* of all tries */
};

/* The place of a group of operands that share bytes. */
typedef struct place {
    size_t root;
    size_t first, last; /* of its life, in steps */
    size_t bytes;
    size_t offset;
    size_t best; /* its offset in the smallest arena so far */
} place_t;

/* 0 where that is more than memory has. */
static size_t
s_place_bytes(const plan_t *plan, const operand_t *operand)
{
    size_t samples = operand->batched ? plan->batch_max : 1, bytes;
    if (!mem_mul(operand->bytes, samples, &bytes) ||
        !mem_add(bytes, PLACE_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / PLACE_ALIGNMENT * PLACE_ALIGNMENT;
}

static int
s_check_sizes(const plan_t *plan, fault_t *fault)
{
    size_t total = 0;
    for (size_t i = 0; i < plan->operands_count; i++) {
        const operand_t *operand = &plan->operands[i];
        size_t bytes = s_place_bytes(plan, operand);
        if ((operand->bytes > 0 && bytes == 0) ||
            !mem_add(total, bytes, &total))
            return fault_set(fault, FAULT_MEMORY,
                             "tensor '%s' of %zu samples does not fit into "
                             "memory",
                             operand->name, plan->batch_max);
    }
    return 0;
}

static int
s_by_life(const void *a, const void *b)
{
    const place_t *x = *(place_t *const *)a, *y = *(place_t *const *)b;
    size_t x_life = x->last - x->first, y_life = y->last - y->first;
    if (x_life != y_life)
        return x_life < y_life ? 1 : -1;
    return x->root < y->root ? -1 : x->root > y->root;
}

static bool
s_together(const place_t *a, const place_t *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* `placed` is in order of offset; the place is inserted there. */
static void
s_insert(place_t **placed, size_t count, place_t *place)
{
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (!s_together(placed[i], place))
            continue;
        if (placed[i]->offset >= offset + place->bytes)
            break;
        size_t end = placed[i]->offset + placed[i]->bytes;
        offset = end > offset ? end : offset;
    }
    place->offset = offset;
    size_t at = count;
    for (; at > 0 && placed[at - 1]->offset > offset; at--)
        placed[at] = placed[at - 1];
    placed[at] = place;
}

/* Which one of `order` ends highest, once all are placed. */
static size_t
s_place_all(place_t *const *order, place_t **placed, size_t count)
{
    size_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        s_insert(placed, i, order[i]);
        if (order[i]->offset + order[i]->bytes >
            order[highest]->offset + order[highest]->bytes)
            highest = i;
    }
    return highest;
}

/* The largest sum of places that live together: no arena is smaller. */
static size_t
s_least(place_t *const *order, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t sum = 0; /* when this one begins */
        for (size_t k = 0; k < count; k++)
            if (order[k]->first <= order[i]->first &&
                order[i]->first <= order[k]->last)
                sum += order[k]->bytes;
        most = sum > most ? sum : most;
    }
    return most;
}

/* Fill in the best offsets; the bytes of the arena. */
static size_t
s_search(place_t **order, place_t **placed, size_t count)
{
    size_t least = s_least(order, count), best = SIZE_MAX;
    size_t tries = COMPARISONS_MAX / (count * count + 1);
    tries = tries > TRIES_MAX ? TRIES_MAX : tries;
    do {
        size_t highest = s_place_all(order, placed, count);
        place_t *place = order[highest];
        if (place->offset + place->bytes < best) {
            best = place->offset + place->bytes;
            for (size_t i = 0; i < count; i++)
                order[i]->best = order[i]->offset;
        }
        size_t earlier = highest / 2;
        memmove(order + earlier + 1, order + earlier,
                (highest - earlier) * sizeof *order);
        order[earlier] = place;
    } while (best > least && tries-- > 0);
    return best;
}

/* places: one an operand, used at the roots; order, placed: room for as many
 * pointers. */
static void
s_place_roots(plan_t *plan, const share_t *shares, place_t *places,
              place_t **order, place_t **placed)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->operands_count; i++) {
        if (shares[i].parent != i || !shares[i].placed ||
            plan->operands[i].constant)
            continue;
        places[i] = (place_t){
            .root = i,
            .first = shares[i].first,
            .last = shares[i].last,
            .bytes = s_place_bytes(plan, &plan->operands[i]),
        };
        order[count++] = &places[i];
    }
    qsort(order, count, sizeof *order, s_by_life);
    plan->arena_bytes = count > 0 ? s_search(order, placed, count) : 0;
}

static void
s_point_operands(plan_t *plan, share_t *shares, const place_t *places)
{
    for (size_t i = 0; i < plan->operands_count; i++) {
        size_t offset, root = shares_root(shares, i, &offset);
        operand_t *operand = &plan->operands[i];
        operand->stride = operand->batched ? plan->operands[root].bytes : 0;
        plan->offsets[i] = shares[root].placed && !plan->operands[root].constant
                               ? places[root].best + offset
                               : PLAN_NO_PLACE;
    }
}

static void
s_drop_idle(plan_t *plan, const graph_t *graph, share_t *shares)
{
    for (size_t i = 0; i < plan->steps_count; i++)
        if (shares_make_idle(plan, graph, shares, &plan->steps[i]))
            plan->steps[i].op = NULL;
    plan_close_gaps(plan);
}

int
arena_lay_out(plan_t *plan, const graph_t *graph, fault_t *fault)
{
    size_t count = plan->operands_count;
    share_t *shares = shares_new(plan, graph, fault);
    place_t *places = mem_new(count, sizeof *places, fault);
    place_t **order = mem_new(2 * count, sizeof(place_t *), fault);
    plan->offsets = mem_new(count, sizeof *plan->offsets, fault);
    int result = shares && places && order && plan->offsets
                     ? s_check_sizes(plan, fault)
                     : -1;
    if (result == 0) {
        s_place_roots(plan, shares, places, order, order + count);
        s_point_operands(plan, shares, places);
        s_drop_idle(plan, graph, shares);
    }
    free(shares);
    free(places);
    free(order);
    return result;
}
