/* A worker's session with one broker, as a pure state machine: what happened
 * goes in with the time, what is to be done comes out as a set of duties.
 *
 *   AWAY -open-> CALLING -writable-> GREETING -WELCOME-> LOADING -credit->
 *   SERVING -leave-> LEAVING -bye-> OVER
 *
 * From every state but OVER: silence, BYE, REJECT(FULL, DRAINING) lead to AWAY
 * for 250 ms to 8 s, jittered; REHELLO leads back to GREETING. No socket, no
 * clock, no thread: the agent performs the duties.
 */
#ifndef CONVOY_WORKER_MEMBERSHIP_H
#define CONVOY_WORKER_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/proto.h"

enum {
    MEMBERSHIP_HEARTBEAT_MS = 1000, /* until a WELCOME says otherwise */
    MEMBERSHIP_MISSES = 3,
    MEMBERSHIP_BACKOFF_MS_MIN = 250,
    MEMBERSHIP_BACKOFF_MS_MAX = 8000,
    MEMBERSHIP_HEARTBEAT_MS_MIN = 50, /* what a WELCOME may ask for */
    MEMBERSHIP_HEARTBEAT_MS_MAX = 60000,
};

typedef enum membership_state {
    MEMBERSHIP_AWAY,     /* no socket until due */
    MEMBERSHIP_CALLING,  /* a socket, nobody there yet */
    MEMBERSHIP_GREETING, /* HELLO sent */
    MEMBERSHIP_LOADING,  /* welcome; the part is not ready */
    MEMBERSHIP_SERVING,  /* credit given, jobs come */
    MEMBERSHIP_LEAVING,  /* DRAIN sent, the running jobs are finished */
    MEMBERSHIP_OVER,     /* nothing happens any more */
} membership_state_t;

/* What the agent has to do, in this order. */
typedef enum duty {
    DUTY_LOST = 1 << 0,      /* the session ended: hold what is computed */
    DUTY_CLOSE = 1 << 1,     /* close the socket */
    DUTY_FORGET = 1 << 2,    /* drop the part, in memory and in the cache */
    DUTY_OPEN = 1 << 3,      /* open a socket */
    DUTY_HELLO = 1 << 4,     /* send HELLO, then membership_greeted */
    DUTY_LOAD = 1 << 5,      /* get part_digest ready */
    DUTY_JOB = 1 << 6,       /* the message is a JOB to do */
    DUTY_CANCEL = 1 << 7,    /* the message cancels a job */
    DUTY_CHUNK = 1 << 8,     /* the message brings bytes of a part */
    DUTY_HEARTBEAT = 1 << 9, /* send HEARTBEAT */
    DUTY_DRAIN = 1 << 10,    /* the broker asks this worker to leave */
    DUTY_EXIT = 1 << 11,     /* end the process for the reason in `fault` */
} duty_t;

typedef struct membership {
    membership_state_t state;
    uint16_t part;  /* as asked for, or as assigned once welcome */
    bool part_auto; /* asked for PROTO_PART_AUTO */
    bool leaving;   /* a new session is of no use */
    uint8_t peer_id[16];
    char name[PROTO_NAME_MAX + 1];

    /* The session, from LOADING on. */
    uint64_t session;
    uint64_t boot_id;
    digest_t part_digest;
    uint64_t part_bytes;
    uint16_t part_count;
    int64_t heartbeat_ms;
    int misses;

    int64_t wake_ms;        /* AWAY: end of the back-off */
    int64_t heard_ms;       /* the last valid frame, or HELLO */
    int64_t sent_ms;        /* the last frame of ours */
    int64_t retry_ms;       /* of a heartbeat that could not be sent */
    uint32_t seq;           /* of the last heartbeat */
    int64_t allowance_ms;   /* the longest frame under way blocks heartbeats */
    int failures;           /* closed sockets since the last WELCOME */
    bool rejected;          /* our digest, once already */
    bool named_twice;       /* another worker has our name, */
    int64_t named_twice_ms; /* since then */
    uint64_t random;
    fault_t fault; /* why EXIT, or why the last session ended */
} membership_t;

/* Start AWAY with no back-off. part may be PROTO_PART_AUTO. */
void membership_init(membership_t *self, uint16_t part, const char *name,
                     const uint8_t peer_id[16], uint64_t seed, int64_t now);

/* What each event asks for: a set of duty_t. A frame that does not belong to
 * the session or the state is ignored. */
unsigned membership_tick(membership_t *self, int64_t now);
unsigned membership_writable(membership_t *self, int64_t now);
unsigned membership_frame(membership_t *self, const message_t *message,
                          int64_t now);

/* HELLO went out; something else went out. */
void membership_greeted(membership_t *self, int64_t now);
void membership_sent(membership_t *self, int64_t now);

/* The first CREDIT for part_digest went out. */
void membership_serves(membership_t *self);

/* The largest frame that may come: a slow link delivers nothing else for that
 * long, which is not silence. */
void membership_expect(membership_t *self, uint64_t frame_bytes);

/* Take no new sessions; DRAIN was sent if there is a session. */
void membership_leave(membership_t *self);

/* When membership_tick is due, in the same clock; INT64_MAX for never. */
int64_t membership_due(const membership_t *self);

/* True while there is a session that a message can name. */
bool membership_in_session(const membership_t *self);

/* Fill in a HELLO (without the held jobs and the part digest). */
void membership_hello(const membership_t *self, message_t *message);

/* Begin any other message of this session; HEARTBEAT gets its number. */
void membership_begin(membership_t *self, message_type_t type,
                      message_t *message);

#endif
