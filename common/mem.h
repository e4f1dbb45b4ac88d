/* Allocation with a fault instead of a crash, and checked size arithmetic.
 *
 * Sizes that come from a peer or a file are compared with a named limit before
 * they get here; the checks below are the second fence.
 */
#ifndef CONVOY_COMMON_MEM_H
#define CONVOY_COMMON_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"

/* count * size zeroed bytes (at least one), or NULL with FAULT_MEMORY. The
 * caller releases them with free(). */
void *mem_new(size_t count, size_t size, fault_t *fault);

/* Grow *array (NULL at first) so that it holds at least `needed` elements of
 * `size` bytes: doubles *capacity, zeroes what is new. Returns 0, or -1 with
 * FAULT_MEMORY and everything as it was. */
int mem_grow(void *array, size_t *capacity, size_t needed, size_t size,
             fault_t *fault);

/* A copy of `size` bytes followed by a NUL byte, or NULL with FAULT_MEMORY. */
char *mem_text(const char *text, size_t size, fault_t *fault);

/* bytes aligned to 64 (one cache line, the widest vector), not zeroed, or NULL
 * with FAULT_MEMORY. Many bytes ask for huge pages: weights are read from end
 * to end in every run. Released with free(). */
void *mem_aligned(size_t bytes, fault_t *fault);

/* *result = a * b (or a + b); false where that does not fit a size_t. */
bool mem_mul(size_t a, size_t b, size_t *result);
bool mem_add(size_t a, size_t b, size_t *result);

#endif
