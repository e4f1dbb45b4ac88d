/* The broker's shell: sockets, clock and signals around the core.
 *
 * A turn of the loop: wait, take signals, take a bounded number of messages of
 * each side, do what is due, then hand out bytes of parts and status.
 */
#include "broker/broker.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <sodium.h>

#include "broker/desk.h"
#include "broker/link.h"
#include "broker/welcome.h"
#include "common/clock.h"
#include "common/logger.h"
#include "common/mem.h"
#include "common/wire.h"

enum {
    BURST = 64,       /* messages of a side in one turn */
    CHUNKS_QUIET = 4, /* chunks of parts in a turn without messages */
    CHUNKS_BUSY = 1,  /* and in one with */
    WAIT_MS_MAX = 10000,
    BYE_MS = 500,     /* for the last messages to leave */
    FILES_EXTRA = 64, /* beyond the sessions */
    LOG_LINES = 50,   /* of the core, a second */
};

struct broker {
    const broker_config_t *config;
    const model_t *model;
    core_t *core;
    payload_t *welcome;
    desk_t *desk;
    link_t link;
    size_t frame_bytes_max;
    int signals;       /* signalfd, or -1 */
    int signals_taken; /* the second ends at once */
    int64_t now_us;    /* of this turn */

    int64_t log_second;
    int log_lines;
    logger_limit_t log_limit;
    logger_limit_t malformed_limit;

    message_t message; /* the one received last */
};

/* --- what the core asks for -------------------------------------------- */

static sent_t
s_host_send(void *context, side_t side, const peer_t *peer, message_t *message,
            const payload_t *payload)
{
    broker_t *self = context;
    return link_send(&self->link, side, peer, message, payload);
}

static void
s_host_release(void *context, payload_t *payload)
{
    (void)context;
    payload_destroy(&payload);
}

static void
s_host_fetch(void *context, const peer_t *worker, uint64_t session,
             uint16_t part, uint64_t offset)
{
    broker_t *self = context;
    desk_fetch(self->desk, worker, session, part, offset);
}

static void
s_host_status(void *context, const peer_t *client, uint64_t session)
{
    broker_t *self = context;
    desk_ask(self->desk, client, session);
}

/* Peers must not be able to fill a disk by coming and going. */
static void
s_host_log(void *context, core_level_t level, const char *text)
{
    static const logger_level_t levels[] = {
        [CORE_DEBUG] = LOGGER_DEBUG,
        [CORE_INFO] = LOGGER_INFO,
        [CORE_WARNING] = LOGGER_WARNING,
    };
    broker_t *self = context;
    if (!logger_shows(levels[level]))
        return;
    if (self->now_us / 1000000 != self->log_second) {
        self->log_second = self->now_us / 1000000;
        self->log_lines = 0;
    }
    if (self->log_lines++ < LOG_LINES)
        logger_log(levels[level], "%s", text);
    else
        logger_limited(&self->log_limit, self->now_us / 1000, LOGGER_WARNING,
                       "more than %d records a second; the latest: %s",
                       LOG_LINES, text);
}

/* --- from the sockets to the core --------------------------------------- */

static void
s_deliver(broker_t *self, side_t side, const peer_t *peer, payload_t *payload)
{
    size_t bytes[TENSORS_MAX];
    size_t count = payload ? payload_count(payload) : 0;
    assert(count <= TENSORS_MAX);
    for (size_t i = 0; i < count; i++)
        payload_frame(payload, i, &bytes[i]);
    core_input_t input = {.side = side,
                          .peer = *peer,
                          .message = &self->message,
                          .payload = payload,
                          .frames_count = count,
                          .frame_bytes = bytes};
    core_receive(self->core, &input, self->now_us);
}

static void
s_refuse(broker_t *self, side_t side, const peer_t *peer, const fault_t *fault)
{
    logger_limited(&self->malformed_limit, self->now_us / 1000, LOGGER_INFO,
                   "a malformed message from a %s: %s",
                   side == SIDE_CLIENTS ? "client" : "worker", fault->text);
    if (peer->size)
        core_malformed(self->core, side, peer, fault, self->now_us);
}

/* One message of a side. False where there is none. */
static bool
s_receive(broker_t *self, side_t side)
{
    fault_t fault = {0};
    peer_t peer;
    payload_t *payload = NULL;
    wire_status_t status = link_receive(&self->link, side, &peer,
                                        &self->message, &payload, &fault);
    if (status == WIRE_OK)
        s_deliver(self, side, &peer, payload);
    else if (status == WIRE_MALFORMED)
        s_refuse(self, side, &peer, &fault);
    return status == WIRE_OK || status == WIRE_MALFORMED;
}

