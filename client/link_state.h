/* What the files of the link share: link.c (life, session, loop) and
 * link_jobs.c (the way of a job). */
#ifndef CONVOY_CLIENT_LINK_STATE_H
#define CONVOY_CLIENT_LINK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/dialog.h"
#include "client/ledger.h"
#include "client/link.h"
#include "client/outcome.h"
#include "common/endpoint.h"
#include "common/logger.h"

struct link {
    char endpoint[ENDPOINT_MAX];
    const volatile sig_atomic_t *stop;
    dialog_t dialog;
    ledger_t ledger;
    zsock_t *socket; /* NULL while AWAY */
    bool blocked;    /* the socket takes no more for now */
    bool failed;     /* dialog is OVER */
    bool welcome;    /* there was a session */
    int64_t seen_ms; /* there was one at this time */
    service_t service;
    uint64_t retries;
    logger_limit_t complaints; /* of the broker, about no job */

    outcomes_t outcomes; /* not collected yet */

    /* One STATUS or DRAIN at a time. */
    message_type_t question; /* 0: none */
    bool asked;              /* in this session */
    char worker[PROTO_NAME_MAX + 1];
    bool answered;
    json_t *status;
    fault_t refusal;
};

/* Send a message of the session without waiting. -1 where the socket takes no
 * more now: `blocked` until it is writable. */
int link_put(link_t *self, message_t *message, const payload_t *payload,
             int64_t now);

/* A message of the session that is about jobs, STATUS or DRAIN. *payload is
 * NULL afterwards where it was taken. */
void link_jobs_take(link_t *self, const message_t *message, payload_t **payload,
                    int64_t now);

/* Outcomes for those whose time is over. */
void link_jobs_expire(link_t *self, int64_t now);

/* Everything that is due and fits the window. */
void link_jobs_send(link_t *self, int64_t now);

/* Tell the broker that nobody wants this one any more. */
void link_jobs_cancel(link_t *self, const entry_t *entry, int64_t now);

#endif
