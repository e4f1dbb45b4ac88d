/* The tasks of a worker: waiting, running, finished and not yet answered.
 *
 * It owns every task that is in it until it is answered, cancelled or expired;
 * running tasks are lent to the executor.
 * Pure: the time is passed in.
 */
#ifndef CONVOY_WORKER_BACKLOG_H
#define CONVOY_WORKER_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/task.h"

enum {
    BATCH_MAX = 64,
    BACKLOG_TASKS_MAX = BATCH_MAX + 1 + PROTO_HELD_MAX,
    BACKLOG_HELD_MS = 30000, /* how long a result outlives its session */
};

typedef enum task_state {
    TASK_WAITING,
    TASK_RUNNING,
    TASK_FINISHED,
} task_state_t;

typedef struct backlog_entry {
    task_t *task;
    task_state_t state;
    bool unwanted;       /* running, but nobody waits for it any more */
    bool orphaned;       /* of an earlier session: takes no credit */
    int64_t finished_ms; /* when an orphan was finished */
} backlog_entry_t;

typedef struct backlog {
    size_t count;
    backlog_entry_t entries[BACKLOG_TASKS_MAX]; /* in order of arrival */
} backlog_t;

void backlog_init(backlog_t *self);
void backlog_release(backlog_t *self);

/* Take over a task. False where there is no room: the peer ignored its
 * credit; the task stays the caller's. */
bool backlog_add(backlog_t *self, task_t *task);

/* The next tasks to run together, oldest first, now running: at most
 * batch_max. A task on a second attempt runs alone, so that a job which kills
 * workers takes no other with it and is the one that gets the blame. Returns
 * how many; 0 while something is running. */
size_t backlog_start(backlog_t *self, size_t batch_max, task_t **tasks);

/* A lent task is back. Unwanted ones are destroyed. */
void backlog_finish(backlog_t *self, task_t *task, int64_t now);

/* A waiting task is answered with a fault; so is every one whose deadline has
 * passed, and every one there is. */
void backlog_fail(backlog_t *self, task_t *task, const fault_t *fault,
                  int64_t now);
void backlog_fail_late(backlog_t *self, int64_t now);
void backlog_fail_waiting(backlog_t *self, const fault_t *fault, int64_t now);

/* Drop a job: at once if it waits or is finished, after its run if it runs.
 * An attempt of 0 means any. False if it is not here. */
bool backlog_cancel(backlog_t *self, const job_id_t *job, uint16_t attempt);

/* The oldest finished task, still owned by the backlog, or NULL; and its end
 * once the answer went out. */
task_t *backlog_finished(const backlog_t *self);
void backlog_answered(backlog_t *self, task_t *task);

/* The session ended: waiting tasks are the broker's again, the others are
 * orphans. backlog_forget drops these too: another part is served now. */
void backlog_lost(backlog_t *self);
void backlog_forget(backlog_t *self);

/* Drop results that nobody asked for in BACKLOG_HELD_MS. */
void backlog_expire(backlog_t *self, int64_t now);

/* The job that runs alone, or NULL: of several none can be blamed. */
const task_t *backlog_current(const backlog_t *self);

size_t backlog_waiting(const backlog_t *self);
size_t backlog_running(const backlog_t *self);
/* Tasks of this session that take up credit. */
size_t backlog_charged(const backlog_t *self);

/* Jobs to announce in HELLO: running and finished ones. */
void backlog_held(const backlog_t *self, uint16_t part, message_t *hello);

/* When backlog_fail_late or backlog_expire has something to do; INT64_MAX for
 * never. */
int64_t backlog_due(const backlog_t *self);

#endif
