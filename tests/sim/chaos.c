/* What goes wrong, and the end of a run. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/world.h"

static const tensor_spec_t s_spec = {
    .name = "x", .dtype = DTYPE_INT32, .shape = {2, {DIM_BATCH, 1}}};

static sim_peer_t *
s_add_peer(world_t *self, peer_kind_t kind, side_t side)
{
    sim_peer_t *peer = &self->peers[self->peers_count];
    memset(peer, 0, sizeof *peer);
    peer->kind = kind;
    peer->side = side;
    peer->number = self->peers_count++;
    peer->conn = -1;
    return peer;
}

static void
s_add_worker(world_t *self, uint16_t wish)
{
    random_t *random = &self->random;
    sim_peer_t *peer = s_add_peer(self, PEER_WORKER, SIDE_WORKERS);
    snprintf(peer->name, sizeof peer->name, "w%d", peer->number % 100);
    peer->wish = wish;
    peer->capacity = (int)random_range(random, 1, 4);
    peer->temper = random_chance(random, 600)
                       ? TEMPER_GOOD
                       : (temper_t)random_range(random, 1, TEMPERS - 1);
    peer_begin(self, peer, random_range(random, 0, 200000));
}

static void
s_configure(world_t *self)
{
    random_t *random = &self->random;
    core_config_t *config = &self->config;
    core_config_init(config);
    config->parts_count = (uint16_t)random_range(random, 1, PARTS_MAX);
    config->parts = self->parts;
    for (int i = 0; i < 16; i++)
        config->seed[i] = (uint8_t)random_u64(random);
    config->memory_bytes = CHARGE_BYTES * (uint64_t)random_range(random, 1, 60);
    config->queue_jobs = (uint32_t)random_range(random, 4, 64);
    config->window_jobs = (uint32_t)random_range(random, 1, 32);
    config->window_bytes = CHARGE_BYTES * (uint64_t)random_range(random, 1, 32);
    config->sessions_clients = (uint32_t)random_range(random, 4, 8);
    config->sessions_workers = (uint32_t)random_range(random, 8, 12);
    config->heartbeat_ms = random_chance(random, 500) ? 200 : 1000;
    config->lease_min_ms = (uint32_t)random_range(random, 50, 2000);
    config->remember_jobs = (uint32_t)random_range(random, 1, 300);
    config->remember_bytes = (uint64_t)random_range(random, 1, 100);
    config->drain_ms = (uint32_t)random_range(random, 100, 10000);
}

void
chaos_setup(world_t *self)
{
    random_t *random = &self->random;
    for (uint16_t i = 0; i < PARTS_MAX; i++)
        self->parts[i] = (core_part_t){.digest = {{(uint8_t)(i + 1)}},
                                       .bytes = 1500,
                                       .inputs = &s_spec,
                                       .inputs_count = 1,
                                       .outputs = &s_spec,
                                       .outputs_count = 1,
                                       .cost = 1 + i};
    s_configure(self);
    int64_t clients = random_range(random, 1, 3);
    int64_t strangers = random_range(random, 0, 2);
    int64_t spare = random_range(random, 0, 4);
    for (int64_t i = 0; i < clients; i++)
        peer_begin(self, s_add_peer(self, PEER_CLIENT, SIDE_CLIENTS),
                   random_range(random, 0, 100000));
    for (uint16_t i = 0; i < self->config.parts_count; i++)
        s_add_worker(self, i);
    for (int64_t i = 0; i < spare; i++)
        s_add_worker(self, PROTO_PART_AUTO);
    for (int64_t i = 0; i < strangers; i++)
        peer_begin(self, s_add_peer(self, PEER_STRANGER, SIDE_CLIENTS),
                   random_range(random, 0, 100000));
    world_chaos_at(self, random_range(random, 10000, 500000));
}

static sim_peer_t *
s_somebody(world_t *self)
{
    return &self->peers[random_range(&self->random, 0, self->peers_count - 1)];
}

/* --- faults --- */

