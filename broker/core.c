/* The broker's core: life, the table of messages, steps and timers. */
#include "broker/core_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/siphash.h"
#include "common/mem.h"

void
core_config_init(core_config_t *self)
{
    *self = (core_config_t){
        .memory_bytes = (uint64_t)512 << 20,
        .frame_bytes = (uint64_t)64 << 20,
        .queue_jobs = 1024,
        .window_jobs = 32,
        .window_bytes = (uint64_t)64 << 20,
        .sessions_clients = 256,
        .sessions_workers = 256,
        .heartbeat_ms = 1000,
        .misses = 3,
        .lease_min_ms = 2000,
        .lease_max_ms = 60000,
        .attempts = 3,
        .drain_ms = 30000,
        .remember_jobs = 65536,
        .remember_bytes = 16 << 20,
        .clients_may_drain = true,
    };
}

/* Bytes of one job's tensors; 0 where a spec is none of one sample. */
static uint64_t
s_boundary_bytes(const tensor_spec_t *specs, uint16_t count)
{
    uint64_t sum = 0;
    for (uint16_t i = 0; i < count; i++) {
        uint64_t bytes = tensor_bytes(specs[i].dtype, &specs[i].shape, 1);
        if (bytes == 0)
            return 0;
        sum += bytes;
    }
    return sum;
}

static int
s_measure_parts(core_t *self, fault_t *fault)
{
    uint64_t most = 0;
    for (uint16_t i = 0; i < self->config.parts_count; i++) {
        part_t *part = &self->parts[i];
        part->config = self->config.parts[i];
        part->in_bytes =
            s_boundary_bytes(part->config.inputs, part->config.inputs_count);
        part->out_bytes =
            s_boundary_bytes(part->config.outputs, part->config.outputs_count);
        if (part->in_bytes == 0 || part->out_bytes == 0)
            return fault_set(fault, FAULT_CONFIG,
                             "part %u has a boundary without bytes", i);
        if (part->in_bytes + part->out_bytes > most)
            most = part->in_bytes + part->out_bytes;
    }
    self->charge_bytes = most + CHARGE_EXTRA_BYTES;
    if (self->charge_bytes > self->config.memory_bytes)
        return fault_set(fault, FAULT_CONFIG,
                         "broker.memory_mib is too small: one job of this "
                         "model takes %llu bytes",
                         (unsigned long long)self->charge_bytes);
    return 0;
}

static void
s_release(void *context, payload_t *payload)
{
    core_release(context, &payload);
}

static int
s_init(core_t *self, fault_t *fault)
{
    const core_config_t *config = &self->config;
    uint32_t sessions = config->sessions_clients + config->sessions_workers;
    uint32_t timers = 3 * sessions + 2 * config->queue_jobs + 2;
    if (s_measure_parts(self, fault) != 0 ||
        registry_init(&self->registry, config->sessions_clients,
                      config->sessions_workers, config->seed, fault) != 0 ||
        jobs_init(&self->jobs, config->queue_jobs, config->parts_count,
                  config->seed, fault) != 0 ||
        done_init(&self->done, config->parts_count, config->remember_jobs,
                  config->remember_bytes, config->seed, s_release, self,
                  fault) != 0 ||
        sched_init(&self->sched, config->parts_count, config->queue_jobs,
                   config->sessions_workers, self->now_us, fault) != 0 ||
        timers_init(&self->timers, timers, fault) != 0 ||
        strikes_init(&self->strikes, 4 * sessions, fault) != 0)
        return -1;
    return 0;
}

core_t *
core_new(const core_config_t *config, const core_host_t *host, int64_t now_us,
         fault_t *fault)
{
    if (config->parts_count == 0 || config->parts_count > PROTO_PARTS_MAX)
        return fault_null(fault, FAULT_CONFIG, "a model has 1 to %d parts",
                          PROTO_PARTS_MAX);
    core_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->config = *config;
    self->host = *host;
    self->now_us = self->started_us = now_us;
    list_init(&self->doomed);
    alarm_init(&self->done_alarm, TIMER_DONE, self);
    alarm_init(&self->drain_alarm, TIMER_DRAIN, self);
    self->parts = mem_new(config->parts_count, sizeof *self->parts, fault);
    if (!self->parts || s_init(self, fault) != 0)
        core_destroy(&self);
    return self;
}

void
core_destroy(core_t **self_)
{
    core_t *self = *self_;
    if (!self)
        return;
    for (uint32_t i = 0; self->jobs.rows && i < self->jobs.capacity; i++)
        if (self->jobs.rows[i].state != JOB_FREE)
            core_release(self, &self->jobs.rows[i].payload);
    done_release(&self->done);
    jobs_release(&self->jobs);
    registry_release(&self->registry);
    sched_release(&self->sched);
    timers_release(&self->timers);
    strikes_release(&self->strikes);
    free(self->parts);
    free(self);
    *self_ = NULL;
}

/* --- what every file uses --- */

uint64_t
core_random(core_t *self)
{
    self->random_count++;
    return siphash(self->config.seed, &self->random_count,
                   sizeof self->random_count);
}

