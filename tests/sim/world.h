/* The world around a broker's core: clients, workers and strangers on links
 * that are slow, cut, frozen; everything from one seed.
 *
 *   world.c    time, links, the core's host
 *   shadow.c   what must hold, checked where messages cross into the core
 *   client.c   worker.c   stranger.c   the peers
 *   chaos.c    what goes wrong, and the end of a run
 *   sim.c      the command line
 *
 * The model is affine: part k maps a u32 x to 3x + k, so the bytes of every
 * result are known.
 */
#ifndef CONVOY_TESTS_SIM_WORLD_H
#define CONVOY_TESTS_SIM_WORLD_H

#include "broker/core.h"
#include "tests/sim/random.h"

enum {
    PARTS_MAX = 3,
    PEERS_MAX = 16,
    CONNS_MAX = 4096,
    JOBS_MAX = 8192,
    OPEN_MAX = 64,
    SLOTS_MAX = 8,
    LINK_MESSAGES_MAX = 16, /* the send queue of a ROUTER, in messages */
    WALK_EVERY = 256,
    CHARGE_BYTES = 8 + 4096,
};

struct payload {
    uint32_t value;
    uint32_t bytes; /* as the frame claims to be */
    int references;
};

/* A job as the outside knows it; its number is the second half of its id. */
typedef struct sim_job {
    uint32_t value;
    job_id_t id;
    int client;
    uint32_t life;       /* of the client's process */
    int64_t deadline_us; /* as the client sees it */
    bool wanted;         /* the client still waits for its outcome */
    bool deadly;         /* a worker that starts it dies */
    bool open;           /* SUBMIT went in, no answer came out yet */
    int64_t broker_deadline_us;
    uint64_t submit_session;                 /* in which it went in */
    uint16_t sent_part, sent_attempt, sends; /* last JOB; JOBs of this part */
    uint16_t deaths; /* workers that broke off while it was current */
    uint64_t seen;   /* hashed set of worker lives that were sent it */
    int forger;      /* who lies about it, and as which attempt; */
    uint16_t forged_attempt;
    bool tainted; /* the lie may look like the truth */
} sim_job_t;

/* A TCP connection, from HELLO's side. The routing id is its number. */
typedef struct conn {
    side_t side;
    int peer;
    bool up;    /* bytes flow, or would if nothing stalled */
    bool reset; /* the broker's end knows that it is no more */
    bool told;  /* and the core was told */
    int64_t latency_us;
    int64_t stall_us;         /* nothing arrives before, in either direction */
    int64_t core_us, peer_us; /* the latest arrival, to keep the order */
    int queued;               /* messages on their way to the peer */
    int64_t welcomed_us;      /* when the session began */
    int64_t full_us;          /* when a send was last refused */
    bool welcomed, ready;     /* as the core's messages say */
    uint64_t session;
    uint16_t part;
    uint64_t credit, jobs;
} conn_t;

typedef struct slot {
    job_id_t id;
    uint16_t part, attempt;
    uint32_t value;
    bool running, finished, cancelled;
} slot_t;

typedef enum peer_kind { PEER_CLIENT, PEER_WORKER, PEER_STRANGER } peer_kind_t;

typedef enum temper {
    TEMPER_GOOD,
    TEMPER_FAILING,   /* ERROR 1xx now and then */
    TEMPER_MISSHAPEN, /* results of the wrong shape now and then */
    TEMPER_FORGING,   /* results for jobs it was never given */
    TEMPER_HANGING,   /* never answers some */
    TEMPERS,
} temper_t;

typedef struct sim_peer {
    peer_kind_t kind;
    side_t side;
    int number;
    int conn; /* -1 for none */
    bool running;
    uint32_t life;      /* counts processes; old timers die with them */
    uint32_t link_life; /* counts connections */
    int64_t frozen_us;
    uint8_t peer_id[16];
    bool active; /* has a session */
    uint64_t session;
    int64_t heard_us;
    uint32_t seq;
    /* clients */
    int open[OPEN_MAX];
    int open_count;
    /* workers */
    char name[8];
    temper_t temper;
    uint16_t wish; /* part or PROTO_PART_AUTO */
    uint16_t part;
    bool has_part, loaded, draining;
    int capacity;
    slot_t slots[SLOTS_MAX];
    int slots_count;
    job_id_t answered[SLOTS_MAX]; /* lately; the answers may be on the way */
    unsigned answered_count;
    uint64_t received, granted; /* in this session */
    uint32_t progress;
} sim_peer_t;

