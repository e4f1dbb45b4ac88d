/* The agent's loop: wait, take in what came, do what is due. It never blocks
 * but in its poll. */
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
#include "worker/host.h"
#include "worker/service.h"

enum {
    DEFAULT_PORT = 5571,
    RECEIVES_MAX = 64, /* messages taken in before other work gets its turn */
    IDLE_POLL_MS_MAX = 1000,
};

typedef struct agent {
    service_t service;
    cache_t *cache;
    executor_t *executor;
    int signals;    /* signalfd of SIGTERM and SIGINT */
    bool signalled; /* the next one ends the process at once */
} agent_t;

/* --- what comes in --- */

static void
s_receive(agent_t *self)
{
    service_t *service = &self->service;
    static logger_limit_t limit;
    for (int i = 0; i < RECEIVES_MAX && service->uplink.socket; i++) {
        message_t message;
        payload_t *payload;
        fault_t fault;
        wire_status_t status = wire_receive(service->uplink.socket, NULL,
                                            &message, &payload, &fault);
        int64_t now = clock_ms();
        if (status == WIRE_MALFORMED) {
            logger_limited(&limit, now, LOGGER_WARNING,
                           "a message of the broker is dropped: %s",
                           fault.text);
            continue;
        }
        if (status != WIRE_OK)
            return;
        service_frame(service, &message, &payload, now);
        payload_destroy(&payload);
    }
}

static void
s_reports(agent_t *self)
{
    report_t *report;
    while ((report = executor_report(self->executor))) {
        service_report(&self->service, report, clock_ms());
        free(report);
    }
}

static void
s_signals(agent_t *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == sizeof info) {
        if (self->signalled)
            _exit(fault_exit_status(FAULT_TIMEOUT));
        self->signalled = true;
        service_leave(&self->service, "asked to by a signal", clock_ms());
    }
}

static long
s_patience_ms(const agent_t *self)
{
    int64_t wait = service_due(&self->service) - clock_ms();
    return wait < 0                  ? 0
           : wait > IDLE_POLL_MS_MAX ? IDLE_POLL_MS_MAX
                                     : (long)wait;
}

static void
s_turn(agent_t *self)
{
    uplink_t *uplink = &self->service.uplink;
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
    s_receive(self);
    if (count == 3 && (items[2].revents & ZMQ_POLLOUT))
        service_writable(&self->service, clock_ms());
    service_work(&self->service, clock_ms());
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
    signal(SIGPIPE, SIG_IGN); /* nobody has to read the ready line */
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
    service_t *service = &self->service;
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
    service->executor = self->executor;
    service->batch = (size_t)options->batch;
    service->calling_ms = clock_ms();
    uplink_init(&service->uplink, endpoint, options->build,
                (uint16_t)options->part, name, clock_ms());
    supply_init(&service->supply, self->executor, self->cache);
    logger_debug("%s calls the broker at %s", name, endpoint);
    return 0;
}

/* A run that does not end cannot be waited for, nor its memory be freed. */
static void
s_abandon(const fault_t *fault)
{
    zclock_sleep(UPLINK_BYE_MS);
    logger_fault(fault);
    _exit(fault_exit_status(fault->code));
}

static void
s_release(agent_t *self)
{
    if (self->executor) {
        executor_destroy(&self->executor);
        supply_release(&self->service.supply);
        uplink_release(&self->service.uplink);
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
    const service_t *service = &self.service;
    int result = s_init(&self, options, runner, fault);
    if (result == 0) {
        while (!service->over)
            s_turn(&self);
        service_bye(&self.service, clock_ms());
        if (service->fault.code == FAULT_TIMEOUT)
            s_abandon(&service->fault);
        if (service->fault.code != FAULT_NONE) {
            *fault = service->fault;
            result = -1;
        }
    }
    s_release(&self);
    return result;
}
