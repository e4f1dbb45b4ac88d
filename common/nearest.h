/* "Did you mean": the known word nearest to one that was mistyped. */
#ifndef CONVOY_COMMON_NEAREST_H
#define CONVOY_COMMON_NEAREST_H

#include <stddef.h>

/* The smallest number of inserted, removed, replaced or swapped characters
 * that turns a into b; words over 63 bytes are only compared that far. */
size_t nearest_distance(const char *a, const char *b);

/* Keeps the best candidate so far: start with a zeroed one, offer every known
 * word, then take the answer, NULL where none is near enough. */
typedef struct nearest {
    const char *best;
    size_t distance;
} nearest_t;

void nearest_offer(nearest_t *self, const char *word, const char *known);
const char *nearest_answer(const nearest_t *self);

#endif
