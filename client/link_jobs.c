/* The way of a job through the link: out, again if need be, and its outcome.
 */
#include "client/link_state.h"

#include <stdio.h>
#include <string.h>

#include "common/checksum.h"
#include "common/clock.h"
#include "common/info.h"
#include "common/logger.h"

/* --- what comes --- */

static outcome_t *
s_outcome(link_t *self, const entry_t *entry)
{
    outcome_t *outcome = outcomes_add(&self->outcomes);
    outcome_begin(outcome, entry, clock_us());
    return outcome;
}

static void
s_take_result(link_t *self, const message_t *message, payload_t **payload)
{
    entry_t *entry = ledger_find(&self->ledger, &message->job);
    if (!entry)
        return;
    outcome_take_result(s_outcome(self, entry), &self->service, message,
                        payload);
    ledger_remove(&self->ledger, entry);
}

/* An ERROR that names no job answers what was asked last. */
static void
s_take_refusal(link_t *self, const message_t *message, int64_t now)
{
    if (!self->question) {
        logger_limited(&self->complaints, now, LOGGER_WARNING, "%s: %s",
                       self->endpoint, message->text);
        return;
    }
    fault_set(&self->refusal, fault_from_wire(message->code), "%s: %s",
              self->endpoint, message->text);
}

static void
s_take_error(link_t *self, const message_t *message, int64_t now)
{
    if (!message_has(message, key_bit(KEY_JOB))) {
        s_take_refusal(self, message, now);
        return;
    }
    entry_t *entry = ledger_find(&self->ledger, &message->job);
    if (!entry)
        return;
    if (message->code == FAULT_SHUTDOWN) { /* the next broker may take it */
        ledger_busy(&self->ledger, entry, FAULT_BUSY_DRAINING, 1000, now);
        entry->refused_part = -1;
        strcpy(entry->refused_text, "it is shutting down");
        return;
    }
    outcome_take_error(s_outcome(self, entry), message);
    ledger_remove(&self->ledger, entry);
}

static void
s_take_busy(link_t *self, const message_t *message, int64_t now)
{
    entry_t *entry = ledger_find(&self->ledger, &message->job);
    if (!entry)
        return;
    ledger_busy(&self->ledger, entry, fault_from_wire(message->code),
                message->retry_after_ms, now);
    entry->refused_part =
        message_has(message, key_bit(KEY_PART)) ? message->part_index : -1;
    snprintf(entry->refused_text, sizeof entry->refused_text, "%.*s",
             LEDGER_TEXT_MAX, message->text);
}

static void
s_take_status(link_t *self, const payload_t *payload)
{
    if (self->question != MESSAGE_STATUS || self->answered)
        return;
    size_t size = 0;
    const void *bytes = payload ? payload_frame(payload, 0, &size) : NULL;
    self->status = info_decode(bytes, size, &self->refusal);
    self->answered = true;
}

void
link_jobs_take(link_t *self, const message_t *message, payload_t **payload,
               int64_t now)
{
    switch (message->type) {
    case MESSAGE_RESULT:
        s_take_result(self, message, payload);
        break;
    case MESSAGE_ERROR:
        s_take_error(self, message, now);
        break;
    case MESSAGE_BUSY:
        s_take_busy(self, message, now);
        break;
    case MESSAGE_STATUS_REPLY:
        s_take_status(self, *payload);
        break;
    case MESSAGE_DRAIN: /* with a name it answers ours */
        if (self->question == MESSAGE_DRAIN &&
            message_has(message, key_bit(KEY_NAME)))
            self->answered = true;
        break;
    default:
        break;
    }
}

/* --- what goes --- */

void
link_jobs_cancel(link_t *self, const entry_t *entry, int64_t now)
{
    if (entry->state != ENTRY_SENT || self->dialog.state != DIALOG_ACTIVE)
        return;
    message_t message;
    dialog_begin(&self->dialog, MESSAGE_CANCEL, &message);
    message.job = entry->job;
    message.present |= key_bit(KEY_JOB);
    link_put(self, &message, NULL, now);
}

void
link_jobs_expire(link_t *self, int64_t now)
{
    entry_t *entry;
    while ((entry = ledger_expired(&self->ledger, now))) {
        outcome_take_timeout(s_outcome(self, entry), entry,
                             self->dialog.state != DIALOG_ACTIVE);
        link_jobs_cancel(self, entry, now);
        ledger_remove(&self->ledger, entry);
    }
}

static int
s_send_job(link_t *self, entry_t *entry, int64_t now)
{
    message_t message;
    dialog_begin(&self->dialog, MESSAGE_SUBMIT, &message);
    ledger_write(entry, now, &message);
    message.model_digest = self->service.digest;
    message.present |= key_bit(KEY_MODEL_DIGEST);
    return link_put(self, &message, entry->payload, now);
}

void
link_jobs_send(link_t *self, int64_t now)
{
    entry_t *entry;
    while (!self->blocked &&
           (entry = ledger_next(&self->ledger, now, link_window(self)))) {
        if (s_send_job(self, entry, now))
            return;
        if (entry->sends && entry->refused)
            self->retries++;
        ledger_sent(&self->ledger, entry);
    }
}

/* --- what is submitted --- */

static int
s_check_request(const link_t *self, const request_t *request, fault_t *fault)
{
    if (link_open(self) >= LEDGER_JOBS_MAX)
        return fault_set(fault, FAULT_BUSY_QUEUE, "%d jobs are open already",
                         LEDGER_JOBS_MAX);
    for (int i = 0; i < request->tensors_count; i++)
        if (request->tensors[i].bytes > self->service.frame_bytes_max)
            return fault_set(fault, FAULT_TOO_LARGE,
                             "a tensor of %llu bytes passes the broker's "
                             "limit of %llu",
                             (unsigned long long)request->tensors[i].bytes,
                             (unsigned long long)self->service.frame_bytes_max);
    return 0;
}

int
link_submit(link_t *self, request_t *request, fault_t *fault)
{
    entry_t *entry = NULL;
    if (s_check_request(self, request, fault) == 0)
        entry = ledger_add(&self->ledger);
    if (!entry) {
        payload_destroy(&request->payload);
        return -1;
    }
    entry->tag = request->tag;
    entry->priority = (uint8_t)request->priority;
    entry->submitted_us = clock_us();
    entry->deadline_ms = clock_ms() + request->timeout_ms;
    entry->payload = request->payload;
    entry->tensors_count = request->tensors_count;
    for (int i = 0; i < request->tensors_count; i++) {
        size_t size;
        const void *bytes = payload_frame(entry->payload, (size_t)i, &size);
        entry->tensors[i] = request->tensors[i];
        entry->tensors[i].checksum =
            checksum_frame(&entry->job, 0, (unsigned)i, bytes, size);
        dialog_expect(&self->dialog, size);
    }
    request->payload = NULL;
    return 0;
}
