/* The unresolved jobs. The slot of an entry is in the low 16 bits of its
 * sequence number, so an id is found without a search. */
#include "client/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/dialog.h"
#include "common/mem.h"

int
ledger_init(ledger_t *self, const uint8_t client_id[8], uint64_t seed,
            fault_t *fault)
{
    *self = (ledger_t){.random = seed};
    memcpy(self->client_id, client_id, sizeof self->client_id);
    self->entries = mem_new(LEDGER_JOBS_MAX, sizeof *self->entries, fault);
    return self->entries ? 0 : -1;
}

void
ledger_release(ledger_t *self)
{
    for (size_t i = 0; i < self->used; i++)
        if (self->entries[i].state != ENTRY_NONE)
            ledger_remove(self, &self->entries[i]);
    free(self->entries);
    self->entries = NULL;
    self->used = 0;
}

static void
s_write_id(const ledger_t *self, entry_t *entry, size_t slot)
{
    uint64_t sequence = entry->order << 16 | slot;
    memcpy(entry->job.bytes, self->client_id, sizeof self->client_id);
    for (int i = 0; i < 8; i++)
        entry->job.bytes[8 + i] = (uint8_t)(sequence >> (56 - 8 * i));
}

entry_t *
ledger_add(ledger_t *self)
{
    for (size_t slot = 0; slot < LEDGER_JOBS_MAX; slot++) {
        entry_t *entry = &self->entries[slot];
        if (entry->state != ENTRY_NONE)
            continue;
        if (slot >= self->used)
            self->used = slot + 1;
        *entry = (entry_t){.state = ENTRY_WAITING,
                           .order = self->next++,
                           .due_ms = INT64_MIN,
                           .deadline_ms = INT64_MAX};
        s_write_id(self, entry, slot);
        self->count++;
        return entry;
    }
    return NULL;
}

entry_t *
ledger_find(ledger_t *self, const job_id_t *job)
{
    size_t slot = (size_t)job->bytes[14] << 8 | job->bytes[15];
    if (slot >= self->used)
        return NULL;
    entry_t *entry = &self->entries[slot];
    bool same = entry->state != ENTRY_NONE && job_id_equal(&entry->job, job);
    return same ? entry : NULL;
}

static void
s_unsend(ledger_t *self, entry_t *entry)
{
    if (entry->state != ENTRY_SENT)
        return;
    entry->state = ENTRY_WAITING;
    self->sent--;
}

void
ledger_remove(ledger_t *self, entry_t *entry)
{
    assert(entry->state != ENTRY_NONE);
    s_unsend(self, entry);
    payload_destroy(&entry->payload);
    entry->state = ENTRY_NONE;
    self->count--;
}

entry_t *
ledger_next(ledger_t *self, int64_t now, size_t window)
{
    entry_t *best = NULL;
    if (self->sent >= window)
        return NULL;
    for (size_t i = 0; i < self->used; i++) {
        entry_t *entry = &self->entries[i];
        if (entry->state != ENTRY_WAITING || entry->due_ms > now)
            continue;
        if (!best || entry->priority > best->priority ||
            (entry->priority == best->priority && entry->order < best->order))
            best = entry;
    }
    return best;
}

void
ledger_write(const entry_t *entry, int64_t now, message_t *message)
{
    int64_t remaining_ms = entry->deadline_ms - now;
    message->job = entry->job;
    message->remaining_ms = (uint32_t)(remaining_ms > 0 ? remaining_ms : 0);
    message->priority = entry->priority;
    message->tensors_count = (uint16_t)entry->tensors_count;
    memcpy(message->tensors, entry->tensors,
           (size_t)entry->tensors_count * sizeof message->tensors[0]);
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_REMAINING_MS) |
                        key_bit(KEY_PRIORITY) | key_bit(KEY_TENSORS);
}

void
ledger_sent(ledger_t *self, entry_t *entry)
{
    assert(entry->state == ENTRY_WAITING);
    entry->state = ENTRY_SENT;
    entry->sends++;
    entry->refused = FAULT_NONE;
    self->sent++;
}

void
ledger_busy(ledger_t *self, entry_t *entry, fault_code_t code,
            int64_t retry_after_ms, int64_t now)
{
    int64_t jitter = dialog_random(&self->random, retry_after_ms / 2 + 5);
    s_unsend(self, entry);
    entry->refused = code;
    entry->due_ms = now + retry_after_ms + jitter;
}

size_t
ledger_resume(ledger_t *self, int64_t now)
{
    size_t resumed = 0;
    for (size_t i = 0; i < self->used; i++) {
        entry_t *entry = &self->entries[i];
        if (entry->state != ENTRY_SENT)
            continue;
        s_unsend(self, entry);
        entry->due_ms =
            now + dialog_random(&self->random, LEDGER_RESUME_MS_MAX);
        resumed++;
    }
    return resumed;
}

entry_t *
ledger_expired(ledger_t *self, int64_t now)
{
    for (size_t i = 0; i < self->used; i++) {
        entry_t *entry = &self->entries[i];
        if (entry->state == ENTRY_NONE || now < entry->deadline_ms)
            continue;
        if (entry->state == ENTRY_WAITING ||
            now - entry->deadline_ms >= LEDGER_GRACE_MS)
            return entry;
    }
    return NULL;
}

int64_t
ledger_due(const ledger_t *self, int64_t now)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < self->used; i++) {
        const entry_t *entry = &self->entries[i];
        if (entry->state == ENTRY_NONE)
            continue;
        int64_t at = entry->deadline_ms;
        if (entry->state == ENTRY_SENT)
            at += LEDGER_GRACE_MS;
        else if (entry->due_ms > now && entry->due_ms < at)
            at = entry->due_ms;
        if (at < due)
            due = at;
    }
    return due;
}
