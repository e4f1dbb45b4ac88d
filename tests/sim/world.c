/* Time, links, and the host that the core runs on. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static message_t s_outgoing;

uint32_t
affine(uint32_t value, uint16_t part)
{
    return 3 * value + part;
}

/* --- notes --- */

void
world_note(world_t *self, uint64_t value)
{
    self->hash = (self->hash ^ value) * 0x9e3779b97f4a7c15;
    self->hash ^= self->hash >> 29;
}

void
world_say(world_t *self, const char *format, ...)
{
    if (!self->trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("# %10.3f ", (double)self->now_us / 1000);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void
world_fail(world_t *self, const char *format, ...)
{
    if (self->failed)
        return;
    self->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->failure, sizeof self->failure, format, arguments);
    va_end(arguments);
    world_say(self, "FAILED: %s", self->failure);
}

/* --- events --- */

static bool
s_before(const event_t *a, const event_t *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void
s_push(world_t *self, event_t event)
{
    if (self->heap_count == self->heap_capacity) {
        self->heap_capacity =
            self->heap_capacity ? 2 * self->heap_capacity : 1024;
        self->heap =
            realloc(self->heap, self->heap_capacity * sizeof *self->heap);
    }
    event.order = ++self->order;
    size_t place = self->heap_count++;
    for (; place > 0 && s_before(&event, &self->heap[(place - 1) / 2]);
         place = (place - 1) / 2)
        self->heap[place] = self->heap[(place - 1) / 2];
    self->heap[place] = event;
}

static event_t
s_pop(world_t *self)
{
    event_t first = self->heap[0];
    event_t last = self->heap[--self->heap_count];
    size_t place = 0;
    for (size_t child; (child = 2 * place + 1) < self->heap_count;
         place = child) {
        if (child + 1 < self->heap_count &&
            s_before(&self->heap[child + 1], &self->heap[child]))
            child++;
        if (s_before(&last, &self->heap[child]))
            break;
        self->heap[place] = self->heap[child];
    }
    self->heap[place] = last;
    return first;
}

void
world_at(world_t *self, int64_t delay_us, sim_peer_t *peer, peer_timer_t timer,
         uint64_t job)
{
    s_push(self, (event_t){.at_us = self->now_us + delay_us,
                           .kind = EVENT_PEER,
                           .timer = timer,
                           .target = peer->number,
                           .life = peer->life,
                           .job = job});
}

void
world_chaos_at(world_t *self, int64_t delay_us)
{
    s_push(self,
           (event_t){.at_us = self->now_us + delay_us, .kind = EVENT_CHAOS});
}

/* --- payloads and flights --- */

static void
s_drop_payload(world_t *self, payload_t *payload)
{
    if (payload && --payload->references == 0) {
        self->payloads--;
        free(payload);
    }
}

static flight_t *
s_take_flight(world_t *self)
{
    flight_t *flight = self->spare;
    if (flight)
        self->spare = flight->next;
    else
        flight = malloc(sizeof *flight);
    flight->payload = NULL;
    flight->frame_bytes = 0;
    flight->malformed = flight->fetched = false;
    return flight;
}

static void
s_land(world_t *self, flight_t *flight)
{
    flight->next = self->spare;
    self->spare = flight;
}

/* --- links --- */

int
world_connect(world_t *self, sim_peer_t *peer)
{
    if (self->conns_count == CONNS_MAX)
        return -1;
    conn_t *conn = &self->conns[self->conns_count];
    memset(conn, 0, sizeof *conn);
    conn->side = peer->side;
    conn->peer = peer->number;
    conn->up = true;
    conn->latency_us = random_range(&self->random, 20, 3000);
    peer->conn = self->conns_count;
    peer->active = false;
    peer->heard_us = self->now_us;
    return self->conns_count++;
}

void
world_cut(world_t *self, sim_peer_t *peer, bool reset)
{
    if (peer->conn < 0)
        return;
    conn_t *conn = &self->conns[peer->conn];
    conn->up = false;
    conn->reset = reset;
    peer->conn = -1;
    peer->active = false;
    /* The socket monitor is a help that may come or not. */
    if (reset && self->core && self->now_us >= self->paused_us &&
        random_chance(&self->random, 500))
        core_disturbed(self->core, conn->side, self->now_us);
}

static int64_t
s_arrival(world_t *self, const conn_t *conn, int64_t *latest_us)
{
    int64_t at_us = self->now_us + conn->latency_us +
                    random_range(&self->random, 0, conn->latency_us);
    if (at_us < conn->stall_us)
        at_us = conn->stall_us;
    if (at_us < *latest_us)
        at_us = *latest_us;
    return *latest_us = at_us;
}

message_t *
world_message(message_type_t type)
{
    message_init(&s_outgoing, type);
    return &s_outgoing;
}

static void
s_send(world_t *self, sim_peer_t *peer, flight_t *flight)
{
    conn_t *conn = &self->conns[peer->conn];
    s_push(self, (event_t){.at_us = s_arrival(self, conn, &conn->core_us),
                           .kind = EVENT_TO_CORE,
                           .target = peer->conn,
                           .flight = flight});
}

void
world_send(world_t *self, sim_peer_t *peer, uint32_t value, size_t bytes)
{
    if (peer->conn < 0)
        return;
    flight_t *flight = s_take_flight(self);
    if (s_outgoing.type != MESSAGE_HELLO) {
        s_outgoing.session = peer->session;
        s_outgoing.present |= key_bit(KEY_SESSION);
    }
    if (bytes > 0) {
        payload_t *payload = malloc(sizeof *payload);
        *payload = (payload_t){value, (uint32_t)bytes, 1};
        self->payloads++;
        flight->payload = payload;
        flight->frame_bytes = bytes;
        s_outgoing.frames_count = 1;
    }
    flight->message = s_outgoing;
    s_send(self, peer, flight);
}

void
world_send_malformed(world_t *self, sim_peer_t *peer)
{
    if (peer->conn < 0)
        return;
    flight_t *flight = s_take_flight(self);
    flight->malformed = true;
    s_send(self, peer, flight);
}

/* --- the host --- */

static int
s_number(const peer_t *peer)
{
    int number = 0;
    for (int i = 0; i < peer->size; i++)
        number = number << 8 | peer->bytes[i];
    return number;
}

static peer_t
s_routing(int number)
{
    return (peer_t){
        3, {(uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static sent_t
s_host_send(void *context, side_t side, const peer_t *peer, message_t *message,
            const payload_t *payload)
{
    world_t *self = context;
    int number = s_number(peer);
    conn_t *conn = &self->conns[number];
    if (number >= self->conns_count || conn->side != side) {
        world_fail(self, "a send to a peer that never was");
        return SENT_GONE;
    }
    if (conn->reset) {
        if (conn->told)
            world_fail(self, "I7: a send to a connection known to be gone");
        conn->told = true;
        return SENT_GONE;
    }
    if (conn->queued >= LINK_MESSAGES_MAX) {
        conn->full_us = self->now_us;
        return SENT_FULL;
    }
    message->frames_count = payload ? 1 : 0;
    shadow_sent(self, number, message, payload);
    world_note(self, (uint64_t)message->type << 32 | (unsigned)number);
    world_note(self, (uint64_t)self->now_us);
    conn->queued++;
    flight_t *flight = s_take_flight(self);
    flight->message = *message;
    if (payload) {
        flight->payload = (payload_t *)(uintptr_t)payload;
        flight->payload->references++;
    }
    s_push(self, (event_t){.at_us = s_arrival(self, conn, &conn->peer_us),
                           .kind = EVENT_TO_PEER,
                           .target = number,
                           .flight = flight});
    return SENT_OK;
}

static void
s_host_release(void *context, payload_t *payload)
{
    s_drop_payload(context, payload);
}

/* The chunk itself needs no simulation: it was sent, or it was not. */
static void
s_host_fetch(void *context, const peer_t *worker, uint64_t session,
             uint16_t part, uint64_t offset)
{
    (void)session, (void)part, (void)offset;
    world_t *self = context;
    flight_t *flight = s_take_flight(self);
    flight->fetched = true;
    s_push(self, (event_t){.at_us = self->now_us + 100,
                           .kind = EVENT_TO_CORE,
                           .target = s_number(worker),
                           .flight = flight});
}

static void
s_host_status(void *context, const peer_t *client, uint64_t session)
{
    (void)client, (void)session;
    world_t *self = context;
    core_worker_status_t worker;
    core_part_status_t part;
    for (uint32_t cursor = 0; core_worker_status(self->core, &cursor, &worker);)
        world_note(self, worker.leased);
    core_part_status(self->core, 0, self->now_us, &part);
    world_note(self, part.queued);
}

static void
s_host_log(void *context, core_level_t level, const char *text)
{
    (void)level;
    world_say(context, "core: %s", text);
}

/* --- the broker's process --- */

void
world_boot(world_t *self)
{
    fault_t fault;
    core_host_t host = {self,         s_host_send,   s_host_release,
                        s_host_fetch, s_host_status, s_host_log};
    self->config.boot_id = ++self->boots;
    self->core = core_new(&self->config, &host, self->now_us, &fault);
    if (!self->core) {
        world_fail(self, "core_new: %s", fault.text);
        abort();
    }
}

void
world_halt(world_t *self)
{
    core_status_t status;
    core_status(self->core, self->now_us, &status);
    for (size_t i = 0; i < metrics_counter_count; i++) {
        size_t offset = metrics_counter_table[i].offset;
        uint64_t *sum = (uint64_t *)(void *)((char *)&self->counters + offset);
        *sum += *(uint64_t *)(void *)((char *)&status.counters + offset);
    }
    core_destroy(&self->core);
    for (int i = 0; i < self->conns_count; i++)
        self->conns[i].up = false, self->conns[i].reset = true;
    for (int i = 0; i < self->jobs_count; i++)
        self->jobs[i].open = false;
    self->open_jobs = 0;
}

void
world_init(world_t *self, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->seed = seed;
    self->now_us = 1000000;
    random_seed(&self->random, seed);
    self->conns = calloc(CONNS_MAX, sizeof *self->conns);
    self->jobs = calloc(JOBS_MAX, sizeof *self->jobs);
    chaos_setup(self);
    world_boot(self);
}

void
world_release(world_t *self)
{
    if (self->core)
        world_halt(self);
    while (self->heap_count > 0) {
        event_t event = s_pop(self);
        if (event.flight) {
            s_drop_payload(self, event.flight->payload);
            s_land(self, event.flight);
        }
    }
    for (flight_t *flight; (flight = self->spare);) {
        self->spare = flight->next;
        free(flight);
    }
    if (self->payloads != 0)
        world_fail(self, "I10: %d payloads were never released",
                   self->payloads);
    free(self->heap);
    free(self->conns);
    free(self->jobs);
}

/* --- steps --- */

static void
s_to_core(world_t *self, const event_t *event)
{
    conn_t *conn = &self->conns[event->target];
    flight_t *flight = event->flight;
    peer_t peer = s_routing(event->target);
    core_status_t before, after;
    /* What was on its way when a connection broke is lost with it. */
    if (!conn->up) {
        s_drop_payload(self, flight->payload);
        return;
    }
    world_note(self,
               (uint64_t)flight->message.type << 40 | (unsigned)event->target);
    if (flight->malformed) {
        fault_t fault;
        fault_set(&fault, FAULT_BAD_FRAME, "nonsense");
        core_status(self->core, self->now_us, &before);
        core_malformed(self->core, conn->side, &peer, &fault, self->now_us);
        core_status(self->core, self->now_us, &after);
        if (before.counters.banned == after.counters.banned &&
            (before.live != after.live || before.leased != after.leased ||
             before.workers != after.workers ||
             before.clients != after.clients))
            world_fail(self, "I12: a malformed frame changed the state");
        return;
    }
    if (flight->fetched) {
        core_fetched(self->core, &peer, SENT_OK, self->now_us);
        return;
    }
    world_say(self, "%d (peer %d) -> core: %s job %u attempt %u", event->target,
              conn->peer, message_name(flight->message.type),
              flight->message.job.bytes[14] << 8 |
                  flight->message.job.bytes[15],
              flight->message.attempt);
    shadow_received(self, conn, &peer, &flight->message);
    core_input_t input = {.side = conn->side,
                          .peer = peer,
                          .message = &flight->message,
                          .payload = flight->payload,
                          .frames_count = flight->payload ? 1 : 0,
                          .frame_bytes = &flight->frame_bytes};
    core_receive(self->core, &input, self->now_us);
}

static void
s_to_peer(world_t *self, const event_t *event)
{
    conn_t *conn = &self->conns[event->target];
    sim_peer_t *peer = &self->peers[conn->peer];
    flight_t *flight = event->flight;
    conn->queued--;
    if (conn->up && peer->conn == event->target && peer->running) {
        peer->heard_us = self->now_us;
        if (peer->kind == PEER_CLIENT)
            client_receive(self, peer, &flight->message, flight->payload);
        else if (peer->kind == PEER_WORKER)
            worker_receive(self, peer, &flight->message, flight->payload);
        else if (flight->message.type == MESSAGE_WELCOME)
            peer->session = flight->message.session;
    }
    s_drop_payload(self, flight->payload);
}

static void
s_peer_event(world_t *self, const event_t *event)
{
    sim_peer_t *peer = &self->peers[event->target];
    if (event->life != peer->life)
        return;
    if (event->timer == ON_CONNECT && peer->conn >= 0)
        return;
    if (peer->kind == PEER_CLIENT)
        client_timer(self, peer, event->timer, event->job);
    else if (peer->kind == PEER_WORKER)
        worker_timer(self, peer, event->timer, event->job);
    else
        stranger_timer(self, peer);
}

/* A frozen process or a paused broker lets its events wait. */
static int64_t
s_held_until_us(const world_t *self, const event_t *event)
{
    if (event->kind == EVENT_TO_CORE)
        return self->paused_us;
    if (event->kind == EVENT_TO_PEER)
        return self->peers[self->conns[event->target].peer].frozen_us;
    if (event->kind == EVENT_PEER)
        return self->peers[event->target].frozen_us;
    return 0;
}

/* A drained broker ends; the next one takes its place. */
static void
s_check_phase(world_t *self)
{
    core_phase_t phase = core_phase(self->core);
    if (phase == CORE_DRAINED || phase == CORE_CUT_SHORT) {
        world_say(self, "the broker ended its drain and starts anew");
        world_halt(self);
        world_boot(self);
    }
}

bool
world_step(world_t *self)
{
    int64_t tick_us = core_next_due_us(self->core);
    if (tick_us < self->paused_us)
        tick_us = self->paused_us;
    int64_t event_us = self->heap_count ? self->heap[0].at_us : INT64_MAX;
    if (event_us == INT64_MAX && tick_us == INT64_MAX)
        return false;
    self->events_count++;
    if (tick_us < event_us) {
        if (tick_us > self->now_us)
            self->now_us = tick_us;
        core_tick(self->core, self->now_us);
        shadow_checked(self);
        s_check_phase(self);
        return true;
    }
    event_t event = s_pop(self);
    int64_t held_us = s_held_until_us(self, &event);
    if (held_us > event.at_us) {
        event.at_us = held_us;
        s_push(self, event);
        self->events_count--;
        return true;
    }
    if (event.at_us > self->now_us)
        self->now_us = event.at_us;
    switch (event.kind) {
    case EVENT_TO_CORE:
        s_to_core(self, &event);
        break;
    case EVENT_TO_PEER:
        s_to_peer(self, &event);
        break;
    case EVENT_PEER:
        s_peer_event(self, &event);
        break;
    case EVENT_CHAOS:
        chaos_strike(self);
        break;
    }
    if (event.flight)
        s_land(self, event.flight);
    shadow_checked(self);
    s_check_phase(self);
    if (self->events_count % WALK_EVERY == 0)
        shadow_walk(self);
    return true;
}
