/* What became of a job: exactly one outcome for each, a result or a fault. */
#ifndef CONVOY_CLIENT_OUTCOME_H
#define CONVOY_CLIENT_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/ledger.h"
#include "common/fault.h"
#include "common/proto.h"
#include "common/service.h"
#include "common/wire.h"

typedef struct outcome {
    uint64_t tag;
    job_id_t job;
    fault_t fault; /* code FAULT_NONE: there is a result */
    int part;      /* where it failed, -1 where that is not known */
    int64_t latency_us;
    int sends; /* 1, and 1 more for each retry */
    int path_count;
    path_step_t path[PROTO_PARTS_MAX];
    int tensors_count;
    tensor_header_t tensors[TENSORS_MAX];
    payload_t *payload; /* owned; checked against the service's outputs */
} outcome_t;

/* The outcome of an entry, still without result or fault. */
void outcome_begin(outcome_t *self, const entry_t *entry, int64_t now_us);

/* Take over what a RESULT brings, or fill in the fault where it is not what
 * the service promised: FAULT_BAD_SHAPE, FAULT_CHECKSUM. *payload is NULL
 * afterwards where it was taken. */
void outcome_take_result(outcome_t *self, const service_t *service,
                         const message_t *message, payload_t **payload);

/* The fault that an ERROR for this job tells. */
void outcome_take_error(outcome_t *self, const message_t *message);

/* The fault of a job whose time is over: it was refused to the end, or the
 * broker is gone, or there is just no result. */
void outcome_take_timeout(outcome_t *self, const entry_t *entry,
                          bool broker_gone);

void outcome_release(outcome_t *self);

/* Outcomes that nobody collected yet, in order. */
typedef struct outcomes {
    outcome_t *ring; /* LEDGER_JOBS_MAX: no more jobs than that are open */
    size_t first;
    size_t count;
} outcomes_t;

int outcomes_init(outcomes_t *self, fault_t *fault);
void outcomes_release(outcomes_t *self);

/* Room for one more, not initialised. */
outcome_t *outcomes_add(outcomes_t *self);

/* The oldest one; false where there is none. */
bool outcomes_take(outcomes_t *self, outcome_t *outcome);

#endif
