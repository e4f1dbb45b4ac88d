/* Choosing among the builds of the kernels. */
#include "worker/engine/level.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/logger.h"

static const kernels_t *s_kernels;
static pthread_once_t s_once = PTHREAD_ONCE_INIT;

static int
s_always(void)
{
    return 1;
}

#if defined(__x86_64__)
static int
s_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int
s_has_avx512(void)
{
    return s_has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw");
}
#endif

/* The best first. */
static const struct {
    const kernels_t *kernels;
    int (*usable)(void);
} levels[] = {
#if defined(__x86_64__)
    {&kernels_avx512, s_has_avx512},
    {&kernels_avx2, s_has_avx2},
#endif
    {&kernels_baseline, s_always},
};

enum { LEVELS = sizeof levels / sizeof levels[0] };

int
level_choose(const char *name, fault_t *fault)
{
    char here[64] = "";
    for (size_t i = 0; i < LEVELS; i++) {
        if (!levels[i].usable())
            continue;
        const kernels_t *table = levels[i].kernels;
        if (!name || strcmp(name, table->level) == 0) {
            s_kernels = table;
            s_kernels->gemm_init();
            return 0;
        }
        size_t used = strlen(here);
        snprintf(here + used, sizeof here - used, "%s%s", used ? ", " : "",
                 table->level);
    }
    return fault_set(fault, FAULT_USAGE,
                     "CPU level %s: this machine's levels are %s", name, here);
}

static void
s_choose(void)
{
    const char *name = getenv("CONVOY_CPU");
    fault_t fault = {0};
    if (!s_kernels && level_choose(name && *name ? name : NULL, &fault)) {
        logger_fault(&fault);
        exit(fault_exit_status(fault.code));
    }
}

const kernels_t *
kernels(void)
{
    pthread_once(&s_once, s_choose);
    return s_kernels;
}
