/* Bytes in memory or in a range of an open file, shared by reference count.
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

/* The open file or the memory itself. */
typedef struct source {
    size_t references;
    int file; /* -1: memory */
    uint8_t *memory;
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
    if (size)
        memcpy(to, source->memory + self->offset + offset, size);
    return 0;
}
