/* Sessions: heartbeats, silence, strikes, goodbye. */
#include "broker/core_state.h"

#include <string.h>

void
peers_send(core_t *self, side_t side, const peer_t *peer)
{
    self->host.send(self->host.self, side, peer, &self->out, NULL);
}

void
peers_reject(core_t *self, side_t side, const peer_t *peer, fault_code_t code,
             const char *text)
{
    message_t *message = core_message(self, MESSAGE_REJECT);
    core_put_code(message, (uint16_t)code);
    core_put_text(message, text);
    self->counters.rejected++;
    peers_send(self, side, peer);
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
    peers_send(self, input->side, &input->peer);
}

void
peers_complain(core_t *self, side_t side, const peer_t *peer, const char *text)
{
    uint64_t key = registry_peer_hash(&self->registry, side, peer);
    if (!strikes_may_answer(&self->strikes, key, self->now_us))
        return;
    message_t *message = core_message(self, MESSAGE_ERROR);
    core_put_code(message, FAULT_BAD_FRAME);
    core_put_text(message, text);
    peers_send(self, side, peer);
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
    core_put_code(message, FAULT_REJECT_BANNED);
    if (session) {
        core_send(self, session, NULL);
        peers_end(self, session, SESSION_STRUCK, reason);
    } else {
        peers_send(self, side, peer);
    }
    strikes_ban(&self->strikes, routing, self->now_us);
    strikes_ban(&self->strikes, key, self->now_us);
}

/* --- while it lasts --- */

int64_t
peers_beat_us(core_t *self)
{
    int64_t us = us_from_ms(self->config.heartbeat_ms);
    return us - (int64_t)(core_random(self) % (uint64_t)(us / 10 + 1));
}

int64_t
peers_silence_us(const core_t *self, const session_t *session)
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
    int64_t due_us = session->sent_us + peers_beat_us(self);
    if (due_us <= self->now_us + us_from_ms(self->config.heartbeat_ms) / 10) {
        s_beat(self, session);
        due_us = self->now_us + peers_beat_us(self);
    }
    timers_set(&self->timers, &session->beat, due_us);
}

void
peers_on_probe(core_t *self, void *owner)
{
    side_t side = (side_t)((alarm_t *)owner - self->probe_alarms);
    session_t *session;
    for (uint32_t i = 0; (session = registry_row(&self->registry, side, i));
         i++)
        if (session->state != SESSION_FREE)
            s_beat(self, session);
}

void
peers_on_silence(core_t *self, void *owner)
{
    session_t *session = owner;
    int64_t due_us = session->heard_us + peers_silence_us(self, session);
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
    for (list_t *link; (link = list_first(&self->doomed));) {
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
    for (list_t *link; (link = list_first(&worker->leases));) {
        job_t *job = list_owner(link, job_t, lease_link);
        if (how == SESSION_LOST && worker->has_current &&
            worker->current_attempt == job->lease_attempt &&
            job_id_equal(&worker->current, &job->id))
            job_add_death(job, hash);
        flow_retry(self, job,
                   how == SESSION_BYE ? RETRY_HANDED_BACK : RETRY_LOST);
    }
    workers_move(self, session, SESSION_FREE);
}

static void
s_end_client(core_t *self, session_t *session, session_end_t how)
{
    session->doomed = true;
    for (list_t *link; (link = list_first(&session->client.jobs));) {
        job_t *job = list_owner(link, job_t, client_link);
        if (how == SESSION_BYE)
            flow_abandon(self, job);
        else
            flow_orphan(self, job);
    }
}

/* Clients come and go; a worker's going is news. */
static void
s_log_end(core_t *self, const session_t *session, session_end_t how,
          const char *reason)
{
    const worker_t *worker = &session->worker;
    if (session->side == SIDE_WORKERS && worker->leased > 0)
        core_log(self, CORE_INFO,
                 "worker %s left part %u: %s (%u jobs to do again)",
                 worker->name, worker->part, reason, worker->leased);
    else if (session->side == SIDE_WORKERS)
        core_log(self, CORE_INFO, "worker %s left part %u: %s", worker->name,
                 worker->part, reason);
    else
        core_log(self, how == SESSION_BYE ? CORE_DEBUG : CORE_INFO,
                 "a client left: %s", reason);
}

void
peers_end(core_t *self, session_t *session, session_end_t how,
          const char *reason)
{
    s_log_end(self, session, how, reason);
    timers_clear(&self->timers, &session->beat);
    timers_clear(&self->timers, &session->silence);
    timers_clear(&self->timers, &session->retry);
    if (session->side == SIDE_WORKERS)
        s_end_worker(self, session, how);
    else
        s_end_client(self, session, how);
    if (how != SESSION_BYE)
        self->counters.sessions_lost++;
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
            core_put_code(core_message(self, MESSAGE_BYE), (uint16_t)code);
            core_send(self, session, NULL);
        }
}
