/* What a worker does for its broker, step by step. */
#include "worker/service.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/logger.h"

enum {
    DRAIN_MS = 30000,
    COMPLAIN_MS = 3000,
};

/* The frame that duties refer to. */
typedef struct arrival {
    const message_t *message;
    payload_t **payload;
} arrival_t;

/* Jobs it may hold at a time: those of a run and one for the next. */
static size_t
s_room(const service_t *self)
{
    size_t rows = (size_t)self->supply.loaded.batch_max;
    return (rows < self->batch ? rows : self->batch) + 1;
}

static void
s_give_up(service_t *self, const fault_t *fault)
{
    if (self->over)
        return;
    self->over = true;
    self->fault = *fault;
}

/* --- leaving --- */

static void
s_say_bye(service_t *self, int64_t now)
{
    uplink_t *uplink = &self->uplink;
    if (membership_in_session(&uplink->membership))
        uplink_say(uplink, MESSAGE_BYE, now);
    uplink_close(uplink, UPLINK_BYE_MS);
}

/* What waits goes back to the broker, which counts no attempt for it. */
static void
s_hand_back(service_t *self, int64_t now)
{
    fault_t fault;
    fault_set(&fault, FAULT_SHUTDOWN, "the worker leaves");
    backlog_fail_waiting(&self->uplink.backlog, &fault, now);
}

static void
s_leave(service_t *self, const char *why, int64_t now)
{
    uplink_t *uplink = &self->uplink;
    self->draining = true;
    logger_info("leaving: %s", why);
    if (!membership_in_session(&uplink->membership)) {
        self->over = true;
        return;
    }
    uplink_say(uplink, MESSAGE_DRAIN, now);
    s_hand_back(self, now);
    membership_leave(&uplink->membership);
    uplink->drain_ms = now + DRAIN_MS;
}

/* What runs is finished and answered before BYE. */
static void
s_finish_leaving(service_t *self, int64_t now)
{
    uplink_t *uplink = &self->uplink;
    if (!self->draining || self->over)
        return;
    bool idle = !backlog_running(&uplink->backlog) &&
                !backlog_finished(&uplink->backlog);
    if (!idle && now < uplink->drain_ms)
        return;
    if (!idle)
        fault_set(&self->fault, FAULT_TIMEOUT,
                  "the running jobs did not end within %d s", DRAIN_MS / 1000);
    s_say_bye(self, now);
    self->over = true;
}

/* --- duties --- */

static void
s_do_lost(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    static logger_limit_t limit;
    const membership_t *membership = &self->uplink.membership;
    if (membership->state == MEMBERSHIP_CALLING)
        logger_limited(&limit, now, LOGGER_INFO, "%s: %s, joining again",
                       self->uplink.endpoint, membership->fault.text);
    uplink_lost(&self->uplink);
    supply_resume(&self->supply, now);
}

static void
s_do_close(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    static logger_limit_t limit;
    const membership_t *membership = &self->uplink.membership;
    if (membership->fault.code != FAULT_NONE &&
        membership->state != MEMBERSHIP_OVER)
        logger_limited(&limit, now, LOGGER_WARNING, "%s: %s",
                       self->uplink.endpoint, membership->fault.text);
    uplink_close(&self->uplink, 0);
}

static void
s_do_forget(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival, (void)now;
    logger_warning("%s; its part is dropped and fetched again",
                   self->uplink.membership.fault.text);
    backlog_forget(&self->uplink.backlog);
    supply_forget(&self->supply);
}

static void
s_do_open(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival, (void)now;
    fault_t fault;
    if (uplink_open(&self->uplink, &fault))
        s_give_up(self, &fault);
}

static void
s_do_hello(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    uplink_hello(&self->uplink, &self->supply, now);
}

