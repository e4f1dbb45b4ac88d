/* The agent's loop: wait, take in what came, do what is due.
 *
 *   sockets --> membership --> duties --> uplink, supply, backlog --> executor
 *
 * It never blocks but in its poll.
 */
#include "worker/agent.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/logger.h"
#include "worker/uplink.h"

enum {
    DEFAULT_PORT = 5571,
    RECEIVES_MAX = 64, /* messages taken in before other work gets its turn */
    DRAIN_MS = 30000,
    IDLE_POLL_MS_MAX = 1000,
    COMPLAIN_MS = 3000,
};

typedef struct agent {
    uplink_t uplink;
    cache_t *cache;
    executor_t *executor;
    supply_t supply;
    int batch;
    int signals;        /* signalfd of SIGTERM and SIGINT */
    int64_t calling_ms; /* without a session since then */
    bool complained;    /* about that */
    bool announced;     /* the ready line was printed */
    bool draining;
    bool over;
    fault_t fault; /* why, where it is not a clean end */
} agent_t;

/* A frame that duties refer to. */
typedef struct arrival {
    const message_t *message;
    payload_t **payload;
} arrival_t;

static void
s_give_up(agent_t *self, const fault_t *fault)
{
    if (self->over)
        return;
    self->over = true;
    self->fault = *fault;
}

/* --- leaving --- */

static void
s_say_bye(agent_t *self, int64_t now)
{
    uplink_t *uplink = &self->uplink;
    if (membership_in_session(&uplink->membership))
        uplink_say(uplink, MESSAGE_BYE, now);
    uplink_close(uplink, UPLINK_BYE_MS);
}

/* What waits goes back to the broker, which counts no attempt for it. */
static void
s_hand_back(agent_t *self, int64_t now)
{
    fault_t fault;
    fault_set(&fault, FAULT_SHUTDOWN, "the worker leaves");
    backlog_fail_waiting(&self->uplink.backlog, &fault, now);
}

static void
s_leave(agent_t *self, const char *why, int64_t now)
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
s_finish_leaving(agent_t *self, int64_t now)
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
s_do_lost(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    uplink_lost(&self->uplink);
    supply_resume(&self->supply, now);
}

static void
s_do_close(agent_t *self, const arrival_t *arrival, int64_t now)
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
s_do_forget(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival, (void)now;
    logger_warning("%s; its part is dropped and fetched again",
                   self->uplink.membership.fault.text);
    backlog_forget(&self->uplink.backlog);
    supply_forget(&self->supply);
}

static void
s_do_open(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival, (void)now;
    fault_t fault;
    if (uplink_open(&self->uplink, &fault))
        s_give_up(self, &fault);
}

static void
s_do_hello(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    uplink_hello(&self->uplink, &self->supply, now);
}

static void
s_do_load(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    const membership_t *membership = &self->uplink.membership;
    fault_t fault;
    if (!supply_has(&self->supply, &membership->part_digest)) {
        fault_set(&fault, FAULT_INTERNAL, "another part is served now");
        backlog_fail_waiting(&self->uplink.backlog, &fault, now);
    }
    membership_expect(&self->uplink.membership, PROTO_CHUNK_MAX);
    if (supply_want(&self->supply, &membership->part_digest,
                    membership->part_bytes, &fault))
        s_give_up(self, &fault);
}

static void
s_do_job(agent_t *self, const arrival_t *arrival, int64_t now)
{
    backlog_t *backlog = &self->uplink.backlog;
    fault_t fault = {0};
    self->uplink.received++;
    if (!supply_is_ready(&self->supply))
        return;
    bool good = task_check(arrival->message, *arrival->payload,
                           &self->supply.loaded.boundary, &fault) == 0;
    task_t *task =
        task_new(arrival->message, arrival->payload, clock_us(), &fault);
    if (!task) {
        logger_fault(&fault);
        return;
    }
    task->part_digest = self->supply.digest;
    if (!backlog_add(backlog, task)) {
        logger_warning("the broker sends jobs without credit");
        task_destroy(&task);
        return;
    }
    if (!good)
        backlog_fail(backlog, task, &fault, now);
    if (self->draining)
        s_hand_back(self, now);
}

static void
s_do_cancel(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)now;
    backlog_cancel(&self->uplink.backlog, &arrival->message->job,
                   arrival->message->attempt);
}

static void
s_do_chunk(agent_t *self, const arrival_t *arrival, int64_t now)
{
    fault_t fault;
    if (supply_chunk(&self->supply, arrival->message, *arrival->payload, now,
                     &fault))
        s_give_up(self, &fault);
}