static void
s_cut(world_t *self, sim_peer_t *peer)
{
    if (peer->kind == PEER_STRANGER || peer->conn < 0)
        return;
    peer_reconnect(self, peer, random_chance(&self->random, 700),
                   random_range(&self->random, 1000, 2000000));
}

static void
s_stall(world_t *self, sim_peer_t *peer)
{
    if (peer->conn >= 0)
        self->conns[peer->conn].stall_us =
            self->now_us + random_range(&self->random, 1000, 6000000);
    if (peer->kind == PEER_WORKER)
        worker_count_deaths(self, peer);
}

static void
s_freeze(world_t *self, sim_peer_t *peer)
{
    peer->frozen_us = self->now_us + random_range(&self->random, 1000, 6000000);
    if (peer->kind == PEER_WORKER)
        worker_count_deaths(self, peer);
}

static void
s_crash(world_t *self, sim_peer_t *peer)
{
    if (peer->kind == PEER_WORKER)
        worker_crash(self, peer, random_chance(&self->random, 800));
    else if (peer->kind == PEER_CLIENT)
        client_leave(self, peer);
}

/* Everything that a worker holds may now count as broken off. */
static void
s_count_all_deaths(world_t *self)
{
    for (int i = 0; i < self->peers_count; i++)
        if (self->peers[i].kind == PEER_WORKER)
            worker_count_deaths(self, &self->peers[i]);
}

static void
s_pause(world_t *self, sim_peer_t *peer)
{
    (void)peer;
    s_count_all_deaths(self);
    self->paused_us = self->now_us + random_range(&self->random, 1000, 3000000);
}

static void
s_restart(world_t *self, sim_peer_t *peer)
{
    (void)peer;
    if (!random_chance(&self->random, 150))
        return;
    world_say(self, "the broker restarts");
    s_count_all_deaths(self);
    world_halt(self);
    world_boot(self);
}

static void
s_drain(world_t *self, sim_peer_t *peer)
{
    (void)peer;
    if (self->now_us >= self->paused_us && random_chance(&self->random, 150))
        core_drain(self->core, self->now_us);
}

void
chaos_strike(world_t *self)
{
    static void (*const faults[])(world_t *, sim_peer_t *) = {
        s_cut,   s_cut,   s_stall,   s_freeze, s_crash,
        s_crash, s_pause, s_restart, s_drain,
    };
    enum { FAULTS = sizeof faults / sizeof faults[0] };
    if (self->calm)
        return;
    int64_t fault = random_range(&self->random, 0, FAULTS - 1);
    sim_peer_t *peer = s_somebody(self);
    world_say(self, "fault %d at peer %d", (int)fault, peer->number);
    faults[fault](self, peer);
    world_chaos_at(self, random_range(&self->random, 10000, 1000000));
}

/* --- the end --- */

static void
s_heal(world_t *self)
{
    self->calm = true;
    if (self->paused_us > self->now_us)
        self->paused_us = self->now_us;
    for (int i = 0; i < self->jobs_count; i++)
        self->jobs[i].deadly = false;
    for (int i = 0; i < self->peers_count; i++) {
        sim_peer_t *peer = &self->peers[i];
        peer->frozen_us = 0;
        if (peer->conn >= 0)
            self->conns[peer->conn].stall_us = 0;
    }
}

static bool
s_somebody_waits(const world_t *self)
{
    for (int i = 0; i < self->peers_count; i++)
        if (self->peers[i].open_count > 0)
            return true;
    core_status_t status;
    core_status(self->core, self->now_us, &status);
    return status.live > 0;
}

void
chaos_finish(world_t *self)
{
    enum { PATIENCE_US = 90 * 1000000 };
    s_heal(self);
    int64_t end_us = self->now_us + PATIENCE_US;
    while (!self->failed && self->now_us < end_us && s_somebody_waits(self))
        if (!world_step(self))
            break;
    if (!self->failed)
        shadow_quiet(self);
}
