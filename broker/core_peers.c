/* Sessions: from HELLO to BYE, silence or the third strike. */
#include "broker/core_state.h"

#include <string.h>

static void
s_set_code(message_t *message, uint16_t code)
{
    message->code = code;
    message->present |= key_bit(KEY_CODE);
}

/* To somebody who may have no session. */
static void
s_send_raw(core_t *self, side_t side, const peer_t *peer)
{
    self->host.send(self->host.self, side, peer, &self->out, NULL);
}

void
peers_reject(core_t *self, side_t side, const peer_t *peer, fault_code_t code,
             const char *text)
{
    message_t *message = core_message(self, MESSAGE_REJECT);
    s_set_code(message, (uint16_t)code);
    core_put_text(message, text);
    self->counters.rejected++;
    s_send_raw(self, side, peer);
    core_log(self, CORE_INFO, "%s refused: %s",
             side == SIDE_CLIENTS ? "client" : "worker", text);
}

void
peers_unknown(core_t *self, const core_input_t *input)
{
    self->counters.unknown++;
    if (input->message->type == MESSAGE_BYE)
        return;
    uint64_t key =
        registry_peer_hash(&self->registry, input->side, &input->peer);
    if (!strikes_may_answer(&self->strikes, key, self->now_us))
        return;
    message_t *message = core_message(self, MESSAGE_REHELLO);
    message->boot_id = self->config.boot_id;
    message->present |= key_bit(KEY_BOOT_ID);
    self->counters.rehello++;
    s_send_raw(self, input->side, &input->peer);
}

void
peers_complain(core_t *self, side_t side, const peer_t *peer, const char *text)
{
    uint64_t key = registry_peer_hash(&self->registry, side, peer);
    if (!strikes_may_answer(&self->strikes, key, self->now_us))
        return;
    message_t *message = core_message(self, MESSAGE_ERROR);
    s_set_code(message, FAULT_BAD_FRAME);
    core_put_text(message, text);
    s_send_raw(self, side, peer);
}

bool
peers_are_banned(const core_t *self, side_t side, const peer_t *peer)
{
    return strikes_is_banned(&self->strikes,
                             registry_peer_hash(&self->registry, side, peer),
                             self->now_us);
}

static const char *
s_who(const session_t *session)
{
    return session && session->side == SIDE_WORKERS ? session->worker.name
                                                    : "a client";
}

void
peers_strike(core_t *self, side_t side, const peer_t *peer, session_t *session,
             const char *reason)
{
    uint64_t routing = registry_peer_hash(&self->registry, side, peer);
    uint64_t key = session ? registry_identity_hash(&self->registry, side,
                                                    session->peer_id)
                           : routing;
    self->counters.strikes++;
    core_log(self, CORE_DEBUG, "strike against %s: %s", s_who(session), reason);
    if (!strikes_add(&self->strikes, key, self->now_us))
        return;

    self->counters.banned++;
    core_log(self, CORE_WARNING, "%s is banned for %d s: %s", s_who(session),
             STRIKES_BAN_US / 1000000, reason);
    message_t *message = core_message(self, MESSAGE_BYE);
    s_set_code(message, FAULT_REJECT_BANNED);
    if (session) {
        core_send(self, session, NULL);
        peers_end(self, session, SESSION_STRUCK, reason);
    } else {
        s_send_raw(self, side, peer);
    }
    strikes_ban(&self->strikes, routing, self->now_us);
    strikes_ban(&self->strikes, key, self->now_us);
}

/* --- HELLO --- */

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

static int64_t
s_beat_us(core_t *self)
{
    int64_t us = us_from_ms(self->config.heartbeat_ms);
    return us - (int64_t)(core_random(self) % (uint64_t)(us / 10 + 1));
}

/* How long a peer may be silent: its heartbeats queue behind what it may be
 * sending or receiving on a slow link. */