static void
s_do_heartbeat(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    uplink_heartbeat(&self->uplink, &self->supply, now);
}

static void
s_do_drain(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival;
    s_leave(self, "the broker asks for it", now);
}

static void
s_do_exit(agent_t *self, const arrival_t *arrival, int64_t now)
{
    (void)arrival, (void)now;
    s_give_up(self, &self->uplink.membership.fault);
}

static const struct {
    duty_t duty;
    void (*act)(agent_t *, const arrival_t *, int64_t);
} duties_table[] = {
    {DUTY_LOST, s_do_lost},     {DUTY_CLOSE, s_do_close},
    {DUTY_FORGET, s_do_forget}, {DUTY_OPEN, s_do_open},
    {DUTY_HELLO, s_do_hello},   {DUTY_LOAD, s_do_load},
    {DUTY_JOB, s_do_job},       {DUTY_CANCEL, s_do_cancel},
    {DUTY_CHUNK, s_do_chunk},   {DUTY_HEARTBEAT, s_do_heartbeat},
    {DUTY_DRAIN, s_do_drain},   {DUTY_EXIT, s_do_exit},
};

static void
s_do(agent_t *self, unsigned duties, const arrival_t *arrival, int64_t now)
{
    for (size_t i = 0; i < sizeof duties_table / sizeof duties_table[0]; i++)
        if (duties & duties_table[i].duty)
            duties_table[i].act(self, arrival, now);
}

/* --- what comes in --- */

static void
s_receive(agent_t *self)
{
    uplink_t *uplink = &self->uplink;
    static logger_limit_t limit;
    for (int i = 0; i < RECEIVES_MAX && uplink->socket && !self->over; i++) {
        message_t message;
        payload_t *payload;
        fault_t fault;
        wire_status_t status =
            wire_receive(uplink->socket, NULL, &message, &payload, &fault);
        int64_t now = clock_ms();
        if (status == WIRE_MALFORMED) {
            logger_limited(&limit, now, LOGGER_WARNING,
                           "a message of the broker is dropped: %s",
                           fault.text);
            continue;
        }
        if (status != WIRE_OK)
            return;
        arrival_t arrival = {&message, &payload};
        s_do(self, membership_frame(&uplink->membership, &message, now),
             &arrival, now);
        payload_destroy(&payload);
    }
}

static void
s_reports(agent_t *self)
{
    report_t *report;
    while ((report = executor_report(self->executor))) {
        int64_t now = clock_ms();
        fault_t fault;
        if (report->kind == REPORT_DONE)
            for (size_t i = 0; i < report->count; i++)
                backlog_finish(&self->uplink.backlog, report->tasks[i], now);
        else if (supply_report(&self->supply, report, now, &fault))
            s_give_up(self, &fault);
        free(report);
    }
}

static void
s_signals(agent_t *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == sizeof info) {
        if (self->draining)
            _exit(fault_exit_status(FAULT_TIMEOUT));
        s_leave(self, "asked to by a signal", clock_ms());
    }
}

/* --- what is due --- */

/* Jobs it may hold at a time: those of a run and one for the next. */
static size_t
s_room(const agent_t *self)
{
    int rows = self->supply.loaded.batch_max;
    return (size_t)(rows < self->batch ? rows : self->batch) + 1;
}

static void
s_announce(agent_t *self)
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
s_supply(agent_t *self, int64_t now)
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
s_start_batch(agent_t *self, int64_t now)
{
    task_t *tasks[BATCH_MAX];
    size_t count =
        backlog_start(&self->uplink.backlog, s_room(self) - 1, tasks);
    if (!count)
        return;
    uplink_heartbeat(&self->uplink, &self->supply, now);
    executor_run(self->executor, tasks, count);
}

/* A worker waits for a broker for ever, but not without a word. */
static void
s_complain(agent_t *self, int64_t now)
{
    if (membership_in_session(&self->uplink.membership)) {
        self->calling_ms = now;
        self->complained = false;
    } else if (!self->complained && now - self->calling_ms >= COMPLAIN_MS) {
        self->complained = true;
        logger_info("waiting for a broker at %s", self->uplink.endpoint);
    }
}

static void
s_work(agent_t *self)
{
    uplink_t *uplink = &self->uplink;
    int64_t now = clock_ms();
    membership_t *membership = &uplink->membership;
    s_complain(self, now);
    backlog_expire(&uplink->backlog, now);
    backlog_fail_late(&uplink->backlog, now);
    if (membership->state == MEMBERSHIP_LOADING)
        s_supply(self, now);
    if (membership->state == MEMBERSHIP_SERVING) {
        s_start_batch(self, now);
        uplink_answer(uplink, now);
        uplink_credit(uplink, s_room(self), now);
    } else if (membership->state == MEMBERSHIP_LEAVING)
        uplink_answer(uplink, now);
    s_finish_leaving(self, now);
}