static void
s_do_load(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    const membership_t *membership = &self->uplink.membership;
    fault_t fault;
    if (!supply_has(&self->supply, &membership->part_digest)) {
        fault_set(&fault, FAULT_INTERNAL, "another part is served now");
        backlog_fail_waiting(&self->uplink.backlog, &fault, now);
        backlog_forget(&self->uplink.backlog);
    }
    membership_expect(&self->uplink.membership, PROTO_CHUNK_MAX);
    if (supply_want(&self->supply, &membership->part_digest,
                    membership->part_bytes, &fault))
        s_give_up(self, &fault);
}

static int
s_check_job(const service_t *self, const arrival_t *arrival, fault_t *fault)
{
    const message_t *job = arrival->message;
    if (job->part_index != self->uplink.membership.part ||
        (message_has(job, key_bit(KEY_PART_DIGEST)) &&
         !digest_equal(&job->part_digest, &self->supply.digest)))
        return fault_set(fault, FAULT_INTERNAL,
                         "the job is for another part than %u",
                         self->uplink.membership.part);
    return task_check(job, *arrival->payload, &self->supply.loaded.boundary,
                      fault);
}

static void
s_do_job(service_t *self, const arrival_t *arrival, int64_t now)
{
    backlog_t *backlog = &self->uplink.backlog;
    fault_t fault = {0};
    self->uplink.received++;
    if (!supply_is_ready(&self->supply))
        return;
    bool good = s_check_job(self, arrival, &fault) == 0;
    task_t *task =
        task_new(arrival->message, arrival->payload, clock_us(), &fault);
    if (!task) {
        logger_fault(&fault);
        return;
    }
    task->part_digest = self->supply.digest;
    if (!backlog_add(backlog, task)) {
        static logger_limit_t limit;
        logger_limited(&limit, now, LOGGER_WARNING,
                       "%s: the broker sends jobs without credit",
                       self->uplink.endpoint);
        task_destroy(&task);
        return;
    }
    if (!good)
        backlog_fail(backlog, task, &fault, now);
    if (self->draining)
        s_hand_back(self, now);
}

static void
s_do_cancel(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)now;
    backlog_cancel(&self->uplink.backlog, &arrival->message->job,
                   arrival->message->attempt);
}

static void
s_do_chunk(service_t *self, const arrival_t *arrival, int64_t now)
{
    fault_t fault;
    if (supply_chunk(&self->supply, arrival->message, *arrival->payload, now,
                     &fault))
        s_give_up(self, &fault);
}

static void
s_do_heartbeat(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    uplink_heartbeat(&self->uplink, &self->supply, s_room(self), now);
}

static void
s_do_drain(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    s_leave(self, "the broker asks for it", now);
}

static void
s_do_exit(service_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival, (void)now;
    s_give_up(self, &self->uplink.membership.fault);
}

static const struct {
    duty_t duty;
    void (*act)(service_t *, const arrival_t *, int64_t);
} duties_table[] = {
    {DUTY_LOST, s_do_lost},     {DUTY_CLOSE, s_do_close},
    {DUTY_FORGET, s_do_forget}, {DUTY_OPEN, s_do_open},
    {DUTY_HELLO, s_do_hello},   {DUTY_LOAD, s_do_load},
    {DUTY_JOB, s_do_job},       {DUTY_CANCEL, s_do_cancel},
    {DUTY_CHUNK, s_do_chunk},   {DUTY_HEARTBEAT, s_do_heartbeat},
    {DUTY_DRAIN, s_do_drain},   {DUTY_EXIT, s_do_exit},
};

static void
s_do(service_t *self, unsigned duties, const arrival_t *arrival, int64_t now)
{
    for (size_t i = 0; i < sizeof duties_table / sizeof duties_table[0]; i++)
        if (duties & duties_table[i].duty)
            duties_table[i].act(self, arrival, now);
}

/* --- what is due --- */

