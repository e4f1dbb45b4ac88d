/* The inside of the core, shared by its files alone:
 *
 *   core.c           life, steps and timers
 *   core_messages.c  the table of messages: who may send what when
 *   core_hello.c     who may come in
 *   core_peers.c     sessions: heartbeats, strikes, the end
 *   core_clients.c   what clients send
 *   core_workers.c   what workers send
 *   core_jobs.c      the way of a job: queue, lease, retry, next part
 *   core_outcome.c   how it ends, and the client that waits for it
 *   core_status.c    what can be seen from outside
 *
 * A step is one call from the host. During it sessions whose connection turns
 * out dead are only doomed, and parts where something changed only marked;
 * both are dealt with at its end, so no walk loses its footing.
 */
#ifndef CONVOY_BROKER_CORE_STATE_H
#define CONVOY_BROKER_CORE_STATE_H

#include "broker/core.h"
#include "broker/done.h"
#include "broker/jobs.h"
#include "broker/registry.h"
#include "broker/sched.h"
#include "broker/strikes.h"
#include "broker/timers.h"

enum {
    CHARGE_EXTRA_BYTES = 4096, /* a job's charge beyond its tensors */
    LINK_BYTES_PER_MS = 1000,  /* the slowest link taken for alive: 1 MB/s */
    LEASE_UNKNOWN_MS = 30000,  /* before a part has samples */
    DEADLINE_DEFAULT_MS = 30000,
    DEADLINE_MAX_MS = 600000,
    ORPHAN_MS = 10000,
    NO_WORKER_MS = 10000,
    POISON_WAIT_MS = 3000, /* for a worker that only lost its link */
    FULL_RETRY_MS = 20,
    PROBE_MS = 50, /* until libzmq knows an ended connection, and then some */
    RETRY_BASE_MS = 100,
    RETRY_DOUBLINGS_MAX = 6,
};

static inline int64_t
us_from_ms(int64_t ms)
{
    return ms * 1000;
}

typedef enum timer_kind {
    TIMER_BEAT,
    TIMER_SILENCE,
    TIMER_RETRY,
    TIMER_PROBE,
    TIMER_JOB_END,
    TIMER_JOB_STEP,
    TIMER_DONE,
    TIMER_DRAIN,
    TIMER_KINDS,
} timer_kind_t;

/* A part with what is measured about it. */
typedef struct station {
    core_part_t config;
    uint64_t in_bytes, out_bytes; /* of one job */
    histogram_t queue;            /* waiting here */
    histogram_t compute;          /* as workers report it */
    histogram_t service;          /* from JOB to RESULT */
    int64_t lease_us;             /* from service, 0 before samples */
    rate_t rate;
    bool deserted; /* its last worker is gone, which was told */
} station_t;

struct core {
    core_config_t config;
    core_host_t host;
    station_t *parts;
    int64_t now_us;
    int64_t started_us;
    core_phase_t phase;
    registry_t registry;
    jobs_t jobs;
    done_t done;
    sched_t sched;
    timers_t timers;
    strikes_t strikes;
    metrics_counters_t counters;
    alarm_t done_alarm;
    alarm_t drain_alarm;
    alarm_t probe_alarms[2]; /* by side_t */
    list_t doomed;
    uint64_t charge_bytes; /* of every job */
    uint64_t held_bytes;   /* sum of the charges */
    uint32_t leased;
    uint64_t random_count;
    payload_t *incoming; /* of the message in hand, until somebody takes it */
    message_t out;       /* scratch space for what is sent */
};

/* --- core.c --- */

#define core_log(self, level, ...)                                             \
    do {                                                                       \
        fault_t line_;                                                         \
        fault_set(&line_, FAULT_INTERNAL, __VA_ARGS__);                        \
        (self)->host.log((self)->host.self, level, line_.text);                \
    } while (0)

/* The brackets of every step. */
void core_begin(core_t *self, int64_t now_us);
void core_end(core_t *self);

uint64_t core_random(core_t *self);

/* The frames of the message in hand; the caller's now. */
payload_t *core_take_incoming(core_t *self);
void core_release(core_t *self, payload_t **payload);

/* Start a message in the scratch space; set keys by name. */
message_t *core_message(core_t *self, message_type_t type);
void core_put_code(message_t *message, uint16_t code);
void core_put_text(message_t *message, const char *text);

/* Send it to a session: fills key 1, dooms the session where it is gone. */
sent_t core_send(core_t *self, session_t *session, const payload_t *payload);

/* --- core_hello.c --- */

void peers_hello(core_t *self, session_t *session, const core_input_t *input);

/* --- core_peers.c --- */

typedef enum session_end {
    SESSION_BYE,    /* it said so: leases come back without an attempt */
    SESSION_LOST,   /* silence, a failed send, a new session of the same peer */
    SESSION_STRUCK, /* three strikes */
} session_end_t;

/* The scratch message to somebody who may have no session. */
void peers_send(core_t *self, side_t side, const peer_t *peer);

/* Until our next heartbeat, with jitter. */
int64_t peers_beat_us(core_t *self);
/* How long a peer may be silent: its heartbeats queue behind what it may be
 * sending or receiving on a slow link. */