payload_t *
core_take_incoming(core_t *self)
{
    payload_t *payload = self->incoming;
    self->incoming = NULL;
    return payload;
}

void
core_release(core_t *self, payload_t **payload)
{
    if (*payload)
        self->host.release(self->host.self, *payload);
    *payload = NULL;
}

message_t *
core_message(core_t *self, message_type_t type)
{
    message_init(&self->out, type);
    return &self->out;
}

void
core_put_text(message_t *message, const char *text)
{
    size_t size = strnlen(text, PROTO_TEXT_MAX);
    memcpy(message->text, text, size);
    message->text[size] = '\0';
    message->present |= key_bit(KEY_TEXT);
}

sent_t
core_send(core_t *self, session_t *session, const payload_t *payload)
{
    if (session->doomed)
        return SENT_GONE;
    self->out.session = session->id;
    self->out.present |= key_bit(KEY_SESSION);
    sent_t sent = self->host.send(self->host.self, session->side,
                                  &session->peer, &self->out, payload);
    if (sent == SENT_OK)
        session->sent_us = self->now_us;
    else if (sent == SENT_FULL)
        self->counters.send_full++;
    else
        peers_doom(self, session, "its connection is gone");
    return sent;
}

/* --- steps --- */

static void
s_begin(core_t *self, int64_t now_us)
{
    if (now_us > self->now_us)
        self->now_us = now_us;
}

static void
s_finish(core_t *self, core_phase_t phase)
{
    peers_dismiss(self, FAULT_SHUTDOWN);
    self->phase = phase;
    core_log(self, CORE_INFO, "%s",
             phase == CORE_DRAINED ? "drained: every job had its outcome"
                                   : "drain timeout: jobs were given up");
}

static void
s_settle(core_t *self)
{
    while (!list_is_empty(&self->doomed) || self->sched.dirty_count > 0) {
        peers_reap(self);
        flow_dispatch(self);
    }
}

static void
s_end(core_t *self)
{
    core_release(self, &self->incoming);
    s_settle(self);
    if (self->phase == CORE_DRAINING && self->jobs.count == 0) {
        s_finish(self, CORE_DRAINED);
        s_settle(self);
    }
    if (self->done.count > 0 && !heap_holds(&self->done_alarm.node))
        timers_set(&self->timers, &self->done_alarm, done_next_us(&self->done));
    if (self->phase == CORE_DRAINING && self->jobs.count == 0)
        s_finish(self, CORE_DRAINED);
}

static void
s_on_done(core_t *self, void *owner)
{
    (void)owner;
    done_expire(&self->done, self->now_us);
}

/* Time is up: whoever still waits is told that it was the broker. */
static void
s_on_drain(core_t *self, void *owner)
{
    (void)owner;
    for (uint32_t i = 0; i < self->jobs.capacity; i++) {
        job_t *job = &self->jobs.rows[i];
        if (job->state == JOB_FREE || job->state == JOB_DELIVERING)
            continue;
        job->outcome.text[0] = '\0';
        flow_fail(self, job, FAULT_SHUTDOWN);
    }
    s_finish(self, CORE_CUT_SHORT);
}

static void (*const s_on_timer[TIMER_KINDS])(core_t *, void *) = {
    [TIMER_BEAT] = peers_on_beat,    [TIMER_SILENCE] = peers_on_silence,
    [TIMER_RETRY] = peers_on_retry,  [TIMER_JOB_END] = flow_on_end,
    [TIMER_JOB_STEP] = flow_on_step, [TIMER_DONE] = s_on_done,
    [TIMER_DRAIN] = s_on_drain,
};

void
core_tick(core_t *self, int64_t now_us)
{
    s_begin(self, now_us);
    for (alarm_t *due; (due = timers_take(&self->timers, self->now_us));)
        s_on_timer[due->kind](self, due->owner);
    s_end(self);
}

int64_t
core_next_due_us(const core_t *self)
{
    return timers_next_us(&self->timers);
}

void
core_drain(core_t *self, int64_t now_us)
{
    s_begin(self, now_us);
    if (self->phase != CORE_SERVING)
        return;
    self->phase = CORE_DRAINING;
    timers_set(&self->timers, &self->drain_alarm,
               self->now_us + us_from_ms(self->config.drain_ms));
    session_t *session;
    for (uint32_t i = 0;
         (session = registry_row(&self->registry, SIDE_CLIENTS, i)); i++) {
        if (session->state == SESSION_FREE)
            continue;
        core_message(self, MESSAGE_DRAIN);
        core_send(self, session, NULL);
    }
    s_end(self);
}

core_phase_t
core_phase(const core_t *self)
{
    return self->phase;
}

/* --- messages --- */

typedef void handle_t(core_t *self, session_t *session,
                      const core_input_t *input);

enum {
    IN_LOADING = 1 << SESSION_LOADING,
    IN_READY = 1 << SESSION_READY,
    IN_DRAINING = 1 << SESSION_DRAINING,
    IN_ANY = IN_LOADING | IN_READY | IN_DRAINING,
    IN_SERVICE = IN_READY | IN_DRAINING,
};

