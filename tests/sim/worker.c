/* Workers: they load, compute 3x + k, keep what they hold over a broken link;
 * some of them are bad at it. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/world.h"

static slot_t *
s_running(sim_peer_t *self)
{
    for (int i = 0; i < self->slots_count; i++)
        if (self->slots[i].running)
            return &self->slots[i];
    return NULL;
}

static void
s_remove_slot(sim_peer_t *self, slot_t *slot)
{
    int place = (int)(slot - self->slots);
    self->slots_count--;
    memmove(slot, slot + 1, (size_t)(self->slots_count - place) * sizeof *slot);
}

/* As many more jobs as there are free slots. */
static void
s_send_credit(world_t *world, sim_peer_t *self, bool first)
{
    if (!self->active || !self->loaded || self->draining)
        return;
    int64_t total =
        (int64_t)self->received + self->capacity - self->slots_count;
    if (total > (int64_t)self->granted)
        self->granted = (uint64_t)total;
    message_t *message = world_message(MESSAGE_CREDIT);
    message->credit_total = self->granted;
    message->present |= key_bit(KEY_CREDIT_TOTAL);
    if (first) {
        message->part_digest = world->parts[self->part].digest;
        message->present |= key_bit(KEY_PART_DIGEST);
    }
    world_send(world, self, 0, 0);
}

static void
s_send_heartbeat(world_t *world, sim_peer_t *self)
{
    if (!self->active)
        return;
    const slot_t *running = s_running(self);
    message_t *message = world_message(MESSAGE_HEARTBEAT);
    message->seq = ++self->seq;
    message->progress = self->progress;
    message->present |= key_bit(KEY_SEQ) | key_bit(KEY_PROGRESS);
    if (running) {
        message->job = running->id;
        message->attempt = running->attempt;
        message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT);
    }
    world_send(world, self, 0, 0);
}

static void
s_count_death(world_t *world, const job_id_t *id)
{
    sim_job_t *job = shadow_job(world, id);
    if (job)
        job->deaths++;
}

void
worker_count_deaths(world_t *world, const sim_peer_t *self)
{
    for (int i = 0; i < self->slots_count; i++)
        s_count_death(world, &self->slots[i].id);
    for (int i = 0; i < SLOTS_MAX; i++)
        s_count_death(world, &self->answered[i]);
}

void
worker_crash(world_t *world, sim_peer_t *self, bool reset)
{
    world_say(world, "worker %s crashes", self->name);
    worker_count_deaths(world, self);
    world_cut(world, self, reset);
    peer_begin(world, self, random_range(&world->random, 1000, 2000000));
}

/* --- computing --- */

static void
s_start_next(world_t *world, sim_peer_t *self)
{
    if (s_running(self))
        return;
    for (int i = 0; i < self->slots_count; i++) {
        slot_t *slot = &self->slots[i];
        if (slot->finished)
            continue;
        slot->running = true;
        s_send_heartbeat(world, self);
        const sim_job_t *job = shadow_job(world, &slot->id);
        if (job && job->deadly) {
            world_at(world, 2000, self, ON_FINISH, 1);
            return;
        }
        bool hangs = self->temper == TEMPER_HANGING && !world->calm &&
                     random_chance(&world->random, 100);
        if (!hangs)
            world_at(world, random_range(&world->random, 100, 20000), self,
                     ON_FINISH, 0);
        return;
    }
}

static void
s_send_result(world_t *world, sim_peer_t *self, const slot_t *slot)
{
    random_t *random = &world->random;
    message_t *message = world_message(MESSAGE_RESULT);
    message->job = slot->id;
    message->attempt = slot->attempt;
    message->part_index = slot->part;
    message->exec_us = 1000;
    message->queue_us = 10;
    message->tensors_count = 1;
    message->tensors[0] = (tensor_header_t){DTYPE_INT32, {2, {1, 1}}, 4, 0};
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_PART) | key_bit(KEY_TIMINGS) |
                        key_bit(KEY_TENSORS);
    uint32_t value = affine(slot->value, slot->part);
    size_t bytes = 4;
    if (!world->calm && self->temper == TEMPER_MISSHAPEN &&
        random_chance(random, 100)) {
        value ^= 1;
        int64_t way = random_range(random, 0, 2);
        if (way == 0)
            bytes = 8;
        else if (way == 1)
            message->tensors[0].dtype = DTYPE_FLOAT32;
        else
            message->tensors[0].shape.dims[1] = 2;
    }
    world_send(world, self, value, bytes);
}

