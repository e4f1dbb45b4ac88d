/* The client's session as a pure state machine. */
#include "client/dialog.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int64_t
dialog_random(uint64_t *state, int64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return below > 0 ? (int64_t)(*state % (uint64_t)below) : 0;
}

void
dialog_init(dialog_t *self, const uint8_t peer_id[16], uint64_t seed,
            int64_t now)
{
    assert(seed);
    *self = (dialog_t){.state = DIALOG_AWAY, .wake_ms = now, .random = seed};
    memcpy(self->peer_id, peer_id, sizeof self->peer_id);
}

/* Full jitter: a random time below 250 ms doubled for each failure. */
static unsigned
s_retreat(dialog_t *self, int64_t now)
{
    int64_t most = DIALOG_BACKOFF_MS_MIN;
    for (int i = 0; i < self->failures && most < DIALOG_BACKOFF_MS_MAX; i++)
        most *= 2;
    if (most > DIALOG_BACKOFF_MS_MAX)
        most = DIALOG_BACKOFF_MS_MAX;
    self->failures++;
    self->state = DIALOG_AWAY;
    self->wake_ms = now + most / 2 + dialog_random(&self->random, most / 2);
    return DUTY_CLOSE;
}

static unsigned
s_give_up(dialog_t *self)
{
    self->state = DIALOG_OVER;
    return DUTY_CLOSE | DUTY_FAIL;
}

static unsigned
s_greet(dialog_t *self, int64_t now)
{
    self->state = DIALOG_GREETING;
    self->heard_ms = self->sent_ms = now;
    return DUTY_HELLO;
}

static int64_t
s_silence_due(const dialog_t *self)
{
    if (self->state == DIALOG_GREETING)
        return self->heard_ms + DIALOG_WELCOME_MS_MAX;
    return self->heard_ms + self->heartbeat_ms * self->misses +
           self->allowance_ms;
}

unsigned
dialog_tick(dialog_t *self, int64_t now)
{
    switch (self->state) {
    case DIALOG_AWAY:
        if (now < self->wake_ms)
            return 0;
        self->state = DIALOG_CALLING;
        return DUTY_OPEN;
    case DIALOG_GREETING:
    case DIALOG_ACTIVE:
        if (now > s_silence_due(self)) {
            fault_set(&self->fault, FAULT_NO_BROKER, "the broker is silent");
            return s_retreat(self, now);
        }
        if (self->state == DIALOG_ACTIVE &&
            now >= self->sent_ms + self->heartbeat_ms)
            return DUTY_HEARTBEAT;
        return 0;
    default:
        return 0;
    }
}

int64_t
dialog_due(const dialog_t *self)
{
    int64_t silence = s_silence_due(self) + 1;
    switch (self->state) {
    case DIALOG_AWAY:
        return self->wake_ms;
    case DIALOG_GREETING:
        return silence;
    case DIALOG_ACTIVE:
        return silence < self->sent_ms + self->heartbeat_ms
                   ? silence
                   : self->sent_ms + self->heartbeat_ms;
    default:
        return INT64_MAX;
    }
}

unsigned
dialog_writable(dialog_t *self, int64_t now)
{
    return self->state == DIALOG_CALLING ? s_greet(self, now) : 0;
}

static unsigned
s_welcome(dialog_t *self, const message_t *message, int64_t now)
{
    uint64_t needed = message_required(MESSAGE_WELCOME, ROLE_NONE) |
                      key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_MODEL_DIGEST);
    if (!message_has(message, needed) || message->credit_total == 0 ||
        message->heartbeat_ms < DIALOG_HEARTBEAT_MS_MIN ||
        message->heartbeat_ms > DIALOG_HEARTBEAT_MS_MAX) {
        fault_set(&self->fault, FAULT_BAD_FRAME,
                  "the broker's WELCOME is not complete");
        return s_retreat(self, now);
    }
    self->state = DIALOG_ACTIVE;
    self->session = message->session;
    self->boot_id = message->boot_id;
    self->window_jobs = message->credit_total;
    self->charge_bytes = message->total_bytes_max;
    self->heartbeat_ms = message->heartbeat_ms;
    self->misses = message->misses;
    self->failures = 0;
    self->seq = 0;
    return DUTY_WELCOME;
}