/* Both sides in turn, so that neither holds up the other; results first: they
 * make room. ready says which may have something (a look at an empty socket
 * costs a system call). Returns whether more may wait. */
static bool
s_receive_burst(broker_t *self, const bool ready[SIDES], int *received)
{
    bool workers = ready[SIDE_WORKERS], clients = ready[SIDE_CLIENTS];
    *received = 0;
    for (int i = 0; i < BURST && (workers || clients); i++) {
        workers = workers && s_receive(self, SIDE_WORKERS);
        clients = clients && s_receive(self, SIDE_CLIENTS);
        *received += workers + clients;
    }
    return workers || clients;
}

/* --- the loop ------------------------------------------------------------ */

static int
s_take_signals(broker_t *self, fault_t *fault)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (self->signals_taken++)
            return fault_set(fault, FAULT_TIMEOUT,
                             "a second signal: stopped at once, accepted jobs "
                             "are given up");
        logger_info("%s: finishing what was accepted, at most %" PRIu32 " ms",
                    info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM",
                    self->config->core.drain_ms);
        core_drain(self->core, self->now_us);
    }
    return 0;
}

/* How long nothing is due. */
static int
s_wait_ms(const broker_t *self)
{
    int64_t core_us = core_next_due_us(self->core);
    int64_t desk_us = desk_due_us(self->desk);
    int64_t due_us = core_us < desk_us ? core_us : desk_us;
    int64_t now_us = clock_us();
    if (due_us <= now_us)
        return 0;
    int64_t wait_ms = (due_us - now_us) / 1000 + 1;
    return wait_ms < WAIT_MS_MAX ? (int)wait_ms : WAIT_MS_MAX;
}

/* What there is to poll: both sockets, both watches, the signals. */
enum { POLL_SOCKETS = 0, POLL_WATCHES = SIDES, POLL_SIGNALS = 2 * SIDES };

static void
s_poll(broker_t *self, bool more, zmq_pollitem_t items[POLL_SIGNALS + 1])
{
    for (int side = 0; side < SIDES; side++) {
        items[POLL_SOCKETS + side] =
            (zmq_pollitem_t){.socket = zsock_resolve(self->link.sockets[side]),
                             .events = ZMQ_POLLIN};
        items[POLL_WATCHES + side] =
            (zmq_pollitem_t){.socket = zsock_resolve(self->link.watches[side]),
                             .events = ZMQ_POLLIN};
    }
    items[POLL_SIGNALS] =
        (zmq_pollitem_t){.fd = self->signals, .events = ZMQ_POLLIN};
    zmq_poll(items, POLL_SIGNALS + 1, more ? 0 : s_wait_ms(self));
    self->now_us = clock_us();
}

static int
s_turn(broker_t *self, bool more, bool *again, fault_t *fault)
{
    zmq_pollitem_t items[POLL_SIGNALS + 1];
    bool ready[SIDES];
    int received = 0;
    s_poll(self, more, items);
    if (items[POLL_SIGNALS].revents && s_take_signals(self, fault) != 0)
        return -1;
    for (int side = 0; side < SIDES; side++) {
        ready[side] = items[POLL_SOCKETS + side].revents & ZMQ_POLLIN;
        if (items[POLL_WATCHES + side].revents &&
            watch_take(self->link.watches[side]))
            core_disturbed(self->core, (side_t)side, self->now_us);
    }
    *again = s_receive_burst(self, ready, &received);
    core_tick(self->core, self->now_us);
    desk_answer(self->desk, self->core, &self->link,
                received ? CHUNKS_BUSY : CHUNKS_QUIET, self->now_us);
    return 0;
}

static int
s_serve(broker_t *self, fault_t *fault)
{
    bool more = false;
    while (core_phase(self->core) < CORE_DRAINED)
        if (s_turn(self, more, &more, fault) != 0)
            return -1;
    if (core_phase(self->core) == CORE_CUT_SHORT)
        return fault_set(
            fault, FAULT_TIMEOUT,
            "jobs were given up: not finished in drain_ms, %" PRIu32 " ms",
            self->config->core.drain_ms);
    return 0;
}

/* --- start and end ---------------------------------------------------------
 */

static int
s_open_signals(broker_t *self, fault_t *fault)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    self->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (self->signals < 0)
        return fault_set(fault, FAULT_SYSTEM, "no signalfd: %s",
                         strerror(errno));
    return 0;
}

