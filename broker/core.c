/* The broker's core: life, steps and timers. */
#include "broker/core_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/siphash.h"
#include "common/mem.h"

void
core_config_init(core_config_t *self)
{
    *self = (core_config_t){
        .memory_bytes = (uint64_t)512 << 20,
        .frame_bytes = (uint64_t)64 << 20,
        .queue_jobs = 1024,
        .window_jobs = 32,
        .window_bytes = (uint64_t)64 << 20,
        .sessions_clients = 256,
        .sessions_workers = 256,
        .heartbeat_ms = 1000,
        .misses = 3,
        .lease_min_ms = 2000,
        .lease_max_ms = 60000,
        .attempts = 3,
        .drain_ms = 30000,
        .remember_jobs = 65536,
        .remember_bytes = 16 << 20,
        .clients_may_drain = true,
    };
}

/* Bytes of one job's tensors; 0 where a spec is none of one sample. */
static uint64_t
s_boundary_bytes(const tensor_spec_t *specs, uint16_t count)
{
    uint64_t sum = 0;
    for (uint16_t i = 0; i < count; i++) {
        uint64_t bytes = tensor_bytes(specs[i].dtype, &specs[i].shape, 1);
        if (bytes == 0)
            return 0;
        sum += bytes;
    }
    return sum;
}

static int
s_measure_parts(core_t *self, fault_t *fault)
{
    uint64_t most = 0;
    for (uint16_t i = 0; i < self->config.parts_count; i++) {
        station_t *part = &self->parts[i];
        part->config = self->config.parts[i];
        part->in_bytes =
            s_boundary_bytes(part->config.inputs, part->config.inputs_count);
        part->out_bytes =
            s_boundary_bytes(part->config.outputs, part->config.outputs_count);
        if (part->in_bytes == 0 || part->out_bytes == 0)
            return fault_set(fault, FAULT_CONFIG,
                             "part %u has a boundary without bytes", i);
        if (part->in_bytes + part->out_bytes > most)
            most = part->in_bytes + part->out_bytes;
    }
    self->charge_bytes = most + CHARGE_EXTRA_BYTES;
    if (self->charge_bytes > self->config.memory_bytes)
        return fault_set(fault, FAULT_CONFIG,
                         "broker.memory_mib is too small: one job of this "
                         "model takes %llu bytes",
                         (unsigned long long)self->charge_bytes);
    return 0;
}

static void
s_release(void *context, payload_t *payload)
{
    core_release(context, &payload);
}

static int
s_init(core_t *self, fault_t *fault)
{
    const core_config_t *config = &self->config;
    uint32_t sessions = config->sessions_clients + config->sessions_workers;
    uint32_t timers = 3 * sessions + 2 * config->queue_jobs + 4;
    if (s_measure_parts(self, fault) != 0 ||
        registry_init(&self->registry, config->sessions_clients,
                      config->sessions_workers, config->seed, fault) != 0 ||
        jobs_init(&self->jobs, config->queue_jobs, config->parts_count,
                  config->seed, fault) != 0 ||
        done_init(&self->done, config->parts_count, config->remember_jobs,
                  config->remember_bytes, config->seed, s_release, self,
                  fault) != 0 ||
        sched_init(&self->sched, config->parts_count, config->queue_jobs,
                   config->sessions_workers, self->now_us, fault) != 0 ||
        timers_init(&self->timers, timers, fault) != 0 ||
        strikes_init(&self->strikes, 4 * sessions, fault) != 0)
        return -1;
    return 0;
}

core_t *
core_new(const core_config_t *config, const core_host_t *host, int64_t now_us,
         fault_t *fault)
{
    if (config->parts_count == 0 || config->parts_count > PROTO_PARTS_MAX)
        return fault_null(fault, FAULT_CONFIG, "a model has 1 to %d parts",
                          PROTO_PARTS_MAX);
    core_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->config = *config;
    self->host = *host;
    self->now_us = self->started_us = now_us;
    list_init(&self->doomed);
    alarm_init(&self->done_alarm, TIMER_DONE, self);
    alarm_init(&self->drain_alarm, TIMER_DRAIN, self);
    for (int side = 0; side < 2; side++)
        alarm_init(&self->probe_alarms[side], TIMER_PROBE,
                   &self->probe_alarms[side]);
    self->parts = mem_new(config->parts_count, sizeof *self->parts, fault);
    if (!self->parts || s_init(self, fault) != 0)
        core_destroy(&self);
    return self;
}

void
core_destroy(core_t **self_)
{
    core_t *self = *self_;
    if (!self)
        return;
    for (uint32_t i = 0; self->jobs.rows && i < self->jobs.capacity; i++)
        if (self->jobs.rows[i].state != JOB_FREE)
            core_release(self, &self->jobs.rows[i].payload);
    done_release(&self->done);
    jobs_release(&self->jobs);
    registry_release(&self->registry);
    sched_release(&self->sched);
    timers_release(&self->timers);
    strikes_release(&self->strikes);
    free(self->parts);
    free(self);
    *self_ = NULL;
}

/* --- what every file uses --- */

uint64_t
core_random(core_t *self)
{
    self->random_count++;
    return siphash(self->config.seed, &self->random_count,
                   sizeof self->random_count);
}

