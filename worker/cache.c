/* Parts on disk under their SHA-256. */
#include "worker/cache.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/logger.h"
#include "common/mem.h"

enum {
    BLOCK_BYTES = 1 << 18,
    STALE_S = 24 * 3600, /* a download that old died with its worker */
};

struct cache {
    char *folder; /* NULL: nothing is kept */
};

struct download {
    digest_t digest;
    uint64_t bytes;
    int file;
    char *path; /* of the temporary file, NULL for one in memory */
};

/* --- files --- */

static char *
s_entry_path(const cache_t *self, const digest_t *digest, fault_t *fault)
{
    char hex[DIGEST_HEX + 1];
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", self->folder,
                          digest_text(digest, hex, DIGEST_HEX));
    assert(length > 0 && (size_t)length < sizeof path);
    return mem_text(path, (size_t)length, fault);
}

/* A blob over an open file: opened a second time by its descriptor, so it is
 * this very file whatever its name means by now. */
static blob_t *
s_blob(int file, fault_t *fault)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return blob_open(path, fault);
}

/* Whether a blob's bytes are those of a digest; -1 where they cannot be
 * read. */
static int
s_is_genuine(const blob_t *blob, const digest_t *digest, fault_t *fault)
{
    uint8_t *block = mem_new(1, BLOCK_BYTES, fault);
    if (!block)
        return -1;
    digester_t digester;
    digester_init(&digester);
    uint64_t total = blob_bytes(blob);
    int result = 0;
    for (uint64_t at = 0; at < total && result == 0; at += BLOCK_BYTES) {
        uint64_t left = total - at;
        size_t size = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        result = blob_read(blob, at, block, size, fault);
        if (result == 0)
            digester_add(&digester, block, size);
    }
    free(block);
    if (result != 0)
        return -1;
    digest_t found;
    digester_finish(&digester, &found);
    return digest_equal(&found, digest);
}

/* --- the folder --- */