static unsigned
s_refused(dialog_t *self, const message_t *message, int64_t now)
{
    fault_code_t code = (fault_code_t)message->code;
    if (!message_has(message, key_bit(KEY_CODE)))
        code = FAULT_REJECT_FULL;
    const char *text =
        message_has(message, key_bit(KEY_TEXT)) ? message->text : "no reason";
    bool passes = code == FAULT_REJECT_FULL || code == FAULT_REJECT_DRAINING ||
                  message->type == MESSAGE_BYE;
    if (code == FAULT_REJECT_BANNED || code == FAULT_REJECT_AUTH)
        passes = false;
    if (code == FAULT_NONE || code >= FAULT_USAGE)
        code = FAULT_NO_BROKER;
    fault_set(&self->fault, code, "the broker %s (%s): %s",
              message->type == MESSAGE_BYE ? "ends the session" : "refuses",
              fault_name(code), text);
    return passes ? s_retreat(self, now) : s_give_up(self);
}

static unsigned
s_in_session(dialog_t *self, const message_t *message, int64_t now)
{
    if (message_has(message, key_bit(KEY_SESSION)) &&
        message->session != self->session)
        return 0;
    uint64_t required = message_required(message->type, ROLE_NONE);
    if (!required || !message_has(message, required))
        return 0;
    self->heard_ms = now;
    return message->type == MESSAGE_HEARTBEAT ? 0 : DUTY_MESSAGE;
}

unsigned
dialog_message(dialog_t *self, const message_t *message, int64_t now)
{
    bool greeting = self->state == DIALOG_GREETING;
    bool active = self->state == DIALOG_ACTIVE;
    if (!greeting && !active)
        return 0;
    switch (message->type) {
    case MESSAGE_WELCOME:
        if (!greeting)
            return 0;
        self->heard_ms = now;
        return s_welcome(self, message, now);
    case MESSAGE_REJECT:
        return greeting ? s_refused(self, message, now) : 0;
    case MESSAGE_BYE:
        return s_refused(self, message, now);
    case MESSAGE_REHELLO:
        return active ? s_greet(self, now) : 0;
    default:
        return active ? s_in_session(self, message, now) : 0;
    }
}

unsigned
dialog_distrust(dialog_t *self, const fault_t *fault, int64_t now)
{
    self->fault = *fault;
    return s_retreat(self, now);
}

void
dialog_sent(dialog_t *self, int64_t now)
{
    self->sent_ms = now;
}

void
dialog_expect(dialog_t *self, uint64_t frame_bytes)
{
    int64_t allowance = (int64_t)(frame_bytes / DIALOG_BYTES_PER_MS);
    if (allowance > self->allowance_ms)
        self->allowance_ms = allowance;
}

void
dialog_hello(const dialog_t *self, message_t *message)
{
    message_init(message, MESSAGE_HELLO);
    memcpy(message->peer_id, self->peer_id, sizeof message->peer_id);
    message->role = ROLE_CLIENT;
    snprintf(message->build, sizeof message->build, "convoy %s",
             CONVOY_VERSION);
    message->present =
        key_bit(KEY_PEER_ID) | key_bit(KEY_ROLE) | key_bit(KEY_BUILD);
}

void
dialog_begin(dialog_t *self, message_type_t type, message_t *message)
{
    message_init(message, type);
    message->session = self->session;
    message->present = key_bit(KEY_SESSION);
    if (type == MESSAGE_HEARTBEAT) {
        message->seq = ++self->seq;
        message->present |= key_bit(KEY_SEQ);
    }
}