static void
s_send_error(world_t *world, sim_peer_t *self, const slot_t *slot,
             uint16_t code)
{
    message_t *message = world_message(MESSAGE_ERROR);
    message->job = slot->id;
    message->attempt = slot->attempt;
    message->code = code;
    strcpy(message->text, "it failed");
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_CODE) | key_bit(KEY_TEXT);
    world_send(world, self, 0, 0);
}

/* A result for a job it was never sent, or of an attempt that never was. */
static void
s_forge(world_t *world, sim_peer_t *self)
{
    if (world->jobs_count == 0 || !self->active || !self->loaded)
        return;
    uint64_t bit = (uint64_t)1 << ((self->number * 7 + self->life) % 64);
    int64_t pick = random_range(
        &world->random, world->jobs_count > 40 ? world->jobs_count - 40 : 0,
        world->jobs_count - 1);
    sim_job_t *job = &world->jobs[pick];
    slot_t lie = {job->id, self->part, 1000, 666, 0, 0, 0};
    /* The attempt that somebody else has right now. */
    if (!(job->seen & bit) && job->sent_part == self->part && !job->forger) {
        lie.attempt = job->sent_attempt;
        job->forger = self->number;
        job->forged_attempt = lie.attempt;
    }
    s_send_result(world, self, &lie);
}

static void
s_answer(world_t *world, sim_peer_t *self, slot_t *slot)
{
    bool fails = self->temper == TEMPER_FAILING && !world->calm &&
                 random_chance(&world->random, 300);
    if (fails)
        s_send_error(world, self, slot,
                     random_chance(&world->random, 50) ? FAULT_BAD_SHAPE
                                                       : FAULT_INTERNAL);
    else if (!slot->cancelled)
        s_send_result(world, self, slot);
    self->answered[self->answered_count++ % SLOTS_MAX] = slot->id;
    s_remove_slot(self, slot);
}

/* Draining and with nothing running: the rest goes back, and goodbye. */
static void
s_leave_if_done(world_t *world, sim_peer_t *self)
{
    if (!self->draining || s_running(self))
        return;
    if (self->slots_count > 0 && random_chance(&world->random, 500))
        s_send_error(world, self, &self->slots[0], FAULT_SHUTDOWN);
    world_message(MESSAGE_BYE);
    world_send(world, self, 0, 0);
    worker_count_deaths(world, self);
    /* Its last words are on their way, so the link closes later. */
    world_at(world, 10000, self, ON_RETRY, 0);
    self->active = false;
    self->slots_count = 0;
}

static void
s_finish(world_t *world, sim_peer_t *self, bool deadly)
{
    if (deadly) {
        worker_crash(world, self, random_chance(&world->random, 800));
        return;
    }
    slot_t *slot = s_running(self);
    if (!slot)
        return;
    self->progress++;
    slot->running = false;
    slot->finished = true;
    if (self->active && self->loaded) {
        s_answer(world, self, slot);
        if (self->temper == TEMPER_FORGING && !world->calm &&
            random_chance(&world->random, 100))
            s_forge(world, self);
        s_send_credit(world, self, false);
    }
    if (self->draining)
        s_leave_if_done(world, self);
    else
        s_start_next(world, self);
}

/* --- the session --- */

static void
s_say_hello(world_t *world, sim_peer_t *self)
{
    self->active = false;
    message_t *message = world_message(MESSAGE_HELLO);
    message->role = ROLE_WORKER;
    memcpy(message->peer_id, self->peer_id, 16);
    strcpy(message->name, self->name);
    message->part_index = self->has_part ? self->part : self->wish;
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PEER_ID) |
                        key_bit(KEY_NAME) | key_bit(KEY_PART);
    if (self->has_part) {
        message->part_digest = world->parts[self->part].digest;
        message->held_count = (uint16_t)self->slots_count;
        for (int i = 0; i < self->slots_count; i++)
            message->held[i] = (held_job_t){
                self->slots[i].id, self->slots[i].part, self->slots[i].attempt};
        message->present |= key_bit(KEY_PART_DIGEST) | key_bit(KEY_HELD);
    }
    world_send(world, self, 0, 0);
}

