/* Bytes as a script of events for the broker's core: whatever peers say in
 * whatever order, its tables stay consistent and its asserts hold. */
#include <string.h>

#include "common/cursor.h"
#include "tests/support/rig.h"

enum { EVENTS_MAX = 400, PEERS = 8, JOBS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

typedef struct script {
    rig_t rig;
    cursor_t cursor;
} script_t;

static uint8_t
s_byte(script_t *self)
{
    return cursor_u8(&self->cursor);
}

static uint8_t
s_peer(script_t *self)
{
    return 1 + s_byte(self) % PEERS;
}

static job_id_t
s_some_job(script_t *self)
{
    uint8_t choice = s_byte(self);
    return rig_job(1 + choice / JOBS % PEERS, choice % JOBS);
}

static void
s_wait(script_t *self)
{
    rig_wait_ms(&self->rig, cursor_u16le(&self->cursor));
}

static void
s_skip_ticks(script_t *self)
{
    self->rig.now_us += 1000 * (int64_t)cursor_u16le(&self->cursor);
}

static void
s_hello_client(script_t *self)
{
    rig_hello_client(&self->rig, s_peer(self));
}

/* With a list of jobs that it claims to hold. */
static void
s_hello_worker(script_t *self)
{
    uint8_t peer = s_peer(self), identity = s_peer(self);
    message_t *message = rig_message(&self->rig, MESSAGE_HELLO);
    message->role = ROLE_WORKER;
    message->peer_id[0] = identity;
    message->part_index = s_byte(self) % 4;
    if (message->part_index == 3)
        message->part_index = PROTO_PART_AUTO;
    message->part_digest.bytes[0] = 1 + s_byte(self) % 3;
    message->name[0] = 'a' + (char)(s_byte(self) % PEERS);
    message->name[1] = '\0';
    message->held_count = s_byte(self) % 5;
    for (int i = 0; i < message->held_count; i++)
        message->held[i] =
            (held_job_t){s_some_job(self), s_byte(self) % 3, s_byte(self) % 5};
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PEER_ID) |
                        key_bit(KEY_PART) | key_bit(KEY_NAME) |
                        key_bit(KEY_PART_DIGEST) | key_bit(KEY_HELD);
    rig_receive(&self->rig, SIDE_WORKERS, peer, 0);
}

static void
s_join(script_t *self)
{
    uint8_t peer = s_peer(self), part = s_byte(self) % 2;
    rig_join(&self->rig, peer, part, s_byte(self));
}

static void
s_credit(script_t *self)
{
    uint8_t peer = s_peer(self);
    rig_credit(&self->rig, peer, s_byte(self));
}

static void
s_submit(script_t *self)
{
    uint8_t peer = s_peer(self), sequence = s_byte(self) % JOBS;
    rig_submit(&self->rig, peer, sequence, cursor_u16le(&self->cursor));
}

static void
s_result(script_t *self)
{
    uint8_t peer = s_peer(self);
    job_id_t id = s_some_job(self);
    uint8_t attempt = s_byte(self) % 5, part = s_byte(self) % 3;
    rig_result(&self->rig, peer, id, attempt, part, s_byte(self));
}

static void
s_error(script_t *self)
{
    uint8_t peer = s_peer(self);
    job_id_t id = s_some_job(self);
    uint8_t attempt = s_byte(self) % 5;
    rig_error(&self->rig, peer, id, attempt, cursor_u16le(&self->cursor) % 800);
}

/* Any type from any side with any keys. */
static void
s_anything(script_t *self)
{
    side_t side = s_byte(self) % 2 ? SIDE_WORKERS : SIDE_CLIENTS;
    uint8_t peer = s_peer(self);
    message_t *message =
        rig_message(&self->rig, (message_type_t)(s_byte(self) % 32));
    message->present = cursor_u64le(&self->cursor) & ~key_bit(KEY_TENSORS);
    message->job = s_some_job(self);
    message->attempt = s_byte(self) % 5;
    message->part_index = s_byte(self) % 4;
    message->role = (role_t)(s_byte(self) % 3);
    message->peer_id[0] = s_byte(self);
    message->part_digest.bytes[0] = s_byte(self) % 4;
    message->credit_total = s_byte(self);
    message->offset = cursor_u16le(&self->cursor);
    message->progress = s_byte(self);
    message->remaining_ms = cursor_u16le(&self->cursor);
    message->priority = s_byte(self) % 2;
    message->code = cursor_u16le(&self->cursor);
    message->name[0] = 'a' + (char)(s_byte(self) % PEERS);
    message->name[1] = '\0';
    rig_receive(&self->rig, side, peer, s_byte(self) % 4);
}

static void
s_malformed(script_t *self)
{
    fault_t fault;
    side_t side = s_byte(self) % 2 ? SIDE_WORKERS : SIDE_CLIENTS;
    peer_t peer = {1, {s_peer(self)}};
    fault_set(&fault, s_byte(self) % 4 ? FAULT_BAD_FRAME : FAULT_REJECT_VERSION,
              "nonsense");
    core_malformed(self->rig.core, side, &peer, &fault, self->rig.now_us);
}

static void
s_answer(script_t *self)
{
    side_t side = s_byte(self) % 2 ? SIDE_WORKERS : SIDE_CLIENTS;
    uint8_t peer = s_peer(self);
    self->rig.answer[side][peer] = (sent_t)(s_byte(self) % 3);
}

static void
s_fetched(script_t *self)
{
    peer_t peer = {1, {s_peer(self)}};
    core_fetched(self->rig.core, &peer, (sent_t)(s_byte(self) % 3),
                 self->rig.now_us);
}

static void
s_drain(script_t *self)
{
    if (s_byte(self) % 8 == 0)
        core_drain(self->rig.core, self->rig.now_us);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static void (*const events[])(script_t *) = {
        s_wait,      s_skip_ticks, s_hello_client, s_hello_worker,
        s_join,      s_credit,     s_submit,       s_submit,
        s_result,    s_result,     s_error,        s_anything,
        s_malformed, s_answer,     s_fetched,      s_drain,
    };
    enum { KINDS = sizeof events / sizeof events[0] };
    static script_t script;
    rig_init(&script.rig, 2);
    script.rig.config.queue_jobs = 24;
    script.rig.config.window_jobs = 8;
    script.rig.config.remember_jobs = 16;
    script.rig.config.remember_bytes = 20;
    script.rig.config.memory_bytes = 20 * 4104;
    rig_start(&script.rig);
    cursor_init(&script.cursor, bytes, size);
    for (int i = 0; i < EVENTS_MAX && cursor_left(&script.cursor) > 0; i++) {
        events[s_byte(&script) % KINDS](&script);
        core_verify(script.rig.core);
        script.rig.sent_count = script.rig.seen = 0;
    }
    rig_stop(&script.rig);
    return 0;
}