int64_t peers_silence_us(const core_t *self, const session_t *session);

void peers_heartbeat(core_t *self, session_t *session,
                     const core_input_t *input);
void peers_bye(core_t *self, session_t *session, const core_input_t *input);

/* Nobody knows this peer: ask it to say HELLO, but not too often. */
void peers_unknown(core_t *self, const core_input_t *input);

/* Its connection is dead: no more sends, reaped at the end of the step. */
void peers_doom(core_t *self, session_t *session, const char *reason);
void peers_reap(core_t *self);

/* End a session at once. */
void peers_end(core_t *self, session_t *session, session_end_t how,
               const char *reason);

/* A peer broke the protocol; session may be NULL. The third strike within
 * ten seconds ends the session and bans the peer. */
void peers_strike(core_t *self, side_t side, const peer_t *peer,
                  session_t *session, const char *reason);
bool peers_are_banned(const core_t *self, side_t side, const peer_t *peer);

/* ERROR (BAD_FRAME), at most once a second to a peer. */
void peers_complain(core_t *self, side_t side, const peer_t *peer,
                    const char *text);
void peers_reject(core_t *self, side_t side, const peer_t *peer,
                  fault_code_t code, const char *text);

/* BYE to everyone. */
void peers_dismiss(core_t *self, fault_code_t code);

void peers_on_beat(core_t *self, void *session);
void peers_on_silence(core_t *self, void *session);
void peers_on_retry(core_t *self, void *session);
void peers_on_probe(core_t *self, void *alarm);

/* --- core_clients.c --- */

void clients_submit(core_t *self, session_t *session,
                    const core_input_t *input);
void clients_cancel(core_t *self, session_t *session,
                    const core_input_t *input);
void clients_drain(core_t *self, session_t *session, const core_input_t *input);
void clients_status(core_t *self, session_t *session,
                    const core_input_t *input);

/* Send the refusals that it could not take; false if it still cannot. */
bool clients_flush(core_t *self, session_t *session);

/* Do the frames match the specs of one sample? FAULT_BAD_SHAPE and kin. */
int core_check_tensors(const core_input_t *input, const tensor_spec_t *specs,
                       uint16_t count, fault_t *fault);

/* --- core_workers.c --- */

void workers_credit(core_t *self, session_t *session,
                    const core_input_t *input);
void workers_result(core_t *self, session_t *session,
                    const core_input_t *input);
void workers_error(core_t *self, session_t *session, const core_input_t *input);
void workers_drain(core_t *self, session_t *session, const core_input_t *input);
void workers_fetch(core_t *self, session_t *session, const core_input_t *input);
void workers_heartbeat(core_t *self, session_t *session,
                       const message_t *message);

/* sched_move, and what it means for the part is told: that it has no worker
 * left, or one again. */
void workers_move(core_t *self, session_t *session, session_state_t state);

/* A new session holds jobs from before: take over what is still wanted. */
void workers_adopt(core_t *self, session_t *session, const message_t *hello);

/* The part that a worker with a free choice should serve. */
uint16_t workers_choose_part(const core_t *self);

/* --- core_jobs.c, core_outcome.c --- */

typedef enum retry {
    RETRY_FAILED,      /* counts as a failed attempt */
    RETRY_LOST,        /* a new attempt, but nobody's failure */
    RETRY_HANDED_BACK, /* the same attempt again */
} retry_t;

/* Into the queue of its part, now. The job is in no queue and not leased. */
void flow_enqueue(core_t *self, job_t *job);

/* To a worker that has the job's input (just sent, or still). */
void flow_lease(core_t *self, job_t *job, session_t *session, uint16_t attempt);

/* Off its worker, queue and delay, wherever it is; tell says whether a worker
 * that has it gets a CANCEL. */
void flow_withdraw(core_t *self, job_t *job, bool tell);

/* The lease is void: try again, or give up. */
void flow_retry(core_t *self, job_t *job, retry_t how);

/* A result for the job's part, checked; its payload is job's now. */
void flow_advance(core_t *self, job_t *job, payload_t *payload,
                  const message_t *result, const path_step_t *step);

/* End it with an error; the text is in job->outcome.text. */
void flow_fail(core_t *self, job_t *job, fault_code_t code);

/* The outcome is known: tell the client, or remember it. */
void flow_deliver(core_t *self, job_t *job);
/* Try the outcomes that a client could not take; false if it still cannot. */
bool flow_flush(core_t *self, session_t *session);

/* Bind a job to the client that waits for it; or to nobody. */
void flow_attach(core_t *self, job_t *job, session_t *session);
void flow_orphan(core_t *self, job_t *job);
/* Its client said goodbye. */
void flow_abandon(core_t *self, job_t *job);

void flow_send_cancel(core_t *self, session_t *session, const job_id_t *id,
                      uint16_t attempt);

/* Hand out work at every part where something changed. */
void flow_dispatch(core_t *self);

void flow_on_end(core_t *self, void *job);
void flow_on_step(core_t *self, void *job);

#endif
