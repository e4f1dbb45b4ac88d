/* A broker played by a thread, for tests of the client's link: it serves a
 * network that echoes four floats, or misbehaves in one way.
 */
#ifndef CONVOY_TESTS_SUPPORT_FAKE_BROKER_H
#define CONVOY_TESTS_SUPPORT_FAKE_BROKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/wire.h"

/* How the broker plays: what it does with HELLO and SUBMIT. */
typedef enum play {
    PLAY_ECHO,       /* the input is the result */
    PLAY_BUSY_TWICE, /* the first two SUBMITs are BUSY */
    PLAY_BUSY_ALWAYS,
    PLAY_DOUBLE,   /* every result comes twice */
    PLAY_REHELLO,  /* forgets the session once, at the first SUBMIT */
    PLAY_BYE,      /* ends the session once, at the first SUBMIT */
    PLAY_SHUTDOWN, /* ERROR(SHUTDOWN) once */
    PLAY_ERROR,
    PLAY_SHAPE,  /* a result of another shape */
    PLAY_DAMAGE, /* a result whose checksum does not fit */
    PLAY_SILENT, /* never answers a SUBMIT */
    PLAY_REJECT,
    PLAY_FULL,     /* REJECT(FULL) for ever */
    PLAY_NONSENSE, /* a WELCOME that nobody understands */
    PLAY_AUTH,     /* DRAIN is refused */
} play_t;

/* What it saw is counted; the rest is its own. */
typedef struct fake_broker {
    play_t play;
    zsock_t *router;
    char endpoint[128];
    pthread_t thread;
    atomic_bool stop;
    atomic_int hellos, submits, cancels, byes, beats, same_ids;
    job_id_t first;
    uint64_t session;
    routing_t routing;
} fake_broker_t;

/* Bind a free port of loopback (endpoint) and play; fails the test otherwise.
 */
void fake_broker_start(fake_broker_t *self, play_t play);
void fake_broker_stop(fake_broker_t *self);

#endif
