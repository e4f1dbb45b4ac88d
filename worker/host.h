/* What the machine says about itself: free memory, our share of it, load. */
#ifndef CONVOY_WORKER_HOST_H
#define CONVOY_WORKER_HOST_H

#include <stdint.h>

#include "common/fault.h"

/* Bytes that can still be had, the limit of the control group included;
 * UINT64_MAX where the machine does not say. */
uint64_t host_memory_free(void);

/* 0 if a part of `bytes` bytes fits into `free` bytes of memory, else -1 with
 * FAULT_INPUT naming both. */
int host_fits(uint64_t bytes, uint64_t free, fault_t *fault);

/* Resident memory of this process in MiB. */
uint32_t host_rss_mib(void);

/* CPU time over wall time since the last call, in permille of one CPU. The
 * state is the caller's, zero at first. */
typedef struct host_load {
    int64_t wall_us;
    int64_t cpu_us;
} host_load_t;
uint16_t host_load_permille(host_load_t *state);

/* "HOST-PID" made of letters, digits, '.', '_' and '-'. */
void host_name(char *name, int size);

#endif
