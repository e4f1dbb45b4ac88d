/* The link: performs what the dialog decides, on one socket. */
#include "client/link_state.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/info.h"
#include "common/logger.h"
#include "common/mem.h"

enum {
    CLIENTS_PORT = 5570,
    RECEIVE_BATCH = 64, /* messages taken before sending gets a turn */
    BYE_MS = 500,
    POLL_MS_MAX = 1000,
};

link_t *
link_new(const link_options_t *options, fault_t *fault)
{
    if (sodium_init() < 0)
        return fault_null(fault, FAULT_SYSTEM, "libsodium does not start");
    struct {
        uint8_t peer_id[16];
        uint64_t seeds[2];
    } random;
    randombytes_buf(&random, sizeof random);

    link_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->stop = options->stop;
    service_init(&self->service);
    dialog_init(&self->dialog, random.peer_id, random.seeds[0] | 1, clock_ms());
    if (outcomes_init(&self->outcomes, fault) ||
        ledger_init(&self->ledger, random.peer_id, random.seeds[1] | 1,
                    fault) ||
        wire_endpoint(options->broker, CLIENTS_PORT, self->endpoint,
                      sizeof self->endpoint, fault))
        link_destroy(&self);
    return self;
}

/* --- the session --- */

int
link_put(link_t *self, message_t *message, const payload_t *payload,
         int64_t now)
{
    wire_status_t status = wire_send(self->socket, NULL, message, payload);
    self->blocked = status != WIRE_OK;
    if (status == WIRE_OK)
        dialog_sent(&self->dialog, now);
    return status == WIRE_OK ? 0 : -1;
}

static int
s_take_welcome(link_t *self, const payload_t *payload, fault_t *fault)
{
    size_t size = 0;
    const void *bytes = payload ? payload_frame(payload, 0, &size) : "";
    json_t *object = info_decode(bytes, size, fault);
    service_t service;
    int result = object ? service_decode(&service, object, fault) : -1;
    json_decref(object);
    if (result)
        return -1;
    if (self->welcome) {
        /* Jobs under way name the digest that they were made for. */
        if (!digest_equal(&service.digest, &self->service.digest))
            logger_warning("%s now serves another model", self->endpoint);
        service_release(&service);
        return 0;
    }
    self->service = service;
    self->welcome = true;
    for (int i = 0; i < service.outputs_count; i++)
        dialog_expect(&self->dialog,
                      tensor_bytes(service.outputs[i].dtype,
                                   &service.outputs[i].shape, 1));
    return 0;
}

static void
s_perform(link_t *self, unsigned duties, int64_t now)
{
    message_t message;
    if (duties & DUTY_CLOSE)
        wire_close(&self->socket, 0);
    if (duties & DUTY_OPEN) {
        fault_t fault;
        self->blocked = false;
        self->socket = wire_connect(self->endpoint, PROTO_FRAME_MAX, &fault);
        if (!self->socket)
            dialog_distrust(&self->dialog, &fault, now);
    }
    if (duties & DUTY_HELLO) {
        dialog_hello(&self->dialog, &message);
        link_put(self, &message, NULL, now);
    }
    if (duties & DUTY_HEARTBEAT) {
        dialog_begin(&self->dialog, MESSAGE_HEARTBEAT, &message);
        link_put(self, &message, NULL, now);
        dialog_sent(&self->dialog, now); /* a full link: the next interval */
    }
    if (duties & DUTY_FAIL)
        self->failed = true;
}

/* What a new session asks for; other duties where its WELCOME is no good. */
static unsigned
s_begin_session(link_t *self, const payload_t *payload, int64_t now)
{
    fault_t fault;
    if (s_take_welcome(self, payload, &fault))
        return dialog_distrust(&self->dialog, &fault, now);
    self->retries += ledger_resume(&self->ledger, now);
    self->asked = false;
    return 0;
}

