/* What the machine says about itself, read from /proc and /sys. */
#include "worker/host.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"

/* The number behind a key in a file of "key: number" or "key number" lines; an
 * empty key takes the first line. False where there is none ("max"). */
static bool
s_number(const char *path, const char *key, uint64_t *value)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char line[256];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        size_t size = strlen(key);
        char *end;
        if (strncmp(line, key, size) != 0)
            continue;
        *value = strtoull(line + size, &end, 10);
        found = end != line + size;
        break;
    }
    fclose(file);
    return found;
}

/* What a control group leaves. Only what cannot be given back counts as used:
 * file pages make room. */
static uint64_t
s_group_free(const char *limit_path, const char *used_path, const char *key)
{
    uint64_t limit, used;
    if (!s_number(limit_path, "", &limit) || !s_number(used_path, key, &used))
        return UINT64_MAX;
    return limit > used ? limit - used : 0;
}

uint64_t
host_memory_free(void)
{
    uint64_t least = UINT64_MAX, kib;
    if (s_number("/proc/meminfo", "MemAvailable:", &kib))
        least = kib * 1024;
    uint64_t groups[] = {
        s_group_free("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.stat",
                     "anon "),
        s_group_free("/sys/fs/cgroup/memory/memory.limit_in_bytes",
                     "/sys/fs/cgroup/memory/memory.stat", "total_rss "),
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (groups[i] < least)
            least = groups[i];
    return least;
}

int
host_fits(uint64_t bytes, uint64_t free_bytes, fault_t *fault)
{
    if (bytes <= free_bytes)
        return 0;
    return fault_set(fault, FAULT_INPUT,
                     "the part needs %.1f MiB, this machine has only %.1f "
                     "MiB of free memory",
                     (double)bytes / 0x1p20, (double)free_bytes / 0x1p20);
}

uint32_t
host_rss_mib(void)
{
    uint64_t kib;
    return s_number("/proc/self/status", "VmRSS:", &kib)
               ? (uint32_t)(kib / 1024)
               : 0;
}

uint16_t
host_load_permille(host_load_t *state)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int64_t cpu =
        (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
        usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    int64_t wall = clock_us();
    int64_t permille = 0;
    if (state->wall_us && wall > state->wall_us)
        permille = (cpu - state->cpu_us) * 1000 / (wall - state->wall_us);
    state->wall_us = wall;
    state->cpu_us = cpu;
    return (uint16_t)(permille > UINT16_MAX ? UINT16_MAX : permille);
}

void
host_name(char *name, int size)
{
    char host[65] = "";
    if (gethostname(host, sizeof host - 1) != 0 || !host[0])
        strcpy(host, "worker");
    host[strcspn(host, ".")] = '\0';
    for (char *c = host; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            *c = '-';
    snprintf(name, (size_t)size, "%.28s-%ld", host, (long)getpid());
}