static void
s_welcomed(world_t *world, sim_peer_t *self, const message_t *message)
{
    self->active = true;
    self->session = message->session;
    self->part = message->part_index;
    self->received = self->granted = 0;
    self->loaded = false;
    if (!self->has_part) {
        message_t *fetch = world_message(MESSAGE_FETCH);
        fetch->part_digest = world->parts[self->part].digest;
        fetch->offset = 0;
        fetch->present |= key_bit(KEY_PART_DIGEST) | key_bit(KEY_OFFSET);
        world_send(world, self, 0, 0);
    }
    self->has_part = true;
    world_at(world, random_range(&world->random, 100, 50000), self, ON_LOADED,
             0);
}

static void
s_loaded(world_t *world, sim_peer_t *self)
{
    if (!self->active || self->loaded)
        return;
    self->loaded = true;
    s_send_credit(world, self, true);
    for (int i = self->slots_count; i-- > 0;)
        if (self->slots[i].finished)
            s_answer(world, self, &self->slots[i]);
    s_send_credit(world, self, false);
    s_start_next(world, self);
}

static void
s_job(world_t *world, sim_peer_t *self, const message_t *message,
      const payload_t *payload)
{
    if (message->session != self->session)
        return;
    self->received++;
    if (self->slots_count == SLOTS_MAX) {
        world_fail(world, "I3: a worker has no slot left");
        return;
    }
    self->slots[self->slots_count++] = (slot_t){.id = message->job,
                                                .part = message->part_index,
                                                .attempt = message->attempt,
                                                .value = payload->value};
    s_start_next(world, self);
}

static void
s_cancelled(world_t *world, sim_peer_t *self, const message_t *message)
{
    for (int i = 0; i < self->slots_count; i++) {
        slot_t *slot = &self->slots[i];
        if (!job_id_equal(&slot->id, &message->job) ||
            slot->attempt != message->attempt)
            continue;
        if (slot->running) {
            slot->cancelled = true;
            /* One that hangs stops by itself. */
            if (self->temper == TEMPER_HANGING)
                world_at(world, 50000, self, ON_FINISH, 0);
            return;
        }
        s_remove_slot(self, slot);
        s_send_credit(world, self, false);
        return;
    }
}

static void
s_drain(world_t *world, sim_peer_t *self)
{
    if (self->draining || !self->active)
        return;
    self->draining = true;
    world_message(MESSAGE_DRAIN);
    world_send(world, self, 0, 0);
    s_leave_if_done(world, self);
}

void
worker_receive(world_t *world, sim_peer_t *self, const message_t *message,
               const payload_t *payload)
{
    int64_t beat_us = (int64_t)world->config.heartbeat_ms * 1000;
    switch (message->type) {
    case MESSAGE_WELCOME:
        s_welcomed(world, self, message);
        break;
    case MESSAGE_JOB:
        s_job(world, self, message, payload);
        break;
    case MESSAGE_CANCEL:
        s_cancelled(world, self, message);
        break;
    case MESSAGE_DRAIN:
        s_drain(world, self);
        break;
    case MESSAGE_REHELLO:
        s_say_hello(world, self);
        break;
    case MESSAGE_REJECT:
    case MESSAGE_BYE:
        peer_reconnect(world, self, true,
                       random_range(&world->random, beat_us, 3 * beat_us));
        break;
    default:
        break;
    }
}

static void
s_beat(world_t *world, sim_peer_t *self)
{
    int64_t beat_us = (int64_t)world->config.heartbeat_ms * 1000;
    if (self->conn >= 0 && world->now_us - self->heard_us > 7 * beat_us / 2)
        peer_reconnect(world, self, random_chance(&world->random, 500),
                       random_range(&world->random, 1000, beat_us));
    else
        s_send_heartbeat(world, self);
    /* SIGTERM, now and then. */
    if (!world->calm && random_chance(&world->random, 10))
        s_drain(world, self);
    world_at(world, beat_us, self, ON_BEAT, 0);
}

void
worker_timer(world_t *world, sim_peer_t *self, peer_timer_t timer, uint64_t job)
{
    if (timer == ON_CONNECT) {
        if (world_connect(world, self) >= 0)
            s_say_hello(world, self);
    } else if (timer == ON_BEAT) {
        s_beat(world, self);
    } else if (timer == ON_LOADED) {
        s_loaded(world, self);
    } else if (timer == ON_FINISH) {
        s_finish(world, self, job != 0);
    } else if (timer == ON_RETRY) {
        world_cut(world, self, true);
        peer_begin(world, self, random_range(&world->random, 1000, 1000000));
    }
}