typedef enum event_kind {
    EVENT_TO_CORE,
    EVENT_TO_PEER,
    EVENT_PEER, /* a timer of a peer */
    EVENT_CHAOS,
} event_kind_t;

typedef enum peer_timer {
    ON_CONNECT,
    ON_BEAT,
    ON_WORK,   /* client: submit; stranger: nonsense */
    ON_FINISH, /* worker: a job is computed */
    ON_LOADED,
    ON_RETRY, /* client: after BUSY */
    PEER_TIMERS,
} peer_timer_t;

typedef struct flight {
    message_t message;
    payload_t *payload;
    size_t frame_bytes;
    bool malformed;
    bool fetched; /* a chunk went out: for the core to know */
    struct flight *next;
} flight_t;

typedef struct event {
    int64_t at_us;
    uint64_t order;
    event_kind_t kind;
    peer_timer_t timer;
    int target;    /* conn or peer */
    uint32_t life; /* of the peer */
    uint64_t job;
    flight_t *flight;
} event_t;

typedef struct world {
    random_t random;
    uint64_t seed;
    int64_t now_us;
    int64_t paused_us; /* the broker does nothing until then */
    uint64_t hash;
    uint64_t events_count;
    bool trace;
    bool calm; /* no more faults, no more submissions */
    bool failed;
    char failure[256];

    core_t *core;
    core_config_t config;
    core_part_t parts[PARTS_MAX];
    uint64_t boots;
    int payloads;
    metrics_counters_t counters; /* of all cores of the run */
    uint32_t open_jobs;

    event_t *heap;
    size_t heap_count, heap_capacity;
    uint64_t order;
    flight_t *spare;

    conn_t *conns;
    int conns_count;
    sim_peer_t peers[PEERS_MAX];
    int peers_count;
    sim_job_t *jobs;
    int jobs_count;
} world_t;

/* --- world.c --- */

void world_init(world_t *self, uint64_t seed);
void world_release(world_t *self);
void world_boot(world_t *self);
void world_halt(world_t *self); /* the broker's process ends */

/* One event; false when none is left. */
bool world_step(world_t *self);

void world_fail(world_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void world_note(world_t *self, uint64_t value);
void world_say(world_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void world_at(world_t *self, int64_t delay_us, sim_peer_t *peer,
              peer_timer_t timer, uint64_t job);
void world_chaos_at(world_t *self, int64_t delay_us);

int world_connect(world_t *self, sim_peer_t *peer);
/* The peer's end closes; the broker's end hears of it or does not. */
void world_cut(world_t *self, sim_peer_t *peer, bool reset);

message_t *world_message(message_type_t type);
/* Send world_message's from a peer; bytes is the size of the frame, 0 none. */
void world_send(world_t *self, sim_peer_t *peer, uint32_t value, size_t bytes);
void world_send_malformed(world_t *self, sim_peer_t *peer);

uint32_t affine(uint32_t value, uint16_t part);

/* --- shadow.c --- */

void shadow_received(world_t *self, conn_t *conn, const peer_t *peer,
                     const message_t *message);
void shadow_sent(world_t *self, int conn, const message_t *message,
                 const payload_t *payload);
void shadow_checked(world_t *self);
void shadow_walk(world_t *self);
void shadow_quiet(world_t *self);
sim_job_t *shadow_job(world_t *self, const job_id_t *id);

/* --- the peers --- */

void client_receive(world_t *world, sim_peer_t *self, const message_t *message,
                    const payload_t *payload);
void client_timer(world_t *world, sim_peer_t *self, peer_timer_t timer,
                  uint64_t job);
void worker_receive(world_t *world, sim_peer_t *self, const message_t *message,
                    const payload_t *payload);
void worker_timer(world_t *world, sim_peer_t *self, peer_timer_t timer,
                  uint64_t job);
void worker_crash(world_t *world, sim_peer_t *self, bool reset);
/* Its link broke while it computed: count it for the jobs it had begun. */
void worker_count_deaths(world_t *world, const sim_peer_t *self);
void stranger_timer(world_t *world, sim_peer_t *self);
void peer_begin(world_t *world, sim_peer_t *self, int64_t delay_us);
void peer_reconnect(world_t *world, sim_peer_t *self, bool reset,
                    int64_t delay_us);
void client_leave(world_t *world, sim_peer_t *self);

/* --- chaos.c --- */

void chaos_setup(world_t *self);
void chaos_strike(world_t *self);
/* Everything heals, all jobs end; then nothing may be left. */
void chaos_finish(world_t *self);

#endif
