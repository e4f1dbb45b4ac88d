/* What the host hands in: the table of messages, and what else befalls. */
#include "broker/core_state.h"

#include <assert.h>

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
    core_begin(self, now_us);
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
    core_end(self);
}

void
core_malformed(core_t *self, side_t side, const peer_t *peer,
               const fault_t *fault, int64_t now_us)
{
    core_begin(self, now_us);
    if (!peers_are_banned(self, side, peer)) {
        self->counters.malformed++;
        session_t *session = registry_find(&self->registry, side, peer);
        if (fault->code == FAULT_REJECT_VERSION)
            peers_reject(self, side, peer, fault->code, fault->text);
        else
            peers_complain(self, side, peer, fault->text);
        peers_strike(self, side, peer, session, fault->text);
    }
    core_end(self);
}

void
core_fetched(core_t *self, const peer_t *worker, sent_t sent, int64_t now_us)
{
    core_begin(self, now_us);
    session_t *session = registry_find(&self->registry, SIDE_WORKERS, worker);
    if (session && session->worker.fetches > 0)
        session->worker.fetches--;
    if (session && sent == SENT_OK)
        session->sent_us = self->now_us;
    if (session && sent == SENT_GONE)
        peers_doom(self, session, "its connection is gone");
    core_end(self);
}

bool
core_in_session(const core_t *self, side_t side, const peer_t *peer,
                uint64_t session)
{
    const session_t *found = registry_find(&self->registry, side, peer);
    return found && found->id == session;
}

void
core_gone(core_t *self, side_t side, const peer_t *peer, int64_t now_us)
{
    core_begin(self, now_us);
    session_t *session = registry_find(&self->registry, side, peer);
    if (session)
        peers_doom(self, session, "its connection is gone");
    core_end(self);
}