static int64_t
s_silence_us(const core_t *self, const session_t *session)
{
    uint64_t bytes;
    if (session->side == SIDE_WORKERS)
        bytes = session->worker.owed_bytes +
                (uint64_t)session->worker.fetches * PROTO_CHUNK_MAX;
    else
        bytes = self->parts[0].in_bytes +
                self->parts[self->config.parts_count - 1].out_bytes;
    uint64_t heartbeat_ms = self->config.heartbeat_ms;
    return us_from_ms((int64_t)(heartbeat_ms * self->config.misses +
                                heartbeat_ms / 2 + bytes / LINK_BYTES_PER_MS));
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
    timers_set(&self->timers, &session->beat, self->now_us + s_beat_us(self));
    timers_set(&self->timers, &session->silence,
               self->now_us + s_silence_us(self, session));
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
    s_set_code(message, (uint16_t)fault.code);
    core_put_text(message, fault.text);
    strcpy(message->name, name);
    message->present |= key_bit(KEY_NAME);
    self->counters.rejected++;
    s_send_raw(self, input->side, &input->peer);
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
    sched_move(&self->sched, session, SESSION_LOADING, self->now_us);

    const part_t *served = &self->parts[part];
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

/* --- while it lasts --- */

void
peers_heartbeat(core_t *self, session_t *session, const core_input_t *input)
{
    if (session->side == SIDE_WORKERS)
        workers_heartbeat(self, session, input->message);
}

static void
s_beat(core_t *self, session_t *session)
{
    worker_t *worker = &session->worker;
    if (worker->must_drain && !worker->told_to_drain) {
        core_message(self, MESSAGE_DRAIN);
        worker->told_to_drain = core_send(self, session, NULL) == SENT_OK;
        return;
    }
    message_t *message = core_message(self, MESSAGE_HEARTBEAT);
    message->seq = ++session->seq;
    message->present |= key_bit(KEY_SEQ);
    core_send(self, session, NULL);
}

/* Our own beat is also what finds a crashed peer: its send fails. So it goes
 * out whenever nothing else did for one interval. */
void
peers_on_beat(core_t *self, void *owner)
{
    session_t *session = owner;
    int64_t due_us = session->sent_us + s_beat_us(self);
    if (due_us <= self->now_us + us_from_ms(self->config.heartbeat_ms) / 10) {
        s_beat(self, session);
        due_us = self->now_us + s_beat_us(self);
    }
    timers_set(&self->timers, &session->beat, due_us);
}

void
peers_on_silence(core_t *self, void *owner)
{
    session_t *session = owner;
    int64_t due_us = session->heard_us + s_silence_us(self, session);
    if (due_us > self->now_us)
        timers_set(&self->timers, &session->silence, due_us);
    else
        peers_doom(self, session, "its heartbeats stopped");
}

void
peers_on_retry(core_t *self, void *owner)
{
    session_t *session = owner;
    if (session->side == SIDE_WORKERS) {
        session->worker.full = false;
        sched_place(&self->sched, session);
    } else if (!flow_flush(self, session)) {
        timers_set(&self->timers, &session->retry,
                   self->now_us + us_from_ms(FULL_RETRY_MS));
    }
}

/* --- the end --- */

void
peers_bye(core_t *self, session_t *session, const core_input_t *input)
{
    (void)input;
    peers_end(self, session, SESSION_BYE, "it said goodbye");
}

void
peers_doom(core_t *self, session_t *session, const char *reason)
{
    if (session->doomed)
        return;
    session->doomed = true;
    session->doom_reason = reason;
    list_append(&self->doomed, &session->doom_link);
    if (session->side == SIDE_WORKERS)
        sched_place(&self->sched, session);
}

void
peers_reap(core_t *self)
{
    for (link_t *link; (link = list_first(&self->doomed));) {
        session_t *session = list_owner(link, session_t, doom_link);
        peers_end(self, session, SESSION_LOST, session->doom_reason);
    }
}

static void
s_end_worker(core_t *self, session_t *session, session_end_t how)
{
    worker_t *worker = &session->worker;
    uint64_t hash =
        registry_identity_hash(&self->registry, SIDE_WORKERS, session->peer_id);
    session->doomed = true;
    for (link_t *link; (link = list_first(&worker->leases));) {
        job_t *job = list_owner(link, job_t, lease_link);
        if (how == SESSION_LOST && worker->has_current &&
            worker->current_attempt == job->lease_attempt &&
            job_id_equal(&worker->current, &job->id))
            job_add_death(job, hash);
        flow_retry(self, job,
                   how == SESSION_BYE ? RETRY_HANDED_BACK : RETRY_LOST);
    }
    sched_move(&self->sched, session, SESSION_FREE, self->now_us);
}

static void
s_end_client(core_t *self, session_t *session, session_end_t how)
{
    session->doomed = true;
    for (link_t *link; (link = list_first(&session->client.jobs));) {
        job_t *job = list_owner(link, job_t, client_link);
        if (how == SESSION_BYE)
            flow_abandon(self, job);
        else
            flow_orphan(self, job);
    }
}

void
peers_end(core_t *self, session_t *session, session_end_t how,
          const char *reason)
{
    uint32_t leased = session->worker.leased;
    timers_clear(&self->timers, &session->beat);
    timers_clear(&self->timers, &session->silence);
    timers_clear(&self->timers, &session->retry);
    if (session->side == SIDE_WORKERS)
        s_end_worker(self, session, how);
    else
        s_end_client(self, session, how);
    if (how != SESSION_BYE)
        self->counters.sessions_lost++;
    core_log(self, how == SESSION_BYE ? CORE_DEBUG : CORE_INFO,
             "%s left: %s (%u jobs to do again)", s_who(session), reason,
             leased);
    registry_remove(&self->registry, session);
}

void
peers_dismiss(core_t *self, fault_code_t code)
{
    session_t *session;
    for (int side = 0; side < SIDES; side++)
        for (uint32_t i = 0;
             (session = registry_row(&self->registry, (side_t)side, i)); i++) {
            if (session->state == SESSION_FREE)
                continue;
            s_set_code(core_message(self, MESSAGE_BYE), (uint16_t)code);
            core_send(self, session, NULL);
        }
}
