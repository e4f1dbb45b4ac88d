/* Clients: they submit, wait, resubmit after a broken link, and count. */
#include <string.h>

#include "tests/sim/world.h"

static int64_t
s_heartbeat_us(const world_t *world)
{
    return (int64_t)world->config.heartbeat_ms * 1000;
}

/* A new process: nothing of the old one is left. */
void
peer_begin(world_t *world, sim_peer_t *self, int64_t delay_us)
{
    self->life++;
    self->running = true;
    self->active = self->draining = self->loaded = self->has_part = false;
    self->open_count = self->slots_count = 0;
    self->frozen_us = 0;
    for (int i = 0; i < 16; i++)
        self->peer_id[i] = (uint8_t)random_u64(&world->random);
    world_at(world, delay_us, self, ON_CONNECT, 0);
    world_at(world, delay_us + s_heartbeat_us(world), self, ON_BEAT, 0);
    if (self->kind != PEER_WORKER)
        world_at(world, delay_us + 1000, self, ON_WORK, 0);
}

void
peer_reconnect(world_t *world, sim_peer_t *self, bool reset, int64_t delay_us)
{
    if (self->kind == PEER_WORKER)
        worker_count_deaths(world, self);
    world_cut(world, self, reset);
    world_at(world, delay_us, self, ON_CONNECT, 0);
}

static void
s_forget_all(world_t *world, sim_peer_t *self)
{
    for (int i = 0; i < self->open_count; i++)
        world->jobs[self->open[i]].wanted = false;
    self->open_count = 0;
}

/* BYE and gone, or gone without a word; another process takes its place. */
void
client_leave(world_t *world, sim_peer_t *self)
{
    bool polite = random_chance(&world->random, 500);
    s_forget_all(world, self);
    if (polite && self->active) {
        world_message(MESSAGE_BYE);
        world_send(world, self, 0, 0);
    }
    world_cut(world, self, random_chance(&world->random, 800));
    peer_begin(world, self, random_range(&world->random, 1000, 500000));
}

static void
s_close(world_t *world, sim_peer_t *self, uint64_t number)
{
    world->jobs[number].wanted = false;
    for (int i = 0; i < self->open_count; i++)
        if (self->open[i] == (int)number) {
            self->open[i] = self->open[--self->open_count];
            return;
        }
}

static void
s_submit(world_t *world, sim_peer_t *self, int number)
{
    sim_job_t *job = &world->jobs[number];
    int64_t left_us = job->deadline_us - world->now_us;
    if (left_us <= 0) {
        s_close(world, self, (uint64_t)number);
        return;
    }
    message_t *message = world_message(MESSAGE_SUBMIT);
    message->job = job->id;
    message->remaining_ms = (uint32_t)(left_us / 1000);
    message->priority = (uint8_t)(number % 5 == 0);
    message->tensors_count = 1;
    message->tensors[0] = (tensor_header_t){DTYPE_INT32, {2, {1, 1}}, 4, 0};
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_REMAINING_MS) |
                        key_bit(KEY_PRIORITY) | key_bit(KEY_TENSORS);
    world_send(world, self, job->value, 4);
}

static void
s_new_job(world_t *world, sim_peer_t *self)
{
    if (world->jobs_count == JOBS_MAX || self->open_count == OPEN_MAX)
        return;
    random_t *random = &world->random;
    int number = world->jobs_count++;
    sim_job_t *job = &world->jobs[number];
    memset(job, 0, sizeof *job);
    memcpy(job->id.bytes, self->peer_id, 8);
    for (int i = 0; i < 8; i++)
        job->id.bytes[15 - i] = (uint8_t)((uint64_t)number >> (8 * i));
    job->client = self->number;
    job->life = self->life;
    job->value = (uint32_t)random_u64(random);
    job->wanted = true;
    job->deadly = random_chance(random, 5);
    job->deadline_us =
        world->now_us + (random_chance(random, 200)
                             ? random_range(random, 1000, 100000)
                             : random_range(random, 1000000, 20000000));
    self->open[self->open_count++] = number;
    s_submit(world, self, number);
}

static void
s_cancel(world_t *world, sim_peer_t *self)
{
    if (self->open_count == 0)
        return;
    int64_t pick = random_range(&world->random, 0, self->open_count - 1);
    message_t *message = world_message(MESSAGE_CANCEL);
    message->job = world->jobs[self->open[pick]].id;
    message->present |= key_bit(KEY_JOB);
    world_send(world, self, 0, 0);
}