static void
s_receive(link_t *self)
{
    for (int i = 0; self->socket && i < RECEIVE_BATCH; i++) {
        message_t message;
        payload_t *payload;
        fault_t fault;
        wire_status_t status =
            wire_receive(self->socket, NULL, &message, &payload, &fault);
        int64_t now = clock_ms();
        if (status == WIRE_MALFORMED) {
            logger_debug("%s: %s", self->endpoint, fault.text);
            continue;
        }
        if (status != WIRE_OK)
            return;
        unsigned duties = dialog_message(&self->dialog, &message, now);
        if (duties & DUTY_WELCOME)
            duties = s_begin_session(self, payload, now);
        if (duties & DUTY_MESSAGE)
            link_jobs_take(self, &message, &payload, now);
        s_perform(self, duties, now);
        payload_destroy(&payload);
    }
}

/* --- the loop --- */

static void
s_send_question(link_t *self, int64_t now)
{
    if (!self->question || self->asked || self->blocked)
        return;
    message_t message;
    dialog_begin(&self->dialog, self->question, &message);
    if (self->question == MESSAGE_DRAIN) {
        snprintf(message.name, sizeof message.name, "%s", self->worker);
        message.present |= key_bit(KEY_NAME);
    }
    self->asked = link_put(self, &message, NULL, now) == 0;
}

static int64_t
s_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void
s_poll(link_t *self, int64_t until_ms)
{
    int64_t now = clock_ms();
    int64_t due =
        s_least(dialog_due(&self->dialog), ledger_due(&self->ledger, now));
    int64_t wait = s_least(due, until_ms) - now;
    wait = wait < 0 ? 0 : s_least(wait, POLL_MS_MAX);
    if (!self->socket) {
        zmq_poll(NULL, 0, (long)wait);
        return;
    }
    bool calling = self->dialog.state == DIALOG_CALLING;
    zmq_pollitem_t item = {.socket = zsock_resolve(self->socket),
                           .events = ZMQ_POLLIN};
    if (calling || self->blocked)
        item.events |= ZMQ_POLLOUT;
    if (zmq_poll(&item, 1, (long)wait) < 1)
        return;
    if (item.revents & ZMQ_POLLOUT) {
        self->blocked = false;
        if (calling)
            s_perform(self, dialog_writable(&self->dialog, clock_ms()),
                      clock_ms());
    }
}

/* Is there something that the caller waits for? */
static bool
s_ready(const link_t *self)
{
    return self->outcomes.count || self->failed || self->answered ||
           self->refusal.code;
}

/* One turn: what is due, what can go; then wait, and take what came. */
static void
s_turn(link_t *self, int64_t until_ms)
{
    int64_t now = clock_ms();
    s_perform(self, dialog_tick(&self->dialog, now), now);
    link_jobs_expire(self, now);
    if (self->dialog.state == DIALOG_ACTIVE) {
        self->seen_ms = now;
        s_send_question(self, now);
        link_jobs_send(self, now);
    }
    s_poll(self, s_ready(self) ? 0 : until_ms);
    s_receive(self);
}

static bool
s_interrupted(const link_t *self)
{
    return self->stop && *self->stop;
}

static int
s_stopped(const link_t *self, fault_t *fault)
{
    if (self->failed) {
        if (fault)
            *fault = self->dialog.fault;
        return fault_prefix(fault, "%s", self->endpoint);
    }
    if (s_interrupted(self))
        return fault_set(fault, FAULT_CANCELLED, "interrupted");
    return 0;
}

int
link_connect(link_t *self, int64_t timeout_ms, fault_t *fault)
{
    int64_t until = clock_ms() + timeout_ms;
    while (self->dialog.state != DIALOG_ACTIVE) {
        if (s_stopped(self, fault))
            return -1;
        if (clock_ms() >= until) {
            const fault_t *last = &self->dialog.fault;
            if (last->code && last->code != FAULT_NO_BROKER)
                return fault_set(fault, last->code, "%s: %s", self->endpoint,
                                 last->text);
            return fault_set(fault, FAULT_NO_BROKER,
                             "no broker answered at %s within %lld ms",
                             self->endpoint, (long long)timeout_ms);
        }
        s_turn(self, until);
    }
    return 0;
}

