/* Folders that Convoy makes for itself. */
#include "common/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
folder_make(const char *path, fault_t *fault)
{
    char prefix[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof prefix)
        return fault_set(fault, FAULT_SYSTEM,
                         "a folder's name has %zu bytes; 1 to %zu are possible",
                         size, sizeof prefix - 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (mkdir(prefix, 0700) == 0 || errno == EEXIST)
            continue;
        /* A read-only file system says so even for what is there. */
        int reason = errno;
        if (access(prefix, F_OK) != 0)
            return fault_set(fault, FAULT_SYSTEM, "%s cannot be made: %s",
                             prefix, strerror(reason));
    }
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return fault_set(fault, FAULT_SYSTEM, "%s is not a folder", path);
    return 0;
}

/* The folder below an environment variable that holds an absolute path. */
static bool
s_below(const char *variable, const char *suffix, char *text, size_t size)
{
    const char *base = getenv(variable);
    if (!base || base[0] != '/')
        return false;
    int length = snprintf(text, size, "%s/%s", base, suffix);
    return length > 0 && (size_t)length < size &&
           folder_make(text, NULL) == 0 && access(text, W_OK | X_OK) == 0;
}

/* Everybody may write where temporary files are: make sure it is ours. */
static int
s_temporary(char *text, size_t size, fault_t *fault)
{
    const char *base = getenv("TMPDIR");
    if (!base || base[0] != '/')
        base = P_tmpdir;
    int length =
        snprintf(text, size, "%s/convoy-%u", base, (unsigned)geteuid());
    if (length <= 0 || (size_t)length >= size)
        return fault_set(fault, FAULT_SYSTEM, "TMPDIR is too long");
    if (folder_make(text, fault) != 0)
        return -1;
    struct stat status;
    if (lstat(text, &status) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid() || (status.st_mode & 022))
        return fault_set(fault, FAULT_SYSTEM,
                         "%s is not a folder that only we may write", text);
    return 0;
}

int
folder_cache(char *text, size_t size, fault_t *fault)
{
    if (s_below("XDG_CACHE_HOME", "convoy", text, size) ||
        s_below("HOME", ".cache/convoy", text, size))
        return 0;
    return s_temporary(text, size, fault);
}
