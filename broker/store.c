/* The part files a broker hands out.
 *
 *   CACHE/broker-parts-XXXXXX/     locked (flock) while its broker lives
 */
#include "broker/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/mem.h"

enum { BLOCK_BYTES = 1 << 20 };

#define FOLDER_PREFIX "broker-parts-"

typedef struct stored {
    int file;
    uint64_t bytes;
} stored_t;

struct store {
    char folder[PATH_MAX];
    int lock; /* the folder, locked; -1 after sealing */
    stored_t parts[STORE_PARTS_MAX];
    int parts_count;
};

/* --- folders ------------------------------------------------------------ */

/* Files only: nobody makes folders in there. */
static void
s_remove_folder(const char *folder)
{
    char path[PATH_MAX + NAME_MAX + 2];
    DIR *listing = opendir(folder);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(path);
    }
    closedir(listing);
    rmdir(folder);
}

/* The folder's lock, or -1 where a living broker holds it. */
static int
s_lock(const char *folder)
{
    int lock = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0) {
        close(lock);
        lock = -1;
    }
    return lock;
}

/* What brokers left that were killed while they wrote their parts. */
static void
s_sweep(const char *cache)
{
    char path[PATH_MAX + NAME_MAX + 2];
    DIR *listing = opendir(cache);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", cache, entry->d_name);
        int lock = s_lock(path);
        if (lock < 0)
            continue;
        s_remove_folder(path);
        close(lock);
    }
    closedir(listing);
}

/* Between mkdtemp and the lock another broker's sweep may take the folder. */
static int
s_make_folder(store_t *self, const char *cache, fault_t *fault)
{
    for (int tries = 0; tries < 8; tries++) {
        int length = snprintf(self->folder, sizeof self->folder, "%s/%sXXXXXX",
                              cache, FOLDER_PREFIX);
        if (length < 0 || (size_t)length >= sizeof self->folder)
            return fault_set(fault, FAULT_SYSTEM,
                             "the cache folder's name is too long");
        if (!mkdtemp(self->folder))
            return fault_set(fault, FAULT_SYSTEM, "%s cannot be made: %s",
                             self->folder, strerror(errno));
        self->lock = s_lock(self->folder);
        struct stat opened;
        if (self->lock >= 0 && fstat(self->lock, &opened) == 0 &&
            opened.st_nlink > 0 && access(self->folder, F_OK) == 0)
            return 0;
        if (self->lock >= 0)
            close(self->lock);
        self->lock = -1;
    }
    return fault_set(fault, FAULT_SYSTEM, "no folder can be kept in %s", cache);
}

store_t *
store_new(const char *cache, fault_t *fault)
{
    char found[PATH_MAX];
    if (!cache && folder_cache(found, sizeof found, fault) != 0)
        return NULL;
    if (cache && folder_make(cache, fault) != 0)
        return NULL;
    store_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->lock = -1;
    s_sweep(cache ? cache : found);
    if (s_make_folder(self, cache ? cache : found, fault) != 0)
        store_destroy(&self);
    return self;
}

void
store_destroy(store_t **self)
{
    if (!*self)
        return;
    store_seal(*self);
    for (int i = 0; i < (*self)->parts_count; i++)
        close((*self)->parts[i].file);
    free(*self);
    *self = NULL;
}

const char *
store_folder(const store_t *self)
{
    return self->folder;
}

void
store_seal(store_t *self)
{
    if (self->lock < 0)
        return;
    s_remove_folder(self->folder);
    close(self->lock);
    self->lock = -1;
}

/* --- parts -------------------------------------------------------------- */

int
store_add(store_t *self, const char *path, uint64_t bytes, fault_t *fault)
{
    assert(self->parts_count < STORE_PARTS_MAX);
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return fault_set(fault, FAULT_SYSTEM, "%s cannot be opened: %s", path,
                         strerror(errno));
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size != bytes) {
        close(file);
        return fault_set(fault, FAULT_SYSTEM,
                         "%s is not the file of %llu bytes it should be", path,
                         (unsigned long long)bytes);
    }
    self->parts[self->parts_count] = (stored_t){.file = file, .bytes = bytes};
    return self->parts_count++;
}

uint64_t
store_bytes(const store_t *self, int part)
{
    assert(part >= 0 && part < self->parts_count);
    return self->parts[part].bytes;
}

