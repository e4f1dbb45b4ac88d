/* The tasks of a worker, an array in order of arrival: it holds a hundred at
 * most, so every walk is short. */
#include "worker/backlog.h"

#include <assert.h>
#include <string.h>

/* Take an entry out; its task is the caller's. */
static task_t *
s_remove(backlog_t *self, size_t index)
{
    task_t *task = self->entries[index].task;
    self->count--;
    memmove(&self->entries[index], &self->entries[index + 1],
            (self->count - index) * sizeof self->entries[0]);
    return task;
}

static void
s_drop(backlog_t *self, size_t index)
{
    task_t *task = s_remove(self, index);
    task_destroy(&task);
}

static size_t
s_find(const backlog_t *self, const task_t *task)
{
    size_t index = 0;
    while (index < self->count && self->entries[index].task != task)
        index++;
    assert(index < self->count);
    return index;
}

static size_t
s_count(const backlog_t *self, task_state_t state)
{
    size_t found = 0;
    for (size_t i = 0; i < self->count; i++)
        found += self->entries[i].state == state;
    return found;
}

void
backlog_init(backlog_t *self)
{
    self->count = 0;
}

void
backlog_release(backlog_t *self)
{
    while (self->count)
        s_drop(self, self->count - 1);
}

bool
backlog_add(backlog_t *self, task_t *task)
{
    if (self->count == BACKLOG_TASKS_MAX)
        return false;
    self->entries[self->count++] =
        (backlog_entry_t){.task = task, .state = TASK_WAITING};
    return true;
}

size_t
backlog_start(backlog_t *self, size_t batch_max, task_t **tasks)
{
    assert(batch_max >= 1 && batch_max <= BATCH_MAX);
    if (backlog_running(self))
        return 0;
    size_t count = 0;
    for (size_t i = 0; i < self->count && count < batch_max; i++) {
        backlog_entry_t *entry = &self->entries[i];
        if (entry->state != TASK_WAITING)
            continue;
        bool alone = entry->task->attempt > 1;
        if (alone && count)
            break;
        entry->state = TASK_RUNNING;
        tasks[count++] = entry->task;
        if (alone)
            break;
    }
    return count;
}

void
backlog_finish(backlog_t *self, task_t *task, int64_t now)
{
    size_t index = s_find(self, task);
    backlog_entry_t *entry = &self->entries[index];
    assert(entry->state == TASK_RUNNING);
    if (entry->unwanted) {
        s_drop(self, index);
        return;
    }
    entry->state = TASK_FINISHED;
    entry->finished_ms = now;
}

static void
s_fail(backlog_entry_t *entry, const fault_t *fault, int64_t now)
{
    entry->task->fault = *fault;
    entry->state = TASK_FINISHED;
    entry->finished_ms = now;
}

void
backlog_fail(backlog_t *self, task_t *task, const fault_t *fault, int64_t now)
{
    backlog_entry_t *entry = &self->entries[s_find(self, task)];
    assert(entry->state == TASK_WAITING);
    s_fail(entry, fault, now);
}

void
backlog_fail_late(backlog_t *self, int64_t now)
{
    fault_t late;
    fault_set(&late, FAULT_DEADLINE,
              "the deadline passed before the worker could start");
    for (size_t i = 0; i < self->count; i++) {
        backlog_entry_t *entry = &self->entries[i];
        if (entry->state == TASK_WAITING && entry->task->deadline_ms <= now)
            s_fail(entry, &late, now);
    }
}

void
backlog_fail_waiting(backlog_t *self, const fault_t *fault, int64_t now)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].state == TASK_WAITING)
            s_fail(&self->entries[i], fault, now);
}

bool
backlog_cancel(backlog_t *self, const job_id_t *job, uint16_t attempt)
{
    for (size_t i = 0; i < self->count; i++) {
        backlog_entry_t *entry = &self->entries[i];
        if (!job_id_equal(&entry->task->job, job) ||
            (attempt && entry->task->attempt != attempt))
            continue;
        if (entry->state == TASK_RUNNING)
            entry->unwanted = true;
        else
            s_drop(self, i);
        return true;
    }
    return false;
}

task_t *
backlog_finished(const backlog_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].state == TASK_FINISHED)
            return self->entries[i].task;
    return NULL;
}

void
backlog_answered(backlog_t *self, task_t *task)
{
    size_t index = s_find(self, task);
    assert(self->entries[index].state == TASK_FINISHED);
    s_drop(self, index);
}

void
backlog_lost(backlog_t *self)
{
    for (size_t i = self->count; i-- > 0;) {
        backlog_entry_t *entry = &self->entries[i];
        entry->orphaned = true;
        if (entry->state == TASK_WAITING)
            s_drop(self, i);
    }
}

void
backlog_forget(backlog_t *self)
{
    for (size_t i = self->count; i-- > 0;) {
        backlog_entry_t *entry = &self->entries[i];
        if (!entry->orphaned)
            continue;
        if (entry->state == TASK_RUNNING)
            entry->unwanted = true;
        else
            s_drop(self, i);
    }
}

void
backlog_expire(backlog_t *self, int64_t now)
{
    for (size_t i = self->count; i-- > 0;) {
        const backlog_entry_t *entry = &self->entries[i];
        if (entry->state == TASK_FINISHED && entry->orphaned &&
            now - entry->finished_ms >= BACKLOG_HELD_MS)
            s_drop(self, i);
    }
}

const task_t *
backlog_current(const backlog_t *self)
{
    const task_t *current = NULL;
    for (size_t i = 0; i < self->count; i++) {
        if (self->entries[i].state != TASK_RUNNING)
            continue;
        if (current)
            return NULL;
        current = self->entries[i].task;
    }
    return current;
}

size_t
backlog_waiting(const backlog_t *self)
{
    return s_count(self, TASK_WAITING);
}

size_t
backlog_running(const backlog_t *self)
{
    return s_count(self, TASK_RUNNING);
}

size_t
backlog_charged(const backlog_t *self)
{
    size_t charged = 0;
    for (size_t i = 0; i < self->count; i++) {
        const backlog_entry_t *entry = &self->entries[i];
        charged += entry->state == TASK_RUNNING || !entry->orphaned;
    }
    return charged;
}

void
backlog_held(const backlog_t *self, uint16_t part, message_t *hello)
{
    hello->held_count = 0;
    hello->present |= key_bit(KEY_HELD);
    for (size_t i = 0; i < self->count; i++) {
        const backlog_entry_t *entry = &self->entries[i];
        if (entry->state == TASK_WAITING || entry->unwanted)
            continue;
        if (hello->held_count == PROTO_HELD_MAX)
            break;
        hello->held[hello->held_count++] =
            (held_job_t){.job = entry->task->job,
                         .part = part,
                         .attempt = entry->task->attempt};
    }
}

int64_t
backlog_due(const backlog_t *self)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < self->count; i++) {
        const backlog_entry_t *entry = &self->entries[i];
        int64_t at = INT64_MAX;
        if (entry->state == TASK_WAITING)
            at = entry->task->deadline_ms;
        else if (entry->state == TASK_FINISHED && entry->orphaned)
            at = entry->finished_ms + BACKLOG_HELD_MS;
        if (at < due)
            due = at;
    }
    return due;
}
