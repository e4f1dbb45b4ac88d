/* Bytes in memory, in a range of an open file or computed, shared by reference
 * count.
 *
 * A slice keeps the source alive, never another slice, so chains of slices
 * cost nothing. */
#include "common/model/blob.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

enum {
    BLOCK = 2048,  /* numbers that are scaled at a time */
    DEPTH_MAX = 4, /* blobs scaled one over the other */
};

/* The open file, the memory itself, or what is scaled. */
typedef struct source {
    size_t references;
    int file; /* or -1 */
    uint8_t *memory;
    blob_t *numbers; /* or NULL */
    dtype_t stored;
    double *factors; /* number i has factors[i / run % count] */
    size_t run, count;
    int depth; /* 1 over what is not scaled */
} source_t;

struct blob {
    size_t references;
    source_t *source;
    uint64_t offset; /* in the source */
    uint64_t bytes;
};

static void
s_release_source(source_t *source)
{
    if (--source->references)
        return;
    if (source->file >= 0)
        close(source->file);
    blob_release(&source->numbers);
    free(source->factors);
    free(source->memory);
    free(source);
}

/* The blob over a new source; takes file and memory, also on failure. */
static blob_t *
s_new(int file, uint8_t *memory, uint64_t bytes, fault_t *fault)
{
    source_t *source = mem_new(1, sizeof *source, fault);
    blob_t *self = source ? mem_new(1, sizeof *self, fault) : NULL;
    if (!self) {
        if (file >= 0)
            close(file);
        free(memory);
        free(source);
        return NULL;
    }
    *source = (source_t){.references = 1, .file = file, .memory = memory};
    *self = (blob_t){.references = 1, .source = source, .bytes = bytes};
    return self;
}

/* Without O_NONBLOCK a FIFO would keep us waiting for a writer. */
enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

/* The blob of a file that open returned, which it takes; a file has `links`
 * names at most (0: any number). */
static blob_t *
s_adopt(int file, const char *path, nlink_t links, fault_t *fault)
{
    struct stat status;
    const char *why = NULL;
    if (file < 0 || fstat(file, &status) != 0)
        why = errno == ELOOP ? "a symbolic link" : strerror(errno);
    else if (!S_ISREG(status.st_mode))
        why = "not a regular file";
    else if (links && status.st_nlink > links)
        why = "a file with several names (hard links)";
    if (!why)
        return s_new(file, NULL, (uint64_t)status.st_size, fault);
    fault_set(fault, FAULT_INPUT, "%.200s: %s", path, why);
    if (file >= 0)
        close(file);
    return NULL;
}

blob_t *
blob_open(const char *path, fault_t *fault)
{
    return s_adopt(open(path, OPEN_FLAGS), path, 0, fault);
}

/* Names between single slashes, none of which leads up. */
static bool
s_is_below(const char *path)
{
    for (;; path++) {
        size_t size = strcspn(path, "/");
        if (size == 0 || size > NAME_MAX ||
            (size == 2 && strncmp(path, "..", size) == 0))
            return false;
        path += size;
        if (!*path)
            return true;
    }
}

