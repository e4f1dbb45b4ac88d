/* The broker's mind: sessions, jobs, leases and budgets as one state machine
 * without a socket, a clock or a thread.
 *
 *   what arrived, and when  -->  core  -->  calls of the host's functions
 *
 * The host (broker/broker.c, the simulator, the fuzzer) hands in decoded
 * frames and the monotonic time in microseconds, and lends five functions that
 * carry out what the core decides. A send says at once whether the peer took
 * the message, so there is no queue of actions to keep in step. Host functions
 * never call back into the core.
 *
 * All memory is allocated in core_new; afterwards every look-up is O(1) or
 * O(log n). The same calls with the same seed give the same decisions.
 */
#ifndef CONVOY_BROKER_CORE_H
#define CONVOY_BROKER_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/metrics.h"
#include "common/digest.h"
#include "common/fault.h"
#include "common/proto.h"
#include "common/tensor.h"

enum { PEER_BYTES_MAX = 8 };

/* The frames of a job: the host's, opaque here. */
typedef struct payload payload_t;

/* Which of the two sockets. */
typedef enum side {
    SIDE_CLIENTS = 0,
    SIDE_WORKERS = 1,
} side_t;

/* A connection: the routing id that the ROUTER of a side gave it. */
typedef struct peer {
    uint8_t size;
    uint8_t bytes[PEER_BYTES_MAX];
} peer_t;

typedef enum sent {
    SENT_OK,
    SENT_FULL, /* EAGAIN: the peer takes no more now */
    SENT_GONE, /* EHOSTUNREACH: the connection is no more */
} sent_t;

typedef enum core_level {
    CORE_DEBUG,
    CORE_INFO,
    CORE_WARNING,
} core_level_t;

/* What the core needs done. `self` is the host's own pointer. */
typedef struct core_host {
    void *self;

    /* Send without waiting. message is the core's scratch space (the host may
     * set frames_count), payload is borrowed, NULL for none; the host shares
     * its frames where ZeroMQ keeps them longer than the call. */
    sent_t (*send)(void *self, side_t side, const peer_t *peer,
                   message_t *message, const payload_t *payload);

    /* The core is done with a payload that it was given. */
    void (*release)(void *self, payload_t *payload);

    /* A worker asks for bytes of a part: read at most PROTO_CHUNK_MAX bytes
     * from offset (a multiple of that below the part's size) and send CHUNK
     * (keys session, part_digest, offset, total = the part's size, one frame)
     * when nothing of the job path waits; then report it with core_fetched. At
     * most CORE_FETCHES_MAX requests a worker are open at a time. */
    void (*fetch)(void *self, const peer_t *worker, uint64_t session,
                  uint16_t part, uint64_t offset);

    /* A client asks for the status: send STATUS_REPLY (key session, one
     * frame), made from core_status and its kin. */
    void (*status)(void *self, const peer_t *client, uint64_t session);

    /* One sentence, without a newline. */
    void (*log)(void *self, core_level_t level, const char *text);
} core_host_t;

enum { CORE_FETCHES_MAX = 8 };

/* A part as the core sees it; specs are borrowed for the core's life. */
typedef struct core_part {
    digest_t digest;
    uint64_t bytes; /* of the part's file */
    const tensor_spec_t *inputs;
    uint16_t inputs_count;
    const tensor_spec_t *outputs;
    uint16_t outputs_count;
    double cost; /* share of the work, for --part auto; any positive unit */
} core_part_t;

/* Times in ms. core_config_init gives the documented defaults; model_digest,
 * parts, info, seed and boot_id are the caller's to fill in. */
typedef struct core_config {
    digest_t model_digest;
    const core_part_t *parts; /* copied, their specs borrowed */
    uint16_t parts_count;     /* 1 to PROTO_PARTS_MAX */
    const payload_t *info;    /* WELCOME's frame for clients, borrowed */
    uint8_t seed[16];         /* keys every hash and random choice */
    uint64_t boot_id;

    uint64_t memory_bytes;
    uint64_t frame_bytes;  /* of one frame, told in WELCOME (key 15) */
    uint32_t queue_jobs;   /* live jobs in all */
    uint32_t window_jobs;  /* of a client */
    uint64_t window_bytes; /* of a client */
    uint32_t sessions_clients;
    uint32_t sessions_workers;
    uint32_t heartbeat_ms;
    uint32_t misses;
    uint32_t lease_min_ms;
    uint32_t lease_max_ms;
    uint32_t attempts;
    uint32_t drain_ms;
    uint32_t remember_jobs;  /* ended ones, by id */
    uint64_t remember_bytes; /* of their results */
    bool clients_may_drain;  /* plain mode on loopback */
} core_config_t;

