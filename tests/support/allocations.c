/* How often a program has asked for memory. */
#include "tests/support/allocations.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int s_count;

int
allocations_count(void)
{
    return atomic_load(&s_count);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *
malloc(size_t size)
{
    s_count++;
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    s_count++;
    return __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
    s_count++;
    return __libc_realloc(memory, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    s_count++;
    return __libc_memalign(alignment, size);
}

void *
memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int
posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = aligned_alloc(alignment, size);
    return *memory ? 0 : ENOMEM;
}

void *
mmap(void *address, size_t size, int protection, int flags, int file,
     off_t offset)
{
    s_count++;
    long result =
        syscall(SYS_mmap, address, size, protection, flags, file, offset);
    return (void *)result;
}
#endif
