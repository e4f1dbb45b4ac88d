/* The states of a worker's session, one function a kind of message. */
#include "worker/membership.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    /* The slowest link that is not taken for a dead one: 1 MB/s. */
    LINK_BYTES_PER_MS_MIN = 1000,
    /* A predecessor that crashed is gone from the broker by then. */
    NAME_PATIENCE_MS = 6000,
    /* A broker may ask for patience, but not for good. */
    RETRY_AFTER_MS_MAX = 60000,
};

/* splitmix64: the jitter only has to differ between workers. */
static uint64_t
s_random(membership_t *self)
{
    uint64_t z = (self->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int64_t
s_silence_ms_max(const membership_t *self)
{
    return self->heartbeat_ms * self->misses + self->allowance_ms;
}

static bool
s_has_socket(const membership_t *self)
{
    return self->state != MEMBERSHIP_AWAY && self->state != MEMBERSHIP_OVER;
}

bool
membership_in_session(const membership_t *self)
{
    return self->state == MEMBERSHIP_LOADING ||
           self->state == MEMBERSHIP_SERVING ||
           self->state == MEMBERSHIP_LEAVING;
}

/* DUTY_LOST if there was a session to lose. */
static unsigned
s_end_session(membership_t *self)
{
    unsigned duties = membership_in_session(self) ? DUTY_LOST : 0;
    self->session = 0;
    return duties;
}

static unsigned
s_exit(membership_t *self)
{
    unsigned duties = s_end_session(self) | DUTY_EXIT;
    if (s_has_socket(self))
        duties |= DUTY_CLOSE;
    self->state = MEMBERSHIP_OVER;
    return duties;
}

/* Close the socket and wait: full jitter between nothing and the back-off,
 * which doubles with each failure, but at least what the broker asked for. */
static unsigned
s_away(membership_t *self, int64_t now, int64_t wait_ms_min)
{
    if (self->leaving) {
        fault_clear(&self->fault);
        return s_exit(self);
    }
    unsigned duties = s_end_session(self) | DUTY_CLOSE;
    int64_t backoff = MEMBERSHIP_BACKOFF_MS_MIN;
    for (int i = 0; i < self->failures && backoff < MEMBERSHIP_BACKOFF_MS_MAX;
         i++)
        backoff *= 2;
    if (backoff > MEMBERSHIP_BACKOFF_MS_MAX)
        backoff = MEMBERSHIP_BACKOFF_MS_MAX;
    self->failures++;
    self->state = MEMBERSHIP_AWAY;
    self->wake_ms =
        now + wait_ms_min + (int64_t)(s_random(self) % (uint64_t)backoff);
    return duties;
}

void
membership_init(membership_t *self, uint16_t part, const char *name,
                const uint8_t peer_id[16], uint64_t seed, int64_t now)
{
    *self = (membership_t){
        .state = MEMBERSHIP_AWAY,
        .part = part,
        .part_auto = part == PROTO_PART_AUTO,
        .heartbeat_ms = MEMBERSHIP_HEARTBEAT_MS,
        .misses = MEMBERSHIP_MISSES,
        .wake_ms = now,
        .random = seed,
    };
    memcpy(self->peer_id, peer_id, sizeof self->peer_id);
    snprintf(self->name, sizeof self->name, "%s", name);
}

/* --- time --- */

/* Ours is due so that the broker never waits a whole interval: its timer and
 * the way to it need a part of it. */
static int64_t
s_heartbeat_due(const membership_t *self)
{
    int64_t due = self->sent_ms + self->heartbeat_ms * 9 / 10;
    return due > self->retry_ms ? due : self->retry_ms;
}

int64_t
membership_due(const membership_t *self)
{
    if (self->state == MEMBERSHIP_AWAY)
        return self->wake_ms;
    if (self->state == MEMBERSHIP_CALLING || self->state == MEMBERSHIP_OVER)
        return INT64_MAX;
    int64_t silent = self->heard_ms + s_silence_ms_max(self);
    if (!membership_in_session(self))
        return silent;
    int64_t beat = s_heartbeat_due(self);
    return beat < silent ? beat : silent;
}

unsigned
membership_tick(membership_t *self, int64_t now)
{
    if (now < membership_due(self))
        return 0;
    if (self->state == MEMBERSHIP_AWAY) {
        self->state = MEMBERSHIP_CALLING;
        return DUTY_OPEN;
    }
    if (now - self->heard_ms >= s_silence_ms_max(self)) {
        fault_set(&self->fault, FAULT_NO_BROKER,
                  "the broker was silent for %lld ms",
                  (long long)(now - self->heard_ms));
        return s_away(self, now, 0);
    }
    /* A socket without a connection takes none; try again in a while. */
    self->retry_ms = now + self->heartbeat_ms / 10;
    return DUTY_HEARTBEAT;
}

unsigned
membership_writable(membership_t *self, int64_t now)
{
    (void)now;
    return self->state == MEMBERSHIP_CALLING ? DUTY_HELLO : 0;
}

void
membership_greeted(membership_t *self, int64_t now)
{
    assert(s_has_socket(self));
    self->state = MEMBERSHIP_GREETING;
    self->heard_ms = now;
    self->sent_ms = now;
}

void
membership_sent(membership_t *self, int64_t now)
{
    self->sent_ms = now;
}

void
membership_serves(membership_t *self)
{
    assert(membership_in_session(self));
    self->rejected = false;
    if (self->state == MEMBERSHIP_LOADING)
        self->state = MEMBERSHIP_SERVING;
}

void
membership_expect(membership_t *self, uint64_t frame_bytes)
{
    self->allowance_ms = (int64_t)(frame_bytes / LINK_BYTES_PER_MS_MIN);
}

void
membership_leave(membership_t *self)
{
    self->leaving = true;
    if (membership_in_session(self))
        self->state = MEMBERSHIP_LEAVING;
}

/* --- frames --- */

/* What the broker asks for, within what makes sense. */
static void
s_take_liveness(membership_t *self, const message_t *message)
{
    int64_t beat = message->heartbeat_ms;
    if (beat < MEMBERSHIP_HEARTBEAT_MS_MIN)
        beat = MEMBERSHIP_HEARTBEAT_MS_MIN;
    if (beat > MEMBERSHIP_HEARTBEAT_MS_MAX)
        beat = MEMBERSHIP_HEARTBEAT_MS_MAX;
    self->heartbeat_ms = beat;
    self->misses = message->misses ? message->misses : 1;
}

static unsigned
s_welcome(membership_t *self, const message_t *message, int64_t now)
{
    uint64_t needed =
        key_bit(KEY_PART) | key_bit(KEY_PART_DIGEST) | key_bit(KEY_TOTAL);
    bool greeting = self->state == MEMBERSHIP_GREETING;
    bool running =
        membership_in_session(self) && message->session == self->session;
    if (!greeting && !running)
        return 0;
    if (!message_has(message, needed) || !message->total) {
        fault_set(&self->fault, FAULT_BAD_FRAME,
                  "the broker's WELCOME names no part");
        return s_away(self, now, 0);
    }
    bool same = running &&
                digest_equal(&message->part_digest, &self->part_digest) &&
                message->part_index == self->part;
    self->heard_ms = now;
    self->session = message->session;
    self->boot_id = message->boot_id;
    self->part = message->part_index;
    self->part_count = message->part_count;
    self->part_digest = message->part_digest;
    self->part_bytes = message->total;
    if (message_has(message, key_bit(KEY_NAME)) && message->name[0])
        memcpy(self->name, message->name, sizeof self->name);
    s_take_liveness(self, message);
    self->failures = 0;
    self->named_twice = false;
    if (greeting)
        self->seq = 0;
    if (same || self->state == MEMBERSHIP_LEAVING)
        return 0;
    self->state = MEMBERSHIP_LOADING;
    return DUTY_LOAD;
}

/* Somebody has our name: perhaps our own predecessor, which crashed a moment
 * ago, so it is tried again for a while. */
static unsigned
s_reject_name(membership_t *self, int64_t now)
{
    if (!self->named_twice)
        self->named_twice_ms = now;
    self->named_twice = true;
    if (now - self->named_twice_ms >= NAME_PATIENCE_MS)
        return s_exit(self);
    return s_away(self, now, 0);
}

static int64_t
s_patience_ms(const message_t *message)
{
    return message->retry_after_ms < RETRY_AFTER_MS_MAX
               ? message->retry_after_ms
               : RETRY_AFTER_MS_MAX;
}

/* Whether it is worth coming back after a REJECT, and when. */
static unsigned
s_reject(membership_t *self, const message_t *message, int64_t now)
{
    fault_code_t code = (fault_code_t)message->code;
    fault_set(&self->fault, code, "the broker refuses this worker: %s",
              message->text);
    switch (code) {
    case FAULT_REJECT_FULL:
        if (message_has(message, key_bit(KEY_NAME)))
            return s_reject_name(self, now);
        return s_away(self, now, s_patience_ms(message));
    case FAULT_REJECT_DRAINING:
        return s_away(self, now, s_patience_ms(message));
    case FAULT_REJECT_DIGEST:
        if (self->rejected)
            return s_exit(self);
        self->rejected = true;
        return s_away(self, now, 0) | DUTY_FORGET;
    case FAULT_REJECT_PART:
        /* The part that was assigned earlier is gone: choose again. */
        if (self->part_auto && self->part != PROTO_PART_AUTO) {
            self->part = PROTO_PART_AUTO;
            return s_away(self, now, 0);
        }
        return s_exit(self);
    case FAULT_REJECT_VERSION:
    case FAULT_REJECT_AUTH:
    case FAULT_REJECT_BANNED:
        return s_exit(self);
    default:
        fault_set(&self->fault, FAULT_BAD_FRAME,
                  "the broker rejects with the unknown code %u", message->code);
        return s_away(self, now, 0);
    }
}

static unsigned
s_rehello(membership_t *self, const message_t *message, int64_t now)
{
    (void)message;
    /* One in flight when our HELLO went out means nothing new. */
    if (!membership_in_session(self))
        return 0;
    fault_set(&self->fault, FAULT_NO_BROKER,
              "the broker does not know this session");
    if (self->leaving)
        return s_away(self, now, 0);
    unsigned duties = s_end_session(self) | DUTY_HELLO;
    self->state = MEMBERSHIP_CALLING;
    return duties;
}

static unsigned
s_bye(membership_t *self, const message_t *message, int64_t now)
{
    fault_code_t code = (fault_code_t)message->code;
    const char *why = message->text[0] ? message->text : fault_name(code);
    fault_set(&self->fault, FAULT_NO_BROKER, "the broker says goodbye: %s",
              why);
    return s_away(self, now, s_patience_ms(message));
}

/* Answers to a FETCH of bytes that are no longer served, and complaints. */
static unsigned
s_error(membership_t *self, const message_t *message, int64_t now)
{
    if (self->state != MEMBERSHIP_LOADING || message->code != FAULT_DIGEST)
        return 0;
    fault_set(&self->fault, FAULT_NO_BROKER, "the broker takes back a part: %s",
              message->text);
    return s_away(self, now, 0);
}

static unsigned
s_drain(membership_t *self, const message_t *message, int64_t now)
{
    (void)now;
    /* A broker that goes down itself says so; its workers wait for the
     * next. */
    if (message_has(message, key_bit(KEY_CODE)) &&
        message->code == FAULT_SHUTDOWN)
        return 0;
    return self->leaving ? 0 : DUTY_DRAIN;
}

static unsigned
s_job(membership_t *self, const message_t *message, int64_t now)
{
    (void)message, (void)now;
    return self->state == MEMBERSHIP_LOADING ? 0 : DUTY_JOB;
}

static unsigned
s_cancel(membership_t *self, const message_t *message, int64_t now)
{
    (void)self, (void)message, (void)now;
    return DUTY_CANCEL;
}

static unsigned
s_chunk(membership_t *self, const message_t *message, int64_t now)
{
    (void)message, (void)now;
    return self->state == MEMBERSHIP_LOADING ? DUTY_CHUNK : 0;
}

/* Messages that belong to no session yet, or may begin one. */
static const struct {
    message_type_t type;
    bool in_session; /* must name the session we are in */
    unsigned (*handle)(membership_t *, const message_t *, int64_t);
} handlers[] = {
    {MESSAGE_WELCOME, false, s_welcome}, {MESSAGE_REJECT, false, s_reject},
    {MESSAGE_REHELLO, false, s_rehello}, {MESSAGE_BYE, false, s_bye},
    {MESSAGE_DRAIN, true, s_drain},      {MESSAGE_JOB, true, s_job},
    {MESSAGE_CANCEL, true, s_cancel},    {MESSAGE_CHUNK, true, s_chunk},
    {MESSAGE_ERROR, true, s_error},      {MESSAGE_HEARTBEAT, true, NULL},
};

unsigned
membership_frame(membership_t *self, const message_t *message, int64_t now)
{
    if (!s_has_socket(self) || self->state == MEMBERSHIP_CALLING)
        return 0;
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type != message->type)
            continue;
        bool ours =
            membership_in_session(self) && message->session == self->session;
        if (handlers[i].in_session && !ours)
            return 0;
        /* An earlier session's BYE is none of this one. */
        if (message_has(message, key_bit(KEY_SESSION)) &&
            membership_in_session(self) && !ours)
            return 0;
        self->heard_ms = now;
        return handlers[i].handle ? handlers[i].handle(self, message, now) : 0;
    }
    return 0;
}

/* --- messages of ours --- */

void
membership_hello(const membership_t *self, message_t *message)
{
    message_init(message, MESSAGE_HELLO);
    message->role = ROLE_WORKER;
    message->part_index = self->part;
    message->part_count = 0;
    memcpy(message->peer_id, self->peer_id, sizeof message->peer_id);
    memcpy(message->name, self->name, sizeof message->name);
    message->present = key_bit(KEY_ROLE) | key_bit(KEY_PART) |
                       key_bit(KEY_PEER_ID) | key_bit(KEY_NAME);
}

void
membership_begin(membership_t *self, message_type_t type, message_t *message)
{
    assert(membership_in_session(self));
    message_init(message, type);
    message->session = self->session;
    message->present = key_bit(KEY_SESSION);
    if (type == MESSAGE_HEARTBEAT) {
        message->seq = ++self->seq;
        message->present |= key_bit(KEY_SEQ);
    }
}
