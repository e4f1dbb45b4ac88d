/* A client's session with one broker, as a pure state machine: what happened
 * goes in with the time, what is to be done comes out as a set of duties.
 *
 *   AWAY -open-> CALLING -writable-> GREETING -WELCOME-> ACTIVE
 *
 * Silence, BYE and REJECT(FULL, DRAINING) lead from any state to AWAY for
 * 250 ms to 8 s, jittered; REHELLO leads back to GREETING; another REJECT ends
 * in OVER. No socket, no clock: the link performs the duties.
 */
#ifndef CONVOY_CLIENT_DIALOG_H
#define CONVOY_CLIENT_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/proto.h"

enum {
    DIALOG_BACKOFF_MS_MIN = 250,
    DIALOG_BACKOFF_MS_MAX = 8000,
    DIALOG_WELCOME_MS_MAX = 3000, /* a broker answers HELLO within 1 s */
    DIALOG_HEARTBEAT_MS_MIN = 50, /* what a WELCOME may ask for */
    DIALOG_HEARTBEAT_MS_MAX = 60000,
    DIALOG_BYTES_PER_MS = 1000, /* the slowest link that is not silence */
};

typedef enum dialog_state {
    DIALOG_AWAY,     /* no socket until wake_ms */
    DIALOG_CALLING,  /* a socket, nobody there yet */
    DIALOG_GREETING, /* HELLO sent */
    DIALOG_ACTIVE,
    DIALOG_OVER,
} dialog_state_t;

/* What the link has to do, in this order. */
typedef enum duty {
    DUTY_CLOSE = 1 << 0,     /* close the socket */
    DUTY_OPEN = 1 << 1,      /* open a socket */
    DUTY_HELLO = 1 << 2,     /* send HELLO */
    DUTY_WELCOME = 1 << 3,   /* a session began: take its description, send
                                everything unresolved again */
    DUTY_MESSAGE = 1 << 4,   /* the message belongs to the session */
    DUTY_HEARTBEAT = 1 << 5, /* send HEARTBEAT */
    DUTY_FAIL = 1 << 6,      /* give up, for the reason in `fault` */
} duty_t;

typedef struct dialog {
    dialog_state_t state;
    uint8_t peer_id[16];

    /* The session, while ACTIVE. */
    uint64_t session;
    uint64_t boot_id;
    uint64_t window_jobs;  /* the broker's window, in jobs */
    uint64_t charge_bytes; /* that a job counts for */
    int64_t heartbeat_ms;
    int misses;

    int64_t wake_ms;      /* AWAY: end of the back-off */
    int64_t heard_ms;     /* the last valid frame, or HELLO */
    int64_t sent_ms;      /* the last frame of ours */
    int64_t allowance_ms; /* the largest frame under way blocks heartbeats */
    uint32_t seq;         /* of the last heartbeat */
    int failures;         /* closed sockets since the last WELCOME */
    uint64_t random;
    fault_t fault; /* why FAIL, or why the last session ended */
} dialog_t;

/* Start AWAY with no back-off. seed is not 0. */
void dialog_init(dialog_t *self, const uint8_t peer_id[16], uint64_t seed,
                 int64_t now);

/* What each event asks for: a set of duty_t. A message that does not belong
 * to the session or the state is ignored. */
unsigned dialog_tick(dialog_t *self, int64_t now);
unsigned dialog_writable(dialog_t *self, int64_t now);
unsigned dialog_message(dialog_t *self, const message_t *message, int64_t now);

/* The description in WELCOME was of no use: as if the session were lost. */
unsigned dialog_distrust(dialog_t *self, const fault_t *fault, int64_t now);

/* Something went out. */
void dialog_sent(dialog_t *self, int64_t now);

/* Frames up to this size travel: a slow link delivers nothing else for that
 * long, which is not silence. */
void dialog_expect(dialog_t *self, uint64_t frame_bytes);

/* When dialog_tick is due; INT64_MAX for never. */
int64_t dialog_due(const dialog_t *self);

/* Fill in a HELLO, or begin any other message of this session. */
void dialog_hello(const dialog_t *self, message_t *message);
void dialog_begin(dialog_t *self, message_type_t type, message_t *message);

/* A number from 0 to below - 1, and the generator behind it (xorshift64). */
int64_t dialog_random(uint64_t *state, int64_t below);

#endif