/* The folder called by the first `size` bytes of name in another one. */
static int
s_enter(int folder, const char *name, size_t size)
{
    char copy[NAME_MAX + 1];
    memcpy(copy, name, size);
    copy[size] = '\0';
    return openat(folder, copy, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Step by step, so that a link that appears meanwhile is not followed either;
 * openat2 would say it in one call, on kernels and in containers that have
 * it. */
blob_t *
blob_open_below(int folder, const char *path, fault_t *fault)
{
    if (!s_is_below(path))
        return fault_null(fault, FAULT_INPUT,
                          "'%.150s' is not a path below the model's folder",
                          path);
    int at = folder, error;
    const char *name = path, *slash;
    for (; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        int next = s_enter(at, name, (size_t)(slash - name));
        error = errno;
        if (at != folder)
            close(at);
        at = next;
        errno = error;
    }
    int file = at < 0 ? -1 : openat(at, name, OPEN_FLAGS | O_NOFOLLOW);
    error = errno;
    if (at >= 0 && at != folder)
        close(at);
    errno = error;
    return s_adopt(file, path, 1, fault);
}

blob_t *
blob_take(void *memory, size_t bytes, fault_t *fault)
{
    assert(memory || bytes == 0);
    return s_new(-1, memory, bytes, fault);
}

blob_t *
blob_slice(blob_t *whole, uint64_t offset, uint64_t bytes, fault_t *fault)
{
    if (offset > whole->bytes || bytes > whole->bytes - offset)
        return fault_null(fault, FAULT_INPUT,
                          "bytes %llu to %llu lie outside the %llu there are",
                          (unsigned long long)offset,
                          (unsigned long long)(offset + bytes),
                          (unsigned long long)whole->bytes);
    blob_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    *self = (blob_t){.references = 1,
                     .source = whole->source,
                     .offset = whole->offset + offset,
                     .bytes = bytes};
    self->source->references++;
    return self;
}

/* The same bytes in memory. */
static blob_t *
s_copy(const blob_t *self, fault_t *fault)
{
    void *memory = mem_new(self->bytes, 1, fault);
    if (memory && blob_read(self, 0, memory, self->bytes, fault)) {
        free(memory);
        memory = NULL;
    }
    return memory ? blob_take(memory, self->bytes, fault) : NULL;
}

blob_t *
blob_scale(blob_t *numbers, dtype_t stored, size_t run, const double *factors,
           size_t count, fault_t *fault)
{
    uint64_t elements = numbers->bytes / dtype_size(stored);
    assert(run > 0 && count > 0 &&
           numbers->bytes == elements * dtype_size(stored));
    numbers = numbers->source->depth < DEPTH_MAX ? blob_share(numbers)
                                                 : s_copy(numbers, fault);
    double *copy = numbers ? mem_new(count, sizeof *copy, fault) : NULL;
    blob_t *self =
        copy ? s_new(-1, NULL, elements * sizeof(float), fault) : NULL;
    if (!self) {
        blob_release(&numbers);
        free(copy);
        return NULL;
    }
    memcpy(copy, factors, count * sizeof *copy);
    source_t *source = self->source;
    source->numbers = numbers;
    source->stored = stored;
    source->factors = copy;
    source->run = run;
    source->count = count;
    source->depth = numbers->source->depth + 1;
    return self;
}

blob_t *
blob_share(blob_t *self)
{
    self->references++;
    return self;
}

void
blob_release(blob_t **self)
{
    blob_t *blob = *self;
    *self = NULL;
    if (!blob || --blob->references)
        return;
    s_release_source(blob->source);
    free(blob);
}

uint64_t
blob_bytes(const blob_t *self)
{
    return self->bytes;
}

/* pread until everything is there: it may return less than asked for. */
static int
s_read_file(int file, uint64_t offset, char *to, size_t size, fault_t *fault)
{
    while (size) {
        ssize_t got = pread(file, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_set(fault, FAULT_INPUT, "cannot read: %s",
                             strerror(errno));
        if (got == 0)
            return fault_set(fault, FAULT_INPUT,
                             "the file became shorter while it was read");
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

/* Numbers from `first` on. */
static int
s_scale(const source_t *source, uint64_t first, float *to, size_t count,
        fault_t *fault)
{
    uint8_t stored[BLOCK * sizeof(double)];
    double numbers[BLOCK];
    size_t size = dtype_size(source->stored);
    if (blob_read(source->numbers, first * size, stored, count * size, fault))
        return -1;
    tensor_convert(DTYPE_FLOAT64, numbers, source->stored, stored, count);
    size_t at = (size_t)(first / source->run % source->count);
    size_t left = source->run - (size_t)(first % source->run);
    for (size_t i = 0; i < count; i++) {
        to[i] = (float)(numbers[i] * source->factors[at]);
        if (--left == 0) {
            left = source->run;
            at = at + 1 < source->count ? at + 1 : 0;
        }
    }
    return 0;
}

/* Whole floats at a time, whatever bytes are asked for. */
static int
s_read_scaled(const source_t *source, uint64_t offset, char *to, size_t size,
              fault_t *fault)
{
    float block[BLOCK];
    uint64_t floats = source->numbers->bytes / dtype_size(source->stored);
    while (size) {
        uint64_t first = offset / sizeof *block;
        size_t skip = (size_t)(offset % sizeof *block);
        size_t count =
            floats - first < BLOCK ? (size_t)(floats - first) : BLOCK;
        if (s_scale(source, first, block, count, fault))
            return -1;
        size_t got = count * sizeof *block - skip;
        got = got < size ? got : size;
        memcpy(to, (const char *)block + skip, got);
        to += got;
        offset += got;
        size -= got;
    }
    return 0;
}

int
blob_read(const blob_t *self, uint64_t offset, void *to, size_t size,
          fault_t *fault)
{
    if (offset > self->bytes || size > self->bytes - offset)
        return fault_set(
            fault, FAULT_INPUT, "%zu bytes at %llu wanted, only %llu there",
            size, (unsigned long long)offset, (unsigned long long)self->bytes);
    const source_t *source = self->source;
    if (source->file >= 0)
        return s_read_file(source->file, self->offset + offset, to, size,
                           fault);
    if (source->numbers)
        return s_read_scaled(source, self->offset + offset, to, size, fault);
    if (size)
        memcpy(to, source->memory + self->offset + offset, size);
    return 0;
}
