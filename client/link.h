/* The link to a broker: submit jobs, collect exactly one outcome for each,
 * whatever happens to the connection in between. One thread uses a link.
 *
 *   link_new -> link_connect -> { link_submit, link_wait }... -> link_destroy
 *
 * A job keeps its input here until its outcome is known; it goes out again
 * under the same id after BUSY, a lost session or a restarted broker.
 */
#ifndef CONVOY_CLIENT_LINK_H
#define CONVOY_CLIENT_LINK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "client/outcome.h"
#include "common/fault.h"
#include "common/proto.h"
#include "common/service.h"
#include "common/wire.h"

typedef struct link link_t;

typedef struct link_options {
    const char *broker;                /* one endpoint, as given */
    const volatile sig_atomic_t *stop; /* not 0: give up waiting */
} link_options_t;

/* One job on its way in. */
typedef struct request {
    int tensors_count;
    tensor_header_t tensors[TENSORS_MAX]; /* checksums are the link's matter */
    payload_t *payload;                   /* a frame a tensor */
    int64_t timeout_ms;
    int priority; /* 0 or 1 */
    uint64_t tag; /* comes back with the outcome */
} request_t;

/* Nothing is sent yet. NULL with FAULT_CONFIG (endpoint) or FAULT_MEMORY. */
link_t *link_new(const link_options_t *options, fault_t *fault);

/* Says BYE. Jobs without an outcome are cancelled. */
void link_destroy(link_t **self);

/* Wait for a session. -1 with FAULT_NO_BROKER naming the endpoint, the
 * broker's reason to refuse, or FAULT_CANCELLED where `stop` ended the wait. */
int link_connect(link_t *self, int64_t timeout_ms, fault_t *fault);

/* What the broker serves, borrowed; from link_connect on. */
const service_t *link_service(const link_t *self);

/* Jobs without an outcome, and how many may be in flight with profit. */
size_t link_open(const link_t *self);
size_t link_window(const link_t *self);

/* Take over a request (its payload in any case). -1 with FAULT_TOO_LARGE for
 * a frame over the broker's limit, FAULT_BUSY_QUEUE where too many are open. */
int link_submit(link_t *self, request_t *request, fault_t *fault);

/* Work until an outcome is there (1, release it) or the time is over (0).
 * -1 with a fault where no outcome will come any more: the broker refuses
 * this client, or `stop` was set and those that had come are taken. */
int link_wait(link_t *self, int64_t timeout_ms, outcome_t *outcome,
              fault_t *fault);

/* Ask for the status of the fleet: a new reference, or NULL with a fault. */
json_t *link_status(link_t *self, int64_t timeout_ms, fault_t *fault);

/* Ask the broker to drain a worker; 0 once it agreed. */
int link_drain(link_t *self, const char *worker, int64_t timeout_ms,
               fault_t *fault);

/* How long there has been no session; 0 within one. */
int64_t link_away_ms(const link_t *self);

/* Times that a job had to be sent again. */
uint64_t link_retries(const link_t *self);

#endif
