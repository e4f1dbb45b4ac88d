/* A core on a test rig. */
#include "tests/support/rig.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const tensor_spec_t s_spec = {
    .name = "x", .dtype = DTYPE_INT32, .shape = {2, {DIM_BATCH, 1}}};

static message_t s_message;
static rig_sent_t s_sent[RIG_SENT_MAX];

static sent_t
s_send(void *self, side_t side, const peer_t *peer, message_t *message,
       const payload_t *payload)
{
    rig_t *rig = self;
    uint8_t number = peer->bytes[0];
    sent_t answer = rig->answer[side][number];
    if (answer != SENT_OK)
        return answer;
    if (message->type == MESSAGE_WELCOME)
        rig->sessions[side][number] = message->session;
    assert(rig->sent_count < RIG_SENT_MAX);
    rig->sent[rig->sent_count++] =
        (rig_sent_t){side, number, *message, payload ? payload->value : 0};
    return SENT_OK;
}

static void
s_release(void *self, payload_t *payload)
{
    rig_t *rig = self;
    rig->payloads--;
    free(payload);
}

static void
s_fetch(void *self, const peer_t *worker, uint64_t session, uint16_t part,
        uint64_t offset)
{
    (void)worker, (void)session, (void)part;
    rig_t *rig = self;
    rig->fetches++;
    rig->fetch_offset = offset;
}

static void
s_status(void *self, const peer_t *client, uint64_t session)
{
    (void)client, (void)session;
    rig_t *rig = self;
    rig->statuses++;
}

static void
s_log(void *self_, core_level_t level, const char *text)
{
    rig_t *self = self_;
    if (level != CORE_DEBUG)
        snprintf(self->said, sizeof self->said, "%s", text);
}

void
rig_init(rig_t *self, uint16_t parts)
{
    memset(self, 0, sizeof *self);
    self->now_us = 1000000;
    core_config_init(&self->config);
    for (uint16_t i = 0; i < parts; i++) {
        self->exec_us[i] = 500;
        self->parts[i] = (core_part_t){
            .digest = {{(uint8_t)(i + 1)}},
            .bytes = 1000,
            .inputs = &s_spec,
            .inputs_count = 1,
            .outputs = &s_spec,
            .outputs_count = 1,
            .cost = 1,
        };
    }
    self->config.parts = self->parts;
    self->config.parts_count = parts;
    self->config.sessions_clients = 8;
    self->config.sessions_workers = 8;
    self->config.queue_jobs = 64;
}

void
rig_start(rig_t *self)
{
    fault_t fault;
    core_host_t host = {self, s_send, s_release, s_fetch, s_status, s_log};
    self->sent = s_sent;
    self->core = core_new(&self->config, &host, self->now_us, &fault);
    assert(self->core);
}

void
rig_stop(rig_t *self)
{
    core_verify(self->core);
    core_destroy(&self->core);
    assert(self->payloads == 0);
}

void
rig_wait_ms(rig_t *self, int64_t ms)
{
    int64_t end_us = self->now_us + ms * 1000;
    for (int64_t due_us; (due_us = core_next_due_us(self->core)) <= end_us;) {
        if (due_us > self->now_us)
            self->now_us = due_us;
        core_tick(self->core, self->now_us);
    }
    self->now_us = end_us;
}

message_t *
rig_message(rig_t *self, message_type_t type)
{
    (void)self;
    message_init(&s_message, type);
    return &s_message;
}

void
rig_receive(rig_t *self, side_t side, uint8_t peer, uint32_t value)
{
    static const size_t frame_bytes[] = {sizeof value};
    payload_t *payload = NULL;
    if (value) {
        payload = malloc(sizeof *payload);
        payload->value = value;
        self->payloads++;
        s_message.tensors_count = 1;
        s_message.frames_count = 1;
        s_message.tensors[0] =
            (tensor_header_t){DTYPE_INT32, {2, {1, 1}}, sizeof value, 0};
        s_message.present |= key_bit(KEY_TENSORS);
    }
    if (s_message.type != MESSAGE_HELLO && !s_message.session) {
        s_message.session = self->sessions[side][peer];
        s_message.present |= key_bit(KEY_SESSION);
    }
    core_input_t input = {.side = side,
                          .peer = {1, {peer}},
                          .message = &s_message,
                          .payload = payload,
                          .frames_count = value ? 1 : 0,
                          .frame_bytes = frame_bytes};
    core_receive(self->core, &input, self->now_us);
}