static long
s_patience_ms(const agent_t *self)
{
    const uplink_t *uplink = &self->uplink;
    int64_t due = membership_due(&uplink->membership);
    int64_t other = backlog_due(&uplink->backlog);
    if (other < due)
        due = other;
    if (uplink->drain_ms < due)
        due = uplink->drain_ms;
    int64_t wait = due - clock_ms();
    return wait < 0                  ? 0
           : wait > IDLE_POLL_MS_MAX ? IDLE_POLL_MS_MAX
                                     : (long)wait;
}

static void
s_turn(agent_t *self)
{
    uplink_t *uplink = &self->uplink;
    zmq_pollitem_t items[3] = {
        {zsock_resolve(executor_socket(self->executor)), 0, ZMQ_POLLIN, 0},
        {NULL, self->signals, ZMQ_POLLIN, 0},
    };
    int count = 2;
    if (uplink->socket)
        items[count++] = (zmq_pollitem_t){
            zsock_resolve(uplink->socket), 0,
            (short)(ZMQ_POLLIN | (uplink_wants_out(uplink) ? ZMQ_POLLOUT : 0)),
            0};
    zmq_poll(items, count, s_patience_ms(self));

    s_signals(self);
    s_reports(self);
    /* What came is read before silence is judged: after a long pause of this
     * process the broker may well have spoken. */
    if (count == 3) {
        s_receive(self);
        if (items[2].revents & ZMQ_POLLOUT) {
            int64_t now = clock_ms();
            uplink->blocked = false;
            s_do(self, membership_writable(&uplink->membership, now), NULL,
                 now);
        }
    }
    int64_t now = clock_ms();
    s_do(self, membership_tick(&uplink->membership, now), NULL, now);
    if (!self->over)
        s_work(self);
}

/* --- beginning and end --- */

static int
s_signal_file(fault_t *fault)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    /* Before the first thread, so that all inherit it. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int file = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return file >= 0 ? file
                     : fault_set(fault, FAULT_SYSTEM, "no signals: %s",
                                 strerror(errno));
}

static int
s_init(agent_t *self, const agent_options_t *options, const runner_t *runner,
       fault_t *fault)
{
    char endpoint[UPLINK_ENDPOINT_MAX];
    char name[PROTO_NAME_MAX + 1];
    if (options->name)
        snprintf(name, sizeof name, "%s", options->name);
    else
        host_name(name, sizeof name);
    self->batch = options->batch;
    self->signals = -1;
    if (wire_endpoint(options->broker, DEFAULT_PORT, endpoint, sizeof endpoint,
                      fault) ||
        (self->signals = s_signal_file(fault)) < 0 ||
        !(self->cache = cache_open(options->cache, fault))) {
        runner->destroy(runner->context);
        return -1;
    }
    self->executor = executor_new(runner, self->cache, fault);
    if (!self->executor)
        return -1;
    uplink_init(&self->uplink, endpoint, options->build,
                (uint16_t)options->part, name, clock_ms());
    supply_init(&self->supply, self->executor, self->cache);
    logger_debug("%s calls the broker at %s", name, endpoint);
    self->calling_ms = clock_ms();
    return 0;
}

/* A run that does not end cannot be waited for, nor its memory be freed. */
static void
s_abandon(agent_t *self)
{
    zclock_sleep(UPLINK_BYE_MS);
    logger_fault(&self->fault);
    _exit(fault_exit_status(self->fault.code));
}

static void
s_release(agent_t *self)
{
    if (self->executor) {
        uplink_close(&self->uplink, 0);
        executor_destroy(&self->executor);
        supply_release(&self->supply);
        uplink_release(&self->uplink);
    }
    cache_close(&self->cache);
    if (self->signals >= 0)
        close(self->signals);
}

int
agent_run(const agent_options_t *options, const runner_t *runner,
          fault_t *fault)
{
    assert(options->batch >= 1 && options->batch <= BATCH_MAX);
    agent_t self = {0};
    int result = s_init(&self, options, runner, fault);
    while (result == 0 && !self.over)
        s_turn(&self);
    if (result == 0 && self.fault.code == FAULT_TIMEOUT)
        s_abandon(&self);
    bool clean = self.fault.code == FAULT_NONE;
    if (result == 0 && !clean)
        *fault = self.fault;
    if (self.executor)
        s_say_bye(&self, clock_ms());
    s_release(&self);
    return result == 0 && clean ? 0 : -1;
}