static void
s_announce(service_t *self)
{
    uplink_t *uplink = &self->uplink;
    const boundary_t *boundary = &self->supply.loaded.boundary;
    size_t bytes = 0;
    for (int i = 0; i < boundary->inputs_count; i++)
        bytes += tensor_bytes(boundary->inputs[i].dtype,
                              &boundary->inputs[i].shape, 1);
    membership_expect(&uplink->membership, bytes);
    membership_serves(&uplink->membership);
    logger_info("serving part %u at %s", uplink->membership.part,
                uplink->endpoint);
    if (self->announced)
        return;
    self->announced = true;
    printf("ready part=%u name=%s\n", uplink->membership.part,
           uplink->membership.name);
    fflush(stdout);
}

static void
s_supply(service_t *self, int64_t now)
{
    uplink_t *uplink = &self->uplink;
    uint64_t offset;
    while (supply_wants(&self->supply, &offset, now) &&
           uplink_fetch(uplink, offset, now))
        supply_asked(&self->supply);
    if (supply_is_ready(&self->supply) &&
        uplink_credit(uplink, s_room(self), now))
        s_announce(self);
}

static void
s_start_batch(service_t *self, int64_t now)
{
    task_t *tasks[BATCH_MAX];
    size_t count =
        backlog_start(&self->uplink.backlog, s_room(self) - 1, tasks);
    if (!count)
        return;
    uplink_heartbeat(&self->uplink, &self->supply, s_room(self), now);
    executor_run(self->executor, tasks, count);
}

/* 6xx: there is a broker, and it said no. */
static bool
s_is_refused(const membership_t *membership)
{
    return membership->fault.code / 100 == 6;
}

/* A worker waits for a broker for ever, but not without a word. */
static void
s_complain(service_t *self, int64_t now)
{
    if (membership_in_session(&self->uplink.membership)) {
        self->calling_ms = now;
        self->complained = false;
    } else if (!self->complained && now - self->calling_ms >= COMPLAIN_MS) {
        self->complained = true;
        logger_info(s_is_refused(&self->uplink.membership)
                        ? "the broker at %s has refused so far; trying again"
                        : "waiting for a broker at %s",
                    self->uplink.endpoint);
    }
}

void
service_frame(service_t *self, const message_t *message, payload_t **payload,
              int64_t now)
{
    arrival_t arrival = {message, payload};
    s_do(self, membership_frame(&self->uplink.membership, message, now),
         &arrival, now);
}

void
service_writable(service_t *self, int64_t now)
{
    self->uplink.blocked = false;
    s_do(self, membership_writable(&self->uplink.membership, now), NULL, now);
}

void
service_report(service_t *self, const report_t *report, int64_t now)
{
    fault_t fault;
    if (report->kind == REPORT_DONE)
        for (size_t i = 0; i < report->count; i++)
            backlog_finish(&self->uplink.backlog, report->tasks[i], now);
    else if (supply_report(&self->supply, report, now, &fault))
        s_give_up(self, &fault);
}

void
service_work(service_t *self, int64_t now)
{
    uplink_t *uplink = &self->uplink;
    membership_t *membership = &uplink->membership;
    s_do(self, membership_tick(membership, now), NULL, now);
    if (self->over)
        return;
    s_complain(self, now);
    backlog_expire(&uplink->backlog, now);
    backlog_fail_late(&uplink->backlog, now);
    if (membership->state == MEMBERSHIP_LOADING)
        s_supply(self, now);
    if (membership->state == MEMBERSHIP_SERVING ||
        membership->state == MEMBERSHIP_LEAVING)
        uplink_answer(uplink, now);
    if (membership->state == MEMBERSHIP_SERVING) {
        s_start_batch(self, now);
        uplink_credit(uplink, s_room(self), now);
    }
    s_finish_leaving(self, now);
}

int64_t
service_due(const service_t *self)
{
    const uplink_t *uplink = &self->uplink;
    int64_t due = membership_due(&uplink->membership);
    int64_t other = backlog_due(&uplink->backlog);
    if (other < due)
        due = other;
    return uplink->drain_ms < due ? uplink->drain_ms : due;
}

void
service_leave(service_t *self, const char *why, int64_t now)
{
    s_leave(self, why, now);
}

void
service_bye(service_t *self, int64_t now)
{
    s_say_bye(self, now);
}
