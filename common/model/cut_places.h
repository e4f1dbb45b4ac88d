/* Where a graph may be cut: closed sets of nodes, each with what lies in it
 * and what crosses behind it.
 *
 * A set is closed if it holds everything its nodes depend on. The sets behind
 * which the given order could be cut are only some of them: of two branches
 * the longer may be finished while the other waits, and what crosses then may
 * be smaller than anywhere in the given order.
 *
 *   nodes   ######## #.##.#.. ........     # in the set
 *           ^        ^                     all before `first` are in it;
 *           0        first                 bit i of `beyond`: first + i
 */
#ifndef CONVOY_COMMON_MODEL_CUT_PLACES_H
#define CONVOY_COMMON_MODEL_CUT_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/cut.h"
#include "common/model/graph.h"
#include "common/model/shape.h"

enum { CUT_PLACES_MAX = 2048 };

typedef struct place {
    size_t first;    /* the first node that is not in the set */
    uint64_t beyond; /* bit 0 is 0 */
    double flop;
    double bytes;    /* weights and activations */
    double boundary; /* bytes of one sample that cross here */
    int tensors;     /* that cross here */
    int barred;      /* of them, too large for a frame, or shapes */
    int loose;       /* of them, samples cannot be stacked along axis 0 */
} place_t;

/* At most CUT_PLACES_MAX places, each behind all places within it: the first
 * is before all nodes, the last behind them. What may not cross (more than
 * TENSORS_MAX tensors, one over rates->boundary_bytes_max, a shape) does not
 * cross at any of them. Of more places those stay that fewest bytes cross. */
place_t *cut_places_new(const graph_t *graph, const cut_rates_t *rates,
                        size_t *count, fault_t *fault);

bool place_holds(const place_t *self, size_t node);

/* Whether everything of inner is in outer. */
bool place_within(const place_t *inner, const place_t *outer);

#endif