typedef struct handler {
    handle_t *handle;
    unsigned states; /* of the session in which it may come */
    bool frames;     /* may bring frames */
} handler_t;

/* message_required knows which of them a role may send at all. */
static const handler_t s_handlers[SIDES][MESSAGE_STATUS_REPLY + 1] =
    {
        [SIDE_CLIENTS] =
            {
                [MESSAGE_HEARTBEAT] = {peers_heartbeat, IN_ANY, false},
                [MESSAGE_SUBMIT] = {clients_submit, IN_ANY, true},
                [MESSAGE_CANCEL] = {clients_cancel, IN_ANY, false},
                [MESSAGE_DRAIN] = {clients_drain, IN_ANY, false},
                [MESSAGE_STATUS] = {clients_status, IN_ANY, false},
                [MESSAGE_BYE] = {peers_bye, IN_ANY, false},
            },
        [SIDE_WORKERS] =
            {
                [MESSAGE_HEARTBEAT] = {peers_heartbeat, IN_ANY, false},
                [MESSAGE_CREDIT] = {workers_credit, IN_ANY, false},
                [MESSAGE_RESULT] = {workers_result, IN_SERVICE, true},
                [MESSAGE_ERROR] = {workers_error, IN_SERVICE, false},
                [MESSAGE_DRAIN] = {workers_drain, IN_ANY, false},
                [MESSAGE_FETCH] = {workers_fetch, IN_LOADING | IN_READY, false},
                [MESSAGE_BYE] = {peers_bye, IN_ANY, false},
            },
};

/* Why this message may not come from this session now, or NULL. */
static const char *
s_objection(const core_input_t *input, const session_t *session,
            const handler_t *handler)
{
    const message_t *message = input->message;
    uint64_t required = message_required(
        message->type, input->side == SIDE_CLIENTS ? ROLE_CLIENT : ROLE_WORKER);
    if (required == 0 || !handler->handle)
        return "the message goes the wrong way";
    if (!message_has(message, required))
        return "the message lacks a key";
    if (input->frames_count > 0 && !handler->frames)
        return "the message may not bring frames";
    if (!(handler->states & 1u << session->state))
        return "the message comes at the wrong moment";
    return NULL;
}

static void
s_handle(core_t *self, session_t *session, const core_input_t *input)
{
    const message_t *message = input->message;
    static const handler_t none;
    const handler_t *handler = (unsigned)message->type <= MESSAGE_STATUS_REPLY
                                   ? &s_handlers[input->side][message->type]
                                   : &none;
    const char *objection = s_objection(input, session, handler);
    if (objection) {
        fault_t fault;
        fault_set(&fault, FAULT_BAD_FRAME, "%s: %s",
                  message_name(message->type), objection);
        peers_complain(self, input->side, &input->peer, fault.text);
        peers_strike(self, input->side, &input->peer, session, fault.text);
        return;
    }
    if (message->session != session->id) {
        self->counters.unknown++; /* of an earlier session, still on the way */
        return;
    }
    session->heard_us = self->now_us;
    handler->handle(self, session, input);
}

void
core_receive(core_t *self, const core_input_t *input, int64_t now_us)
{
    s_begin(self, now_us);
    assert(!self->incoming && input->peer.size <= PEER_BYTES_MAX);
    self->incoming = input->payload;
    bool over = self->phase == CORE_DRAINED || self->phase == CORE_CUT_SHORT;
    if (!over && !peers_are_banned(self, input->side, &input->peer)) {
        session_t *session =
            registry_find(&self->registry, input->side, &input->peer);
        if (input->message->type == MESSAGE_HELLO)
            peers_hello(self, session, input);
        else if (!session)
            peers_unknown(self, input);
        else
            s_handle(self, session, input);
    }
    s_end(self);
}

void
core_malformed(core_t *self, side_t side, const peer_t *peer,
               const fault_t *fault, int64_t now_us)
{
    s_begin(self, now_us);
    if (!peers_are_banned(self, side, peer)) {
        self->counters.malformed++;
        session_t *session = registry_find(&self->registry, side, peer);
        if (fault->code == FAULT_REJECT_VERSION)
            peers_reject(self, side, peer, fault->code, fault->text);
        else
            peers_complain(self, side, peer, fault->text);
        peers_strike(self, side, peer, session, fault->text);
    }
    s_end(self);
}

void
core_fetched(core_t *self, const peer_t *worker, sent_t sent, int64_t now_us)
{
    s_begin(self, now_us);
    session_t *session = registry_find(&self->registry, SIDE_WORKERS, worker);
    if (session && session->worker.fetches > 0)
        session->worker.fetches--;
    if (session && sent == SENT_OK)
        session->sent_us = self->now_us;
    if (session && sent == SENT_GONE)
        peers_doom(self, session, "its connection is gone");
    s_end(self);
}

void
core_gone(core_t *self, side_t side, const peer_t *peer, int64_t now_us)
{
    s_begin(self, now_us);
    session_t *session = registry_find(&self->registry, side, peer);
    if (session)
        peers_doom(self, session, "its connection is gone");
    s_end(self);
}
