/* What a worker does for its broker: carries out the duties of the session,
 * keeps the executor busy, answers, leaves.
 *
 *   membership --> duties --> service --> uplink, supply, backlog, executor
 *
 * It neither polls nor receives; that is the agent's.
 */
#ifndef CONVOY_WORKER_SERVICE_H
#define CONVOY_WORKER_SERVICE_H

#include "worker/executor.h"
#include "worker/supply.h"
#include "worker/uplink.h"

typedef struct service {
    uplink_t uplink;
    executor_t *executor; /* borrowed */
    supply_t supply;
    size_t batch;
    int64_t calling_ms; /* without a session since then */
    bool complained;    /* about that */
    bool announced;     /* the ready line was printed */
    bool draining;
    bool over;     /* nothing more to do: end the process */
    fault_t fault; /* why, where it is not a clean end */
} service_t;

/* A frame of the broker, with its payload (may be NULL, may be taken). */
void service_frame(service_t *self, const message_t *message,
                   payload_t **payload, int64_t now);

/* The socket takes messages again. */
void service_writable(service_t *self, int64_t now);

/* A report of the executor; its tasks go back to the backlog. */
void service_report(service_t *self, const report_t *report, int64_t now);

/* Everything that is due. */
void service_work(service_t *self, int64_t now);

/* When service_work has something to do without being asked. */
int64_t service_due(const service_t *self);

/* Finish what runs, hand back what waits, then be over. */
void service_leave(service_t *self, const char *why, int64_t now);

/* The last word, if there is a session; closes the socket. */
void service_bye(service_t *self, int64_t now);

#endif
