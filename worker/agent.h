/* The agent: keeps the worker's session with its broker, feeds the executor,
 * answers. Everything happens in agent_run, on the caller's thread.
 */
#ifndef CONVOY_WORKER_AGENT_H
#define CONVOY_WORKER_AGENT_H

#include "worker/executor.h"

typedef struct agent_options {
    const char *broker; /* endpoint, as given */
    int part;           /* or PROTO_PART_AUTO */
    const char *name;   /* NULL: HOST-PID */
    int batch;          /* 1..BATCH_MAX */
    const char *cache;  /* folder, or NULL */
    const char *build;  /* CPU level and kernels, for HELLO */
} agent_options_t;

/* Between wire_start and wire_stop: serve until SIGTERM, the broker's DRAIN or
 * a reason to give up. The runner is taken over. Returns 0, or -1 with the
 * fault whose exit status the process ends with. */
int agent_run(const agent_options_t *options, const runner_t *runner,
              fault_t *fault);

#endif
