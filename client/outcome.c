/* What became of a job. */
#include "client/outcome.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "common/mem.h"

void
outcome_begin(outcome_t *self, const entry_t *entry, int64_t now_us)
{
    *self = (outcome_t){.tag = entry->tag,
                        .job = entry->job,
                        .part = -1,
                        .latency_us = now_us - entry->submitted_us,
                        .sends = entry->sends};
}

static int
s_check_tensor(const service_t *service, int index, const message_t *message,
               const payload_t *payload, fault_t *fault)
{
    const tensor_header_t *tensor = &message->tensors[index];
    const tensor_spec_t *spec = &service->outputs[index];
    size_t size;
    const void *bytes = payload_frame(payload, (size_t)index, &size);
    if (tensor->dtype != spec->dtype ||
        !shape_matches(&spec->shape, &tensor->shape) ||
        tensor->bytes != tensor_bytes(spec->dtype, &spec->shape, 1) ||
        size != tensor->bytes)
        return fault_set(fault, FAULT_BAD_SHAPE,
                         "output %s came with another type, shape or size",
                         spec->name);
    if (!checksum_fits(tensor->checksum, &message->job,
                       (unsigned)service->parts_count, (unsigned)index, bytes,
                       size))
        return fault_set(fault, FAULT_CHECKSUM,
                         "output %s was damaged on its way", spec->name);
    return 0;
}

static int
s_check_result(const service_t *service, const message_t *message,
               const payload_t *payload, fault_t *fault)
{
    if (!payload || message->tensors_count != service->outputs_count)
        return fault_set(fault, FAULT_BAD_SHAPE,
                         "a result of %d tensors came, not of %d",
                         message->tensors_count, service->outputs_count);
    for (int i = 0; i < message->tensors_count; i++)
        if (s_check_tensor(service, i, message, payload, fault))
            return -1;
    return 0;
}

void
outcome_take_result(outcome_t *self, const service_t *service,
                    const message_t *message, payload_t **payload)
{
    if (s_check_result(service, message, *payload, &self->fault))
        return;
    self->path_count = message->path_count;
    self->tensors_count = message->tensors_count;
    memcpy(self->path, message->path,
           message->path_count * sizeof message->path[0]);
    memcpy(self->tensors, message->tensors,
           message->tensors_count * sizeof message->tensors[0]);
    self->payload = *payload;
    *payload = NULL;
}

void
outcome_take_error(outcome_t *self, const message_t *message)
{
    fault_set(&self->fault, fault_from_wire(message->code), "%s",
              message->text[0] ? message->text : "the job failed");
    if (message_has(message, key_bit(KEY_PART)))
        self->part = message->part_index;
}

void
outcome_take_timeout(outcome_t *self, const entry_t *entry, bool broker_gone)
{
    const char *why = entry->refused_text;
    self->part = entry->refused ? entry->refused_part : -1;
    if (broker_gone)
        fault_set(&self->fault,
                  entry->refused ? entry->refused : FAULT_DEADLINE,
                  "the broker is gone and none came back until the timeout");
    else if (entry->refused)
        fault_set(&self->fault, entry->refused,
                  "the broker was busy until the timeout: %s",
                  *why ? why : fault_name(entry->refused));
    else
        fault_set(&self->fault, FAULT_DEADLINE, "no result until the timeout");
}

void
outcome_release(outcome_t *self)
{
    payload_destroy(&self->payload);
}

int
outcomes_init(outcomes_t *self, fault_t *fault)
{
    *self = (outcomes_t){
        .ring = mem_new(LEDGER_JOBS_MAX, sizeof *self->ring, fault)};
    return self->ring ? 0 : -1;
}

void
outcomes_release(outcomes_t *self)
{
    outcome_t outcome;
    while (outcomes_take(self, &outcome))
        outcome_release(&outcome);
    free(self->ring);
    self->ring = NULL;
}

outcome_t *
outcomes_add(outcomes_t *self)
{
    assert(self->count < LEDGER_JOBS_MAX);
    size_t at = (self->first + self->count++) % LEDGER_JOBS_MAX;
    return &self->ring[at];
}

bool
outcomes_take(outcomes_t *self, outcome_t *outcome)
{
    if (self->count == 0)
        return false;
    *outcome = self->ring[self->first];
    self->first = (self->first + 1) % LEDGER_JOBS_MAX;
    self->count--;
    return true;
}