/* Remove what workers left that died in the middle of a download. */
static void
s_sweep(const cache_t *self)
{
    DIR *folder = opendir(self->folder);
    if (!folder)
        return;
    time_t now = time(NULL);
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat status;
        if (entry->d_name[0] == '.' &&
            strspn(entry->d_name + 1, "0123456789abcdef") == DIGEST_HEX &&
            fstatat(dirfd(folder), entry->d_name, &status,
                    AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && now - status.st_mtime > STALE_S)
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
}

cache_t *
cache_open(const char *folder, fault_t *fault)
{
    cache_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    char path[PATH_MAX - DIGEST_HEX - 64] = "";
    fault_t problem = {0};
    bool usable;
    if (!folder)
        usable = folder_cache(path, sizeof path, &problem) == 0;
    else if (strlen(folder) >= sizeof path)
        usable = fault_set(&problem, FAULT_SYSTEM, "its name is too long") == 0;
    else {
        strcpy(path, folder);
        usable = folder_make(path, &problem) == 0;
    }
    if (usable && access(path, R_OK | X_OK) != 0)
        usable = fault_set(&problem, FAULT_SYSTEM, "%s: %s", path,
                           strerror(errno)) == 0;
    if (!usable) {
        logger_warning("parts are not kept, the cache cannot be used: %s",
                       problem.text);
        return self;
    }
    self->folder = mem_text(path, strlen(path), fault);
    if (self->folder)
        s_sweep(self);
    else
        cache_close(&self);
    return self;
}

void
cache_close(cache_t **self)
{
    if (*self)
        free((*self)->folder);
    free(*self);
    *self = NULL;
}

const char *
cache_folder(const cache_t *self)
{
    return self->folder;
}

blob_t *
cache_find(cache_t *self, const digest_t *digest, fault_t *fault)
{
    fault_clear(fault);
    if (!self->folder)
        return NULL;
    char *path = s_entry_path(self, digest, fault);
    if (!path)
        return NULL;
    blob_t *blob = NULL;
    fault_t problem = {0};
    if (access(path, F_OK) == 0)
        blob = blob_open(path, &problem);
    if (blob) {
        int genuine = s_is_genuine(blob, digest, &problem);
        if (genuine == 0)
            fault_set(&problem, FAULT_DIGEST, "%s: its bytes have changed",
                      path);
        if (genuine != 1)
            blob_release(&blob);
    }
    if (!blob && problem.code != FAULT_NONE) {
        logger_warning("a cache entry is dropped and fetched again: %s",
                       problem.text);
        unlink(path);
    }
    free(path);
    return blob;
}

void
cache_remove(cache_t *self, const digest_t *digest)
{
    if (!self->folder)
        return;
    char *path = s_entry_path(self, digest, NULL);
    if (path)
        unlink(path);
    free(path);
}

/* --- downloads --- */

static int
s_memory_file(void)
{
    return memfd_create("convoy-part", MFD_CLOEXEC);
}

/* A new temporary file in the folder with room for everything, so that a full
 * disk shows before the first byte. NULL path and -1 where that fails. */
static int
s_disk_file(const cache_t *self, const digest_t *digest, uint64_t bytes,
            char **path)
{
    static atomic_uint serial;
    char hex[DIGEST_HEX + 1];
    char text[PATH_MAX];
    *path = NULL;
    if (!self->folder)
        return -1;
    snprintf(text, sizeof text, "%s/.%s.%ld.%u", self->folder,
             digest_text(digest, hex, DIGEST_HEX), (long)getpid(),
             atomic_fetch_add(&serial, 1));
    int file =
        open(text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = errno;
    if (file >= 0) {
        if (fallocate(file, 0, 0, (off_t)bytes) == 0 || errno == EOPNOTSUPP ||
            errno == ENOSYS)
            *path = mem_text(text, strlen(text), NULL);
        error = errno;
    }
    if (!*path) {
        logger_warning("the part is kept in memory, not in %s: %s",
                       self->folder, strerror(error));
        if (file >= 0) {
            unlink(text);
            close(file);
        }
        return -1;
    }
    return file;
}

download_t *
cache_begin(cache_t *self, const digest_t *digest, uint64_t bytes,
            fault_t *fault)
{
    download_t *download = mem_new(1, sizeof *download, fault);
    if (!download)
        return NULL;
    download->digest = *digest;
    download->bytes = bytes;
    download->file = s_disk_file(self, digest, bytes, &download->path);
    if (download->file < 0)
        download->file = s_memory_file();
    if (download->file < 0) {
        fault_set(fault, FAULT_SYSTEM, "no room to keep a part: %s",
                  strerror(errno));
        download_destroy(&download);
    }
    return download;
}

static int
s_write_all(int file, uint64_t offset, const uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t put = pwrite(file, bytes, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        bytes += put;
        offset += (uint64_t)put;
        size -= (size_t)put;
    }
    return 0;
}

/* Go on in memory with the first `size` bytes of the file on disk. */
static int
s_move_to_memory(download_t *self, uint64_t size, fault_t *fault)
{
    logger_warning("the part is kept in memory, %s: %s", self->path,
                   strerror(errno));
    uint8_t *block = mem_new(1, BLOCK_BYTES, fault);
    blob_t *written = block ? s_blob(self->file, fault) : NULL;
    int file = written ? s_memory_file() : -1;
    int result = file < 0 ? -1 : 0;
    for (uint64_t at = 0; at < size && result == 0; at += BLOCK_BYTES) {
        uint64_t left = size - at;
        size_t count = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        result = blob_read(written, at, block, count, fault);
        if (result == 0)
            result = s_write_all(file, at, block, count);
    }
    blob_release(&written);
    free(block);
    if (result != 0) {
        if (file >= 0)
            close(file);
        return fault_set(fault, FAULT_SYSTEM, "no room to keep a part");
    }
    close(self->file);
    unlink(self->path);
    free(self->path);
    self->path = NULL;
    self->file = file;
    return 0;
}

int
download_write(download_t *self, uint64_t offset, const void *bytes,
               size_t size, fault_t *fault)
{
    assert(offset <= self->bytes && size <= self->bytes - offset);
    if (s_write_all(self->file, offset, bytes, size) == 0)
        return 0;
    if (self->path && s_move_to_memory(self, offset, fault) != 0)
        return -1;
    if (s_write_all(self->file, offset, bytes, size) == 0)
        return 0;
    return fault_set(fault, FAULT_SYSTEM, "a part cannot be kept: %s",
                     strerror(errno));
}

void
download_destroy(download_t **self)
{
    download_t *download = *self;
    *self = NULL;
    if (!download)
        return;
    if (download->file >= 0)
        close(download->file);
    if (download->path)
        unlink(download->path);
    free(download->path);
    free(download);
}

/* Give the finished file its name; a failure costs the next start a fetch. */
static void
s_publish(cache_t *self, download_t *download)
{
    char *path = s_entry_path(self, &download->digest, NULL);
    if (path && fsync(download->file) == 0 &&
        rename(download->path, path) == 0) {
        free(download->path);
        download->path = NULL;
    } else
        logger_warning("the part is not kept in %s: %s", self->folder,
                       strerror(errno));
    free(path);
}

blob_t *
cache_keep(cache_t *self, download_t **download, fault_t *fault)
{
    download_t *whole = *download;
    *download = NULL;
    blob_t *blob = s_blob(whole->file, fault);
    if (blob) {
        int genuine = s_is_genuine(blob, &whole->digest, fault);
        if (genuine == 0)
            fault_set(fault, FAULT_DIGEST,
                      "the part that was fetched has other bytes than its "
                      "digest promises");
        if (genuine != 1)
            blob_release(&blob);
    }
    if (blob && whole->path)
        s_publish(self, whole);
    download_destroy(&whole);
    return blob;
}