static message_t *
s_hello(rig_t *self, role_t role, uint8_t peer)
{
    message_t *message = rig_message(self, MESSAGE_HELLO);
    message->role = role;
    message->peer_id[0] = peer * 16;
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PEER_ID);
    return message;
}

void
rig_hello_client(rig_t *self, uint8_t peer)
{
    s_hello(self, ROLE_CLIENT, peer);
    rig_receive(self, SIDE_CLIENTS, peer, 0);
}

void
rig_hello_worker(rig_t *self, uint8_t peer, uint16_t part)
{
    message_t *message = s_hello(self, ROLE_WORKER, peer);
    message->part_index = part;
    message->name[0] = 'w';
    message->name[1] = (char)('0' + peer);
    message->name[2] = '\0';
    message->present |= key_bit(KEY_PART) | key_bit(KEY_NAME);
    rig_receive(self, SIDE_WORKERS, peer, 0);
}

void
rig_credit(rig_t *self, uint8_t peer, uint64_t credit)
{
    message_t *message = rig_message(self, MESSAGE_CREDIT);
    message->credit_total = credit;
    message->present |= key_bit(KEY_CREDIT_TOTAL);
    rig_receive(self, SIDE_WORKERS, peer, 0);
}

void
rig_join(rig_t *self, uint8_t peer, uint16_t part, uint64_t credit)
{
    rig_hello_worker(self, peer, part);
    message_t *message = rig_message(self, MESSAGE_CREDIT);
    message->credit_total = credit;
    message->part_digest = self->parts[part].digest;
    message->present |= key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_PART_DIGEST);
    rig_receive(self, SIDE_WORKERS, peer, 0);
}

job_id_t
rig_job(uint8_t peer, uint8_t sequence)
{
    job_id_t id = {{peer * 16}};
    id.bytes[15] = sequence;
    return id;
}

void
rig_submit(rig_t *self, uint8_t peer, uint8_t sequence, uint32_t remaining_ms)
{
    message_t *message = rig_message(self, MESSAGE_SUBMIT);
    message->job = rig_job(peer, sequence);
    message->remaining_ms = remaining_ms;
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_REMAINING_MS);
    rig_receive(self, SIDE_CLIENTS, peer, 100u + sequence);
}

void
rig_result(rig_t *self, uint8_t peer, job_id_t id, uint16_t attempt,
           uint16_t part, uint32_t value)
{
    message_t *message = rig_message(self, MESSAGE_RESULT);
    message->job = id;
    message->attempt = attempt;
    message->part_index = part;
    message->exec_us = self->exec_us[part % RIG_PARTS_MAX];
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_PART) | key_bit(KEY_TIMINGS);
    rig_receive(self, SIDE_WORKERS, peer, value);
}

void
rig_error(rig_t *self, uint8_t peer, job_id_t id, uint16_t attempt,
          uint16_t code)
{
    message_t *message = rig_message(self, MESSAGE_ERROR);
    message->job = id;
    message->attempt = attempt;
    message->code = code;
    strcpy(message->text, "it went wrong");
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_CODE) | key_bit(KEY_TEXT);
    rig_receive(self, SIDE_WORKERS, peer, 0);
}

const rig_sent_t *
rig_next(rig_t *self, side_t side, uint8_t peer, message_type_t type)
{
    for (size_t i = self->seen; i < self->sent_count; i++) {
        const rig_sent_t *sent = &self->sent[i];
        if (sent->side == side && sent->peer == peer &&
            sent->message.type == type) {
            self->seen = i + 1;
            return sent;
        }
    }
    return NULL;
}

core_status_t
rig_status(const rig_t *self)
{
    core_status_t status;
    core_status(self->core, self->now_us, &status);
    return status;
}