int
store_read(const store_t *self, int part, uint64_t offset, void *to,
           size_t size, fault_t *fault)
{
    assert(part >= 0 && part < self->parts_count);
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(self->parts[part].file, (char *)to + done,
                            size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fault_set(fault, FAULT_SYSTEM,
                             "the file of part %d cannot be read at %llu: %s",
                             part, (unsigned long long)(offset + done),
                             got < 0 ? strerror(errno) : "it ends there");
        done += (size_t)got;
    }
    return 0;
}

/* --- export ------------------------------------------------------------- */

static int
s_copy(const store_t *self, int part, FILE *file, const char *path,
       fault_t *fault)
{
    void *block = mem_new(BLOCK_BYTES, 1, fault);
    if (!block)
        return -1;
    int result = 0;
    uint64_t bytes = self->parts[part].bytes;
    for (uint64_t offset = 0; offset < bytes && result == 0;) {
        size_t size = bytes - offset < BLOCK_BYTES ? (size_t)(bytes - offset)
                                                   : BLOCK_BYTES;
        result = store_read(self, part, offset, block, size, fault);
        if (result == 0 && fwrite(block, 1, size, file) != size)
            result = fault_set(fault, FAULT_SYSTEM, "%s cannot be written: %s",
                               path, strerror(errno));
        offset += size;
    }
    free(block);
    return result;
}

static int
s_export_part(const store_t *self, int part, const char *folder, fault_t *fault)
{
    char path[PATH_MAX], partial[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/part-%d.onnx", folder, part);
    int longer = snprintf(partial, sizeof partial, "%s/part-%d.onnx.partial",
                          folder, part);
    if (length < 0 || longer < 0 || (size_t)longer >= sizeof partial)
        return fault_set(fault, FAULT_SYSTEM,
                         "the folder's name is too long for the parts in it");
    FILE *file = fopen(partial, "wb");
    if (!file)
        return fault_set(fault, FAULT_SYSTEM, "%s cannot be written: %s", path,
                         strerror(errno));
    int result = s_copy(self, part, file, path, fault);
    if (fclose(file) != 0 && result == 0)
        result = fault_set(fault, FAULT_SYSTEM, "%s cannot be written: %s",
                           path, strerror(errno));
    if (result == 0 && rename(partial, path) != 0)
        result = fault_set(fault, FAULT_SYSTEM, "%s cannot be written: %s",
                           path, strerror(errno));
    if (result != 0)
        unlink(partial);
    return result;
}

/* The number of "part-N.onnx" as it is written here, with `end` behind it;
 * else -1. */
static int
s_part_number(const char *name, const char *end)
{
    static const char prefix[] = "part-";
    size_t at = sizeof prefix - 1, digits = 0;
    if (strncmp(name, prefix, at) != 0)
        return -1;
    digits = strspn(name + at, "0123456789");
    bool plain = digits > 0 && digits < 5 && (name[at] != '0' || digits == 1);
    return plain && strcmp(name + at + digits, end) == 0 ? atoi(name + at) : -1;
}

/* What is there may only be an earlier export. */
static int
s_check_export(const char *folder, fault_t *fault)
{
    DIR *listing = opendir(folder);
    if (!listing)
        return fault_set(fault, FAULT_SYSTEM, "%s cannot be read: %s", folder,
                         strerror(errno));
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(listing)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            s_part_number(name, ".onnx") < 0 &&
            s_part_number(name, ".onnx.partial") < 0)
            result = fault_set(fault, FAULT_USAGE,
                               "--export %s: there is '%.60s' in it; give a "
                               "folder that is new, empty, or of an earlier "
                               "export",
                               folder, name);
    }
    closedir(listing);
    return result;
}

/* Parts that this model does not have any more, and halves of parts. */
static int
s_remove_stale(const store_t *self, const char *folder, fault_t *fault)
{
    char path[PATH_MAX + NAME_MAX + 2];
    DIR *listing = opendir(folder);
    int result = 0;
    struct dirent *entry;
    while (listing && result == 0 && (entry = readdir(listing)) != NULL) {
        const char *name = entry->d_name;
        if (s_part_number(name, ".onnx") < self->parts_count &&
            s_part_number(name, ".onnx.partial") < 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (unlink(path) != 0 && errno != ENOENT)
            result = fault_set(fault, FAULT_SYSTEM, "%s cannot be removed: %s",
                               path, strerror(errno));
    }
    if (listing)
        closedir(listing);
    return result;
}

int
store_export(const store_t *self, const char *folder, fault_t *fault)
{
    if (folder_make(folder, fault) != 0 || s_check_export(folder, fault) != 0)
        return -1;
    for (int i = 0; i < self->parts_count; i++)
        if (s_export_part(self, i, folder, fault) != 0)
            return -1;
    return s_remove_stale(self, folder, fault);
}