static void
s_drain_worker(world_t *world, sim_peer_t *self)
{
    int64_t pick = random_range(&world->random, 0, world->peers_count - 1);
    const sim_peer_t *worker = &world->peers[pick];
    message_t *message = world_message(MESSAGE_DRAIN);
    strcpy(message->name, worker->kind == PEER_WORKER ? worker->name : "who");
    message->present |= key_bit(KEY_NAME);
    world_send(world, self, 0, 0);
}

static void
s_work(world_t *world, sim_peer_t *self)
{
    random_t *random = &world->random;
    if (world->calm)
        return;
    if (self->active) {
        int64_t burst = random_chance(random, 50) ? 20 : 1;
        for (int64_t i = 0; i < burst; i++)
            s_new_job(world, self);
        if (random_chance(random, 60))
            s_cancel(world, self);
        if (random_chance(random, 5))
            s_drain_worker(world, self);
        if (random_chance(random, 5)) {
            world_message(MESSAGE_STATUS);
            world_send(world, self, 0, 0);
        }
    }
    world_at(world, random_range(random, 500, 60000), self, ON_WORK, 0);
}

static void
s_say_hello(world_t *world, sim_peer_t *self)
{
    self->active = false;
    message_t *message = world_message(MESSAGE_HELLO);
    message->role = ROLE_CLIENT;
    memcpy(message->peer_id, self->peer_id, 16);
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PEER_ID);
    world_send(world, self, 0, 0);
}

static void
s_beat(world_t *world, sim_peer_t *self)
{
    int64_t beat_us = s_heartbeat_us(world);
    if (self->conn >= 0 && world->now_us - self->heard_us > 7 * beat_us / 2) {
        peer_reconnect(world, self, false,
                       random_range(&world->random, 1000, beat_us));
    } else if (self->active) {
        message_t *message = world_message(MESSAGE_HEARTBEAT);
        message->seq = ++self->seq;
        message->present |= key_bit(KEY_SEQ);
        world_send(world, self, 0, 0);
    }
    world_at(world, beat_us, self, ON_BEAT, 0);
}

static void
s_retry(world_t *world, sim_peer_t *self, uint64_t number)
{
    const sim_job_t *job = &world->jobs[number];
    if (self->active && job->wanted)
        s_submit(world, self, (int)number);
}

void
client_timer(world_t *world, sim_peer_t *self, peer_timer_t timer, uint64_t job)
{
    if (timer == ON_CONNECT) {
        if (world_connect(world, self) >= 0)
            s_say_hello(world, self);
    } else if (timer == ON_BEAT) {
        s_beat(world, self);
    } else if (timer == ON_WORK) {
        s_work(world, self);
    } else if (timer == ON_RETRY) {
        s_retry(world, self, job);
    }
}

static void
s_welcomed(world_t *world, sim_peer_t *self, const message_t *message)
{
    self->active = true;
    self->session = message->session;
    for (int i = self->open_count; i-- > 0;)
        s_submit(world, self, self->open[i]);
}

static void
s_answered(world_t *world, sim_peer_t *self, const message_t *message)
{
    sim_job_t *job = shadow_job(world, &message->job);
    if (!job || !message_has(message, key_bit(KEY_JOB)) ||
        job->client != self->number || job->life != self->life)
        return;
    uint64_t number = (uint64_t)(job - world->jobs);
    if (message->type == MESSAGE_BUSY) {
        int64_t delay_us = (int64_t)message->retry_after_ms * 1000;
        world_at(world, delay_us + random_range(&world->random, 0, delay_us),
                 self, ON_RETRY, number);
    } else if (job->wanted) {
        s_close(world, self, number);
    }
}

void
client_receive(world_t *world, sim_peer_t *self, const message_t *message,
               const payload_t *payload)
{
    (void)payload;
    int64_t beat_us = s_heartbeat_us(world);
    switch (message->type) {
    case MESSAGE_WELCOME:
        s_welcomed(world, self, message);
        break;
    case MESSAGE_REHELLO:
        s_say_hello(world, self);
        break;
    case MESSAGE_REJECT:
    case MESSAGE_BYE:
        peer_reconnect(world, self, true,
                       random_range(&world->random, beat_us, 3 * beat_us));
        break;
    case MESSAGE_RESULT:
    case MESSAGE_ERROR:
    case MESSAGE_BUSY:
        s_answered(world, self, message);
        break;
    default:
        break;
    }
}