payload_t *
core_take_incoming(core_t *self)
{
    payload_t *payload = self->incoming;
    self->incoming = NULL;
    return payload;
}

void
core_release(core_t *self, payload_t **payload)
{
    if (*payload)
        self->host.release(self->host.self, *payload);
    *payload = NULL;
}

message_t *
core_message(core_t *self, message_type_t type)
{
    message_init(&self->out, type);
    return &self->out;
}

void
core_put_code(message_t *message, uint16_t code)
{
    message->code = code;
    message->present |= key_bit(KEY_CODE);
}

void
core_put_text(message_t *message, const char *text)
{
    size_t size = strnlen(text, PROTO_TEXT_MAX);
    memcpy(message->text, text, size);
    message->text[size] = '\0';
    message->present |= key_bit(KEY_TEXT);
}

sent_t
core_send(core_t *self, session_t *session, const payload_t *payload)
{
    if (session->doomed)
        return SENT_GONE;
    self->out.session = session->id;
    self->out.present |= key_bit(KEY_SESSION);
    sent_t sent = self->host.send(self->host.self, session->side,
                                  &session->peer, &self->out, payload);
    if (sent == SENT_OK)
        session->sent_us = self->now_us;
    else if (sent == SENT_FULL)
        self->counters.send_full++;
    else
        peers_doom(self, session, "its connection is gone");
    return sent;
}

/* --- steps --- */

void
core_begin(core_t *self, int64_t now_us)
{
    if (now_us > self->now_us)
        self->now_us = now_us;
}

static void
s_finish(core_t *self, core_phase_t phase)
{
    peers_dismiss(self, FAULT_SHUTDOWN);
    self->phase = phase;
    core_log(self, CORE_INFO, "%s",
             phase == CORE_DRAINED ? "drained: every job had its outcome"
                                   : "drain timeout: jobs were given up");
}

static void
s_settle(core_t *self)
{
    while (!list_is_empty(&self->doomed) || self->sched.dirty_count > 0) {
        peers_reap(self);
        flow_dispatch(self);
    }
}

void
core_end(core_t *self)
{
    core_release(self, &self->incoming);
    s_settle(self);
    if (self->phase == CORE_DRAINING && self->jobs.count == 0) {
        s_finish(self, CORE_DRAINED);
        s_settle(self);
    }
    if (self->done.count > 0 && !heap_holds(&self->done_alarm.node))
        timers_set(&self->timers, &self->done_alarm, done_next_us(&self->done));
    if (self->phase == CORE_DRAINING && self->jobs.count == 0)
        s_finish(self, CORE_DRAINED);
}

static void
s_on_done(core_t *self, void *owner)
{
    (void)owner;
    done_expire(&self->done, self->now_us);
}

/* Time is up: whoever still waits is told that it was the broker. */
static void
s_on_drain(core_t *self, void *owner)
{
    (void)owner;
    for (uint32_t i = 0; i < self->jobs.capacity; i++) {
        job_t *job = &self->jobs.rows[i];
        if (job->state == JOB_FREE || job->state == JOB_DELIVERING)
            continue;
        job->outcome.text[0] = '\0';
        flow_fail(self, job, FAULT_SHUTDOWN);
    }
    s_finish(self, CORE_CUT_SHORT);
}

static void (*const s_on_timer[TIMER_KINDS])(core_t *, void *) = {
    [TIMER_BEAT] = peers_on_beat,    [TIMER_SILENCE] = peers_on_silence,
    [TIMER_RETRY] = peers_on_retry,  [TIMER_JOB_END] = flow_on_end,
    [TIMER_JOB_STEP] = flow_on_step, [TIMER_DONE] = s_on_done,
    [TIMER_DRAIN] = s_on_drain,      [TIMER_PROBE] = peers_on_probe,
};

void
core_tick(core_t *self, int64_t now_us)
{
    core_begin(self, now_us);
    for (alarm_t *due; (due = timers_take(&self->timers, self->now_us));)
        s_on_timer[due->kind](self, due->owner);
    core_end(self);
}

void
core_disturbed(core_t *self, side_t side, int64_t now_us)
{
    core_begin(self, now_us);
    alarm_t *probe = &self->probe_alarms[side];
    if (!heap_holds(&probe->node))
        timers_set(&self->timers, probe, self->now_us + us_from_ms(PROBE_MS));
    core_end(self);
}

int64_t
core_next_due_us(const core_t *self)
{
    return timers_next_us(&self->timers);
}

void
core_drain(core_t *self, int64_t now_us)
{
    core_begin(self, now_us);
    if (self->phase != CORE_SERVING)
        return;
    self->phase = CORE_DRAINING;
    timers_set(&self->timers, &self->drain_alarm,
               self->now_us + us_from_ms(self->config.drain_ms));
    session_t *session;
    for (uint32_t i = 0;
         (session = registry_row(&self->registry, SIDE_CLIENTS, i)); i++) {
        if (session->state == SESSION_FREE)
            continue;
        core_message(self, MESSAGE_DRAIN);
        core_send(self, session, NULL);
    }
    core_end(self);
}

core_phase_t
core_phase(const core_t *self)
{
    return self->phase;
}