/* A session is a descriptor. */
static int
s_check_files(const broker_t *self, fault_t *fault)
{
    const core_config_t *core = &self->config->core;
    if (wire_allow_files((uint64_t)core->sessions_clients +
                             core->sessions_workers + FILES_EXTRA,
                         fault) == 0)
        return 0;
    if (fault)
        fault->code = FAULT_CONFIG;
    return fault_prefix(fault, "broker.sessions_clients and sessions_workers");
}

static void
s_announce(broker_t *self)
{
    char clients[BROKER_ENDPOINT_MAX], workers[BROKER_ENDPOINT_MAX];
    char digest[DIGEST_HEX + 1];
    printf(
        "ready clients=%s workers=%s model=%s digest=%s\n",
        wire_bound(self->link.sockets[SIDE_CLIENTS], clients, sizeof clients),
        wire_bound(self->link.sockets[SIDE_WORKERS], workers, sizeof workers),
        self->model->name, digest_text(&self->model->digest, digest, 12));
    fflush(stdout);
}

/* Frames belong to libzmq: they go before it is stopped. */
static void
s_release_frames(broker_t *self)
{
    core_destroy(&self->core);
    desk_destroy(&self->desk);
    payload_destroy(&self->welcome);
}

int
broker_run(broker_t *self, fault_t *fault)
{
    if (s_open_signals(self, fault) != 0)
        return -1;
    wire_start();
    const char *const endpoints[SIDES] = {
        [SIDE_CLIENTS] = self->config->clients,
        [SIDE_WORKERS] = self->config->workers,
    };
    int result =
        link_bind(&self->link, endpoints, self->frame_bytes_max, fault);
    if (result == 0) {
        s_announce(self);
        result = s_serve(self, fault);
    }
    link_close(&self->link, self->signals_taken > 1 ? 0 : BYE_MS);
    s_release_frames(self);
    wire_stop();
    return result;
}

static int
s_check_frames(broker_t *self, fault_t *fault)
{
    uint64_t need = welcome_frame_bytes(self->model);
    uint64_t limit = self->config->core.frame_bytes;
    if (need > limit)
        return fault_set(fault, FAULT_CONFIG,
                         "the model moves tensors of %" PRIu64
                         " bytes, and broker.frame_mib allows %" PRIu64,
                         need, limit);
    self->frame_bytes_max = need > PROTO_CHUNK_MAX ? need : PROTO_CHUNK_MAX;
    return 0;
}

static int
s_make_core(broker_t *self, fault_t *fault)
{
    const model_t *model = self->model;
    core_part_t parts[PROTO_PARTS_MAX] = {0};
    assert(model->parts_count <= PROTO_PARTS_MAX);
    for (int k = 0; k < model->parts_count; k++) {
        const part_t *part = &model->parts[k];
        parts[k] = (core_part_t){.digest = part->digest,
                                 .bytes = part->bytes,
                                 .inputs = part->inputs,
                                 .inputs_count = (uint16_t)part->inputs_count,
                                 .outputs = part->outputs,
                                 .outputs_count = (uint16_t)part->outputs_count,
                                 .cost = part->flop + 1};
    }
    core_config_t config = self->config->core;
    config.model_digest = model->digest;
    config.parts = parts;
    config.parts_count = (uint16_t)model->parts_count;
    config.info = self->welcome;
    config.frame_bytes = self->frame_bytes_max;
    randombytes_buf(config.seed, sizeof config.seed);
    randombytes_buf(&config.boot_id, sizeof config.boot_id);
    core_host_t host = {.self = self,
                        .send = s_host_send,
                        .release = s_host_release,
                        .fetch = s_host_fetch,
                        .status = s_host_status,
                        .log = s_host_log};
    self->core = core_new(&config, &host, clock_us(), fault);
    return self->core ? 0 : -1;
}

broker_t *
broker_new(const broker_config_t *config, const model_t *model,
           const store_t *store, fault_t *fault)
{
    if (sodium_init() < 0)
        return fault_null(fault, FAULT_SYSTEM, "libsodium does not start");
    broker_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->config = config;
    self->model = model;
    self->signals = -1;
    uint32_t workers_max = config->core.sessions_workers;
    if (s_check_files(self, fault) != 0 || s_check_frames(self, fault) != 0 ||
        !(self->desk = desk_new(model, store, workers_max, fault)) ||
        !(self->welcome =
              welcome_encode(config, model, self->frame_bytes_max, fault)) ||
        s_make_core(self, fault) != 0)
        broker_destroy(&self);
    return self;
}

void
broker_destroy(broker_t **self)
{
    if (!*self)
        return;
    s_release_frames(*self);
    if ((*self)->signals >= 0)
        close((*self)->signals);
    free(*self);
    *self = NULL;
}
