/* A worker's uplink to one broker. */
#include "worker/uplink.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/logger.h"

/* Reading /proc for each of a thousand heartbeats a second would cost more
 * than sending them. */
enum { MEASURE_MS = 500 };

void
uplink_init(uplink_t *self, const char *endpoint, const char *build,
            uint16_t part, const char *name, int64_t now)
{
    struct {
        uint8_t peer_id[16];
        uint64_t seed;
    } chance = {{0}, (uint64_t)now};
    if (getrandom(&chance, sizeof chance, 0) != sizeof chance)
        logger_warning("the machine gives no random numbers");
    *self = (uplink_t){.build = build, .drain_ms = INT64_MAX};
    snprintf(self->endpoint, sizeof self->endpoint, "%s", endpoint);
    membership_init(&self->membership, part, name, chance.peer_id, chance.seed,
                    now);
    backlog_init(&self->backlog);
}

void
uplink_release(uplink_t *self)
{
    uplink_close(self, 0);
    backlog_release(&self->backlog);
}

int
uplink_open(uplink_t *self, fault_t *fault)
{
    self->socket = wire_connect(self->endpoint, PROTO_FRAME_MAX, fault);
    self->blocked = false;
    return self->socket ? 0 : -1;
}

void
uplink_close(uplink_t *self, int linger_ms)
{
    wire_close(&self->socket, linger_ms);
}

void
uplink_lost(uplink_t *self)
{
    backlog_lost(&self->backlog);
    self->received = 0;
    self->granted = 0;
}

static bool
s_send(uplink_t *self, message_t *message, const payload_t *payload,
       int64_t now)
{
    if (!self->socket)
        return false;
    wire_status_t sent = wire_send(self->socket, NULL, message, payload);
    self->blocked = sent != WIRE_OK;
    if (sent == WIRE_OK)
        membership_sent(&self->membership, now);
    return sent == WIRE_OK;
}

bool
uplink_hello(uplink_t *self, const supply_t *supply, int64_t now)
{
    message_t message;
    membership_hello(&self->membership, &message);
    snprintf(message.build, sizeof message.build, "%s", self->build);
    message.present |= key_bit(KEY_BUILD);
    if (supply_is_ready(supply)) {
        message.part_digest = supply->digest;
        message.present |= key_bit(KEY_PART_DIGEST);
    }
    backlog_held(&self->backlog, self->membership.part, &message);
    if (!s_send(self, &message, NULL, now))
        return false;
    membership_greeted(&self->membership, now);
    return true;
}

static uint64_t
s_credit_total(const uplink_t *self, size_t room)
{
    size_t charged = backlog_charged(&self->backlog);
    return self->received + (room > charged ? room - charged : 0);
}

bool
uplink_heartbeat(uplink_t *self, const supply_t *supply, size_t room,
                 int64_t now)
{
    message_t message;
    membership_begin(&self->membership, MESSAGE_HEARTBEAT, &message);
    message.progress =
        supply->loaded.progress ? atomic_load(supply->loaded.progress) : 0;
    message.present |= key_bit(KEY_PROGRESS);
    if (now - self->measured_ms >= MEASURE_MS) {
        self->measured_ms = now;
        message.load_permille = host_load_permille(&self->load);
        message.rss_mib = host_rss_mib();
        message.present |= key_bit(KEY_LOAD);
    }
    const task_t *current = backlog_current(&self->backlog);
    if (current) {
        message.job = current->job;
        message.attempt = current->attempt;
        message.present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT);
    }
    uint64_t total = s_credit_total(self, room);
    bool grants =
        self->membership.state == MEMBERSHIP_SERVING && total > self->granted;
    if (grants) {
        message.credit_total = total;
        message.present |= key_bit(KEY_CREDIT_TOTAL);
    }
    if (!s_send(self, &message, NULL, now))
        return false;
    if (grants)
        self->granted = total;
    return true;
}

bool
uplink_fetch(uplink_t *self, uint64_t offset, int64_t now)
{
    message_t message;
    membership_begin(&self->membership, MESSAGE_FETCH, &message);
    message.part_digest = self->membership.part_digest;
    message.offset = offset;
    message.present |= key_bit(KEY_PART_DIGEST) | key_bit(KEY_OFFSET);
    return s_send(self, &message, NULL, now);
}

bool
uplink_say(uplink_t *self, message_type_t type, int64_t now)
{
    message_t message;
    membership_begin(&self->membership, type, &message);
    return s_send(self, &message, NULL, now);
}

bool
uplink_credit(uplink_t *self, size_t room, int64_t now)
{
    uint64_t total = s_credit_total(self, room);
    /* The first one after a load also names the digest. */
    bool first = self->membership.state == MEMBERSHIP_LOADING;
    if (total <= self->granted && !first)
        return false;
    if (total < self->granted)
        total = self->granted;
    message_t message;
    membership_begin(&self->membership, MESSAGE_CREDIT, &message);
    message.credit_total = total;
    message.part_digest = self->membership.part_digest;
    message.present |= key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_PART_DIGEST);
    if (!s_send(self, &message, NULL, now))
        return false;
    self->granted = total;
    return true;
}

void
uplink_answer(uplink_t *self, int64_t now)
{
    task_t *task;
    while ((task = backlog_finished(&self->backlog))) {
        message_t message;
        message_type_t type =
            task->fault.code == FAULT_NONE ? MESSAGE_RESULT : MESSAGE_ERROR;
        membership_begin(&self->membership, type, &message);
        task_answer(task, &message);
        const payload_t *payload = type == MESSAGE_RESULT ? task->output : NULL;
        if (!s_send(self, &message, payload, now))
            return;
        backlog_answered(&self->backlog, task);
    }
}

bool
uplink_wants_out(const uplink_t *self)
{
    return self->blocked || self->membership.state == MEMBERSHIP_CALLING;
}
