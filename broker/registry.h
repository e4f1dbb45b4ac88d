/* Who is connected: one session a HELLO, found by routing id, by identity and
 * (workers) by name. Two fixed tables, one a side.
 */
#ifndef CONVOY_BROKER_REGISTRY_H
#define CONVOY_BROKER_REGISTRY_H

#include "broker/core.h"
#include "broker/index.h"
#include "broker/list.h"
#include "broker/timers.h"

enum { SIDES = 2, PEER_ID_BYTES = 16, CLIENT_ID_BYTES = 8 };

typedef enum session_state {
    SESSION_FREE,
    SESSION_LOADING,  /* a worker that has not named its digest yet */
    SESSION_READY,    /* a client, or a worker that computes */
    SESSION_DRAINING, /* a worker that finishes what it has */
} session_state_t;

/* What only a worker's session has. */
typedef struct worker {
    char name[PROTO_NAME_MAX + 1];
    char build[PROTO_TEXT_MAX + 1];
    uint16_t part;
    uint64_t credit_total; /* granted, cumulative */
    uint64_t sent_total;   /* jobs sent, <= credit_total */
    list_t leases;         /* of jobs */
    uint32_t leased;
    uint64_t owed_bytes; /* of leased jobs, in and out */
    heap_node_t idle;    /* among the part's workers that take a job */
    bool full;           /* its send queue is; wait before the next try */
    bool has_current;    /* the job it reported to have begun: */
    job_id_t current;
    uint16_t current_attempt;
    uint32_t progress;
    int64_t progress_us; /* when that number last moved */
    uint64_t done, failed;
    uint32_t rss_mib;
    uint16_t cpu_permille;
    uint32_t fetches;   /* chunks asked for and not yet sent */
    bool must_drain;    /* an operator wants it to leave, */
    bool told_to_drain; /* and it knows */
} worker_t;

/* A refusal that a client could not take yet: BUSY, or ERROR. */
typedef struct refusal {
    job_id_t job;
    uint16_t code;
    uint16_t part; /* that has no worker */
} refusal_t;

enum { REFUSALS_MAX = 64 };

/* What only a client's session has. */
typedef struct client {
    list_t jobs; /* every live job that answers to it */
    uint32_t jobs_count;
    uint64_t charged_bytes;
    list_t outbox; /* jobs whose outcome it could not take yet */
    refusal_t refusals[REFUSALS_MAX];
    uint32_t refusals_count;
} client_t;

typedef struct session {
    side_t side;
    session_state_t state;
    uint64_t id;
    peer_t peer;
    uint8_t peer_id[PEER_ID_BYTES];
    bool doomed;      /* no more sends; reaped at the end of the step */
    list_t doom_link; /* among the doomed, or the free rows */
    const char *doom_reason;
    alarm_t beat;    /* our own heartbeat */
    alarm_t silence; /* the peer's is overdue */
    alarm_t retry;   /* a full send queue */
    int64_t heard_us;
    int64_t sent_us;
    uint32_t seq;
    worker_t worker;
    client_t client;
} session_t;

typedef struct registry_side {
    session_t *rows;
    uint32_t capacity;
    uint32_t count;
    list_t free;
    index_t by_peer;
    index_t by_identity; /* workers: peer_id; clients: its first 8 bytes */
    index_t by_name;     /* workers */
} registry_side_t;

typedef struct registry {
    registry_side_t sides[SIDES];
    uint8_t key[16];
} registry_t;

int registry_init(registry_t *self, uint32_t clients, uint32_t workers,
                  const uint8_t key[16], fault_t *fault);
void registry_release(registry_t *self);

/* The keyed hash of a routing id, of a peer_id. */
uint64_t registry_peer_hash(const registry_t *self, side_t side,
                            const peer_t *peer);
uint64_t registry_identity_hash(const registry_t *self, side_t side,
                                const uint8_t peer_id[PEER_ID_BYTES]);

/* The session, or NULL. */
session_t *registry_find(const registry_t *self, side_t side,
                         const peer_t *peer);
session_t *registry_find_identity(const registry_t *self, side_t side,
                                  const uint8_t peer_id[PEER_ID_BYTES]);
session_t *registry_find_worker(const registry_t *self, const char *name);

/* A new session, everything but its keys zero; NULL when the side is full.
 * None of its keys may be there yet. */
session_t *registry_add(registry_t *self, side_t side, const peer_t *peer,
                        const uint8_t peer_id[PEER_ID_BYTES], const char *name);
void registry_remove(registry_t *self, session_t *session);

/* The n-th row of a side, free or not, for walks; NULL past the end. */
session_t *registry_row(const registry_t *self, side_t side, uint32_t index);

#endif