typedef struct core core_t;

void core_config_init(core_config_t *self);

/* NULL with FAULT_CONFIG (a limit that no job fits in, no parts) or
 * FAULT_MEMORY. The host's functions must outlive the core. */
core_t *core_new(const core_config_t *config, const core_host_t *host,
                 int64_t now_us, fault_t *fault);

/* Releases every payload still held, sends nothing. */
void core_destroy(core_t **self);

/* A decoded message with the sizes of its frames. */
typedef struct core_input {
    side_t side;
    peer_t peer;
    const message_t *message; /* borrowed for the call */
    payload_t *payload;       /* the core's from now on; NULL if no frames */
    size_t frames_count;
    const size_t *frame_bytes; /* frames_count sizes, borrowed */
} core_input_t;

void core_receive(core_t *self, const core_input_t *input, int64_t now_us);

/* Something came from a peer that is no message; fault says why
 * (FAULT_REJECT_VERSION for another major version). */
void core_malformed(core_t *self, side_t side, const peer_t *peer,
                    const fault_t *fault, int64_t now_us);

/* A chunk asked for by host.fetch was sent (SENT_OK), could not be read or is
 * given up (SENT_FULL), or its worker is gone. */
void core_fetched(core_t *self, const peer_t *worker, sent_t sent,
                  int64_t now_us);

/* Is this the session of that connection now? */
bool core_in_session(const core_t *self, side_t side, const peer_t *peer,
                     uint64_t session);

/* A send that the host did on its own found the connection gone. */
void core_gone(core_t *self, side_t side, const peer_t *peer, int64_t now_us);

/* A connection of a side ended, and the host cannot tell whose: in a moment a
 * heartbeat goes to every session of that side, and the one that fails tells.
 * Further calls within that moment change nothing. */
void core_disturbed(core_t *self, side_t side, int64_t now_us);

/* Do what is due. Call it when core_next_due_us has come and what waited in
 * the sockets (a bounded number of messages) was received: so a broker that
 * was held up does not take its own pause for its peers' silence. */
void core_tick(core_t *self, int64_t now_us);

/* When core_tick must be called next, in microseconds; INT64_MAX for never.
 * Any other call may change it. */
int64_t core_next_due_us(const core_t *self);

/* Finish what was accepted, accept nothing new (SIGTERM). */
void core_drain(core_t *self, int64_t now_us);

typedef enum core_phase {
    CORE_SERVING,
    CORE_DRAINING,
    CORE_DRAINED,   /* all done, everyone told: exit 0 */
    CORE_CUT_SHORT, /* drain_ms passed, jobs were given up: exit 75 */
} core_phase_t;

core_phase_t core_phase(const core_t *self);

/* --- what `client --status` shows ------------------------------------- */

typedef struct core_status {
    uint64_t boot_id;
    int64_t uptime_us;
    uint32_t clients; /* sessions */
    uint32_t workers;
    uint32_t queued;
    uint32_t leased;
    uint32_t live; /* queued, leased, waiting for a retry, being delivered */
    uint64_t bytes_held;
    metrics_counters_t counters;
} core_status_t;

typedef struct core_part_status {
    digest_t digest;
    uint32_t queued;
    uint32_t workers; /* that could compute now */
    int64_t oldest_us;
    double requests_per_s;
    uint32_t queue_us_p50, queue_us_p95; /* 0 before samples */
    uint32_t compute_us_p50, compute_us_p95;
} core_part_status_t;

typedef struct core_worker_status {
    char name[PROTO_NAME_MAX + 1];
    uint16_t part;
    const char *state; /* "loading", "ready", "busy", "draining" */
    uint64_t credit;   /* jobs it would still take */
    uint32_t leased;
    uint64_t done;
    uint64_t failed;
    uint32_t rss_mib;
    uint16_t cpu_permille;
    char build[PROTO_TEXT_MAX + 1];
} core_worker_status_t;

void core_status(const core_t *self, int64_t now_us, core_status_t *status);
void core_part_status(const core_t *self, uint16_t part, int64_t now_us,
                      core_part_status_t *status);

/* Walk the workers: *cursor starts at 0; false after the last one. */
bool core_worker_status(const core_t *self, uint32_t *cursor,
                        core_worker_status_t *status);

/* Assert every invariant that can be seen from inside by walking all tables:
 * for the simulator and the fuzzer. */
void core_verify(const core_t *self);

#endif