const service_t *
link_service(const link_t *self)
{
    return &self->service;
}

size_t
link_open(const link_t *self)
{
    return self->ledger.count + self->outcomes.count;
}

size_t
link_window(const link_t *self)
{
    const dialog_t *dialog = &self->dialog;
    uint64_t window = dialog->window_jobs;
    if (dialog->charge_bytes) {
        uint64_t fitting = self->service.window_bytes / dialog->charge_bytes;
        window = fitting < window ? fitting : window;
    }
    if (window < 1)
        window = 1;
    return window < LEDGER_JOBS_MAX ? (size_t)window : LEDGER_JOBS_MAX;
}

int
link_wait(link_t *self, int64_t timeout_ms, outcome_t *outcome, fault_t *fault)
{
    int64_t until = clock_ms() + timeout_ms;
    do {
        if (!s_interrupted(self)) /* or a busy loop would always find more */
            s_turn(self, until);
        if (outcomes_take(&self->outcomes, outcome))
            return 1;
        if (s_stopped(self, fault))
            return -1;
    } while (clock_ms() < until);
    return 0;
}

/* --- questions --- */

static int
s_ask(link_t *self, message_type_t question, int64_t timeout_ms, fault_t *fault)
{
    int64_t until = clock_ms() + timeout_ms;
    int result = 0;
    self->question = question;
    self->asked = self->answered = false;
    fault_clear(&self->refusal);
    while (result == 0 && !self->refusal.code && !self->answered) {
        s_turn(self, until);
        result = s_stopped(self, fault);
        if (result == 0 && !self->answered && clock_ms() >= until)
            result =
                fault_set(fault, FAULT_TIMEOUT,
                          "no answer from the broker at %s", self->endpoint);
    }
    if (result == 0 && self->refusal.code) {
        *fault = self->refusal;
        result = -1;
    }
    self->question = 0;
    self->answered = false;
    fault_clear(&self->refusal);
    return result;
}

json_t *
link_status(link_t *self, int64_t timeout_ms, fault_t *fault)
{
    int result = s_ask(self, MESSAGE_STATUS, timeout_ms, fault);
    json_t *status = self->status;
    self->status = NULL;
    if (result == 0)
        return status;
    json_decref(status);
    return NULL;
}

int
link_drain(link_t *self, const char *worker, int64_t timeout_ms, fault_t *fault)
{
    snprintf(self->worker, sizeof self->worker, "%s", worker);
    return s_ask(self, MESSAGE_DRAIN, timeout_ms, fault);
}

int64_t
link_away_ms(const link_t *self)
{
    bool active = self->dialog.state == DIALOG_ACTIVE;
    return active ? 0 : clock_ms() - self->seen_ms;
}

uint64_t
link_retries(const link_t *self)
{
    return self->retries;
}

void
link_destroy(link_t **self)
{
    link_t *link = *self;
    if (!link)
        return;
    if (link->socket && link->dialog.state == DIALOG_ACTIVE) {
        message_t bye;
        for (size_t i = 0; i < link->ledger.used; i++)
            link_jobs_cancel(link, &link->ledger.entries[i], clock_ms());
        dialog_begin(&link->dialog, MESSAGE_BYE, &bye);
        bye.present |= key_bit(KEY_CODE);
        wire_send(link->socket, NULL, &bye, NULL);
    }
    wire_close(&link->socket, BYE_MS);
    outcomes_release(&link->outcomes);
    ledger_release(&link->ledger);
    service_release(&link->service);
    json_decref(link->status);
    free(link);
    *self = NULL;
}
