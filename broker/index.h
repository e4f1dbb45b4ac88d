/* From a hash to the number of a table's row: open addressing with linear
 * probing and no tombstones. The rows hold the keys; the caller says whether
 * a row with the right hash is the one it means.
 */
#ifndef CONVOY_BROKER_INDEX_H
#define CONVOY_BROKER_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"

enum { INDEX_NONE = 0xffffffff };

typedef struct index_entry {
    uint64_t hash;
    uint32_t row; /* 1 + number, 0 for an empty place */
} index_entry_t;

typedef struct index {
    index_entry_t *entries;
    uint32_t mask; /* places - 1, a power of two over twice the capacity */
    uint32_t count;
    uint32_t capacity;
} index_t;

/* Is this row of `table` the one with `key`? */
typedef bool index_match_t(const void *table, uint32_t row, const void *key);

int index_init(index_t *self, uint32_t capacity, fault_t *fault);
void index_release(index_t *self);

/* The row, or INDEX_NONE. */
uint32_t index_find(const index_t *self, uint64_t hash, index_match_t *match,
                    const void *table, const void *key);

/* The row must not be in it yet under this hash, and there must be room. */
void index_add(index_t *self, uint64_t hash, uint32_t row);
/* The row must be in it under this hash. */
void index_remove(index_t *self, uint64_t hash, uint32_t row);

#endif
