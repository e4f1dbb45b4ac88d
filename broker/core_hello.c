/* HELLO: who may come in, and what it is told. */
#include "broker/core_state.h"

#include <string.h>

/* A peer that cannot even take its WELCOME has to start over. */
static void
s_send_welcome(core_t *self, session_t *session, const payload_t *info)
{
    if (core_send(self, session, info) == SENT_FULL)
        peers_doom(self, session, "it does not take its WELCOME");
}

/* What both roles learn. */
static message_t *
s_welcome(core_t *self)
{
    message_t *message = core_message(self, MESSAGE_WELCOME);
    message->boot_id = self->config.boot_id;
    message->heartbeat_ms = (uint16_t)self->config.heartbeat_ms;
    message->misses = (uint8_t)self->config.misses;
    message->frame_bytes_max = self->config.frame_bytes;
    message->total_bytes_max = self->charge_bytes;
    message->model_digest = self->config.model_digest;
    message->part_count = self->config.parts_count;
    message->present |= key_bit(KEY_BOOT_ID) | key_bit(KEY_LIVENESS) |
                        key_bit(KEY_LIMITS) | key_bit(KEY_MODEL_DIGEST) |
                        key_bit(KEY_PART);
    return message;
}

static session_t *
s_admit(core_t *self, const core_input_t *input)
{
    session_t *session =
        registry_add(&self->registry, input->side, &input->peer,
                     input->message->peer_id, input->message->name);
    if (!session) {
        peers_reject(self, input->side, &input->peer, FAULT_REJECT_FULL,
                     "the broker has no room for another session");
        return NULL;
    }
    session->id = core_random(self);
    session->heard_us = session->sent_us = self->now_us;
    alarm_init(&session->beat, TIMER_BEAT, session);
    alarm_init(&session->silence, TIMER_SILENCE, session);
    alarm_init(&session->retry, TIMER_RETRY, session);
    timers_set(&self->timers, &session->beat,
               self->now_us + peers_beat_us(self));
    timers_set(&self->timers, &session->silence,
               self->now_us + peers_silence_us(self, session));
    return session;
}

static void
s_hello_client(core_t *self, const core_input_t *input)
{
    const message_t *hello = input->message;
    session_t *old =
        registry_find_identity(&self->registry, SIDE_CLIENTS, hello->peer_id);
    if (self->phase != CORE_SERVING) {
        peers_reject(self, input->side, &input->peer, FAULT_REJECT_DRAINING,
                     "the broker is shutting down");
        return;
    }
    if (old && memcmp(old->peer_id, hello->peer_id, PEER_ID_BYTES) != 0) {
        peers_reject(self, input->side, &input->peer, FAULT_REJECT_AUTH,
                     "another client has this client id");
        return;
    }
    if (old)
        peers_end(self, old, SESSION_LOST, "it has a new connection");
    session_t *session = s_admit(self, input);
    if (!session)
        return;
    session->state = SESSION_READY;
    message_t *message = s_welcome(self);
    message->credit_total = self->config.window_jobs;
    message->present |= key_bit(KEY_CREDIT_TOTAL);
    s_send_welcome(self, session, self->config.info);
}

/* The name in it tells the worker that waiting for room will not help. */
static void
s_reject_name(core_t *self, const core_input_t *input)
{
    fault_t fault;
    const char *name = input->message->name;
    fault_set(&fault, FAULT_REJECT_FULL, "a worker named %s is already here",
              name);
    message_t *message = core_message(self, MESSAGE_REJECT);
    core_put_code(message, (uint16_t)fault.code);
    core_put_text(message, fault.text);
    strcpy(message->name, name);
    message->present |= key_bit(KEY_NAME);
    self->counters.rejected++;
    peers_send(self, input->side, &input->peer);
    core_log(self, CORE_INFO, "worker refused: %s", fault.text);
}

static void
s_hello_worker(core_t *self, const core_input_t *input)
{
    const message_t *hello = input->message;
    fault_t fault;
    uint16_t part = hello->part_index == PROTO_PART_AUTO
                        ? workers_choose_part(self)
                        : hello->part_index;
    if (part >= self->config.parts_count) {
        fault_set(&fault, FAULT_REJECT_PART,
                  "there is no part %u: the model has parts 0 to %u", part,
                  self->config.parts_count - 1u);
        peers_reject(self, input->side, &input->peer, fault.code, fault.text);
        return;
    }
    session_t *old =
        registry_find_identity(&self->registry, SIDE_WORKERS, hello->peer_id);
    if (old)
        peers_end(self, old, SESSION_LOST, "it has a new connection");
    if (registry_find_worker(&self->registry, hello->name)) {
        s_reject_name(self, input);
        return;
    }
    session_t *session = s_admit(self, input);
    if (!session)
        return;
    session->worker.part = part;
    if (message_has(hello, key_bit(KEY_BUILD)))
        strcpy(session->worker.build, hello->build);
    workers_move(self, session, SESSION_LOADING);

    const station_t *served = &self->parts[part];
    message_t *message = s_welcome(self);
    message->part_index = part;
    message->part_digest = served->config.digest;
    message->total = served->config.bytes;
    message->in_bytes_max = served->in_bytes;
    message->out_bytes_max = served->out_bytes;
    message->present |=
        key_bit(KEY_PART_DIGEST) | key_bit(KEY_TOTAL) | key_bit(KEY_PART_BYTES);
    s_send_welcome(self, session, NULL);
    workers_adopt(self, session, hello);
    core_log(self, CORE_INFO, "worker %s joins part %u", session->worker.name,
             part);
}

void
peers_hello(core_t *self, session_t *session, const core_input_t *input)
{
    const message_t *hello = input->message;
    side_t side = input->side;
    role_t role = side == SIDE_CLIENTS ? ROLE_CLIENT : ROLE_WORKER;
    if (session || input->frames_count > 0) {
        peers_strike(self, side, &input->peer, session,
                     session ? "a second HELLO" : "HELLO with frames");
        return;
    }
    if (!message_has(hello, key_bit(KEY_PEER_ID) | key_bit(KEY_ROLE)) ||
        (hello->role == role &&
         !message_has(hello, message_required(MESSAGE_HELLO, role)))) {
        peers_complain(self, side, &input->peer, "HELLO lacks a key");
        peers_strike(self, side, &input->peer, NULL, "HELLO lacks a key");
        return;
    }
    if (hello->role != role) {
        peers_reject(self, side, &input->peer, FAULT_REJECT_AUTH,
                     side == SIDE_CLIENTS ? "this is the endpoint for clients"
                                          : "this is the endpoint for workers");
        return;
    }
    if (strikes_is_banned(
            &self->strikes,
            registry_identity_hash(&self->registry, side, hello->peer_id),
            self->now_us)) {
        peers_reject(self, side, &input->peer, FAULT_REJECT_BANNED,
                     "banned for a while: too many broken messages");
        return;
    }
    if (side == SIDE_CLIENTS)
        s_hello_client(self, input);
    else
        s_hello_worker(self, input);
}
