/* Allocation with a fault instead of a crash. */
#include "common/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    MEM_ALIGNMENT = 64,
    MEM_CAPACITY_MIN = 8,
    MEM_HUGE_PAGE = 2 << 20,
    MEM_HUGE_MIN = 2 * MEM_HUGE_PAGE, /* bytes that gain from huge pages */
};

static int
s_refused(fault_t *fault, size_t count, size_t size)
{
    return fault_set(fault, FAULT_MEMORY,
                     "out of memory: %zu x %zu bytes refused", count, size);
}

void *
mem_new(size_t count, size_t size, fault_t *fault)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory)
        s_refused(fault, count, size);
    return memory;
}

int
mem_grow(void *array, size_t *capacity, size_t needed, size_t size,
         fault_t *fault)
{
    void *old;
    memcpy(&old, array, sizeof old);
    if (needed <= *capacity)
        return 0;

    size_t grown = *capacity ? *capacity : MEM_CAPACITY_MIN;
    while (grown < needed) {
        if (grown > SIZE_MAX / 2)
            return s_refused(fault, needed, size);
        grown *= 2;
    }
    size_t bytes;
    if (!mem_mul(grown, size, &bytes))
        return s_refused(fault, grown, size);
    void *memory = realloc(old, bytes);
    if (!memory)
        return s_refused(fault, grown, size);
    memset((char *)memory + *capacity * size, 0, (grown - *capacity) * size);
    memcpy(array, &memory, sizeof memory);
    *capacity = grown;
    return 0;
}

char *
mem_text(const char *text, size_t size, fault_t *fault)
{
    size_t bytes;
    if (!mem_add(size, 1, &bytes)) {
        s_refused(fault, size, 1);
        return NULL;
    }
    char *copy = mem_new(bytes, 1, fault);
    if (copy && size)
        memcpy(copy, text, size);
    return copy;
}

void *
mem_aligned(size_t bytes, fault_t *fault)
{
    size_t padded;
    if (!mem_add(bytes ? bytes : 1, MEM_ALIGNMENT - 1, &padded)) {
        s_refused(fault, bytes, 1);
        return NULL;
    }
    padded -= padded % MEM_ALIGNMENT;
    bool huge = padded >= MEM_HUGE_MIN;
    void *memory = NULL; /* aligned_alloc wants multiples */
    if (posix_memalign(&memory, huge ? MEM_HUGE_PAGE : MEM_ALIGNMENT, padded))
        s_refused(fault, bytes, 1);
    else if (huge)
        madvise(memory, padded, MADV_HUGEPAGE); /* a wish: it may fail */
    return memory;
}

bool
mem_mul(size_t a, size_t b, size_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

bool
mem_add(size_t a, size_t b, size_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}
