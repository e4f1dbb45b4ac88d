/* A worker's uplink to one broker: the socket, the session, the jobs that came
 * over it. It writes messages; what they lead to is the agent's business.
 *
 * A worker that serves several brokers has one to each.
 */
#ifndef CONVOY_WORKER_UPLINK_H
#define CONVOY_WORKER_UPLINK_H

#include "common/wire.h"
#include "worker/backlog.h"
#include "worker/host.h"
#include "worker/membership.h"
#include "worker/supply.h"

enum {
    UPLINK_ENDPOINT_MAX = 128,
    UPLINK_BYE_MS = 500, /* how long a BYE may take to leave */
};

typedef struct uplink {
    char endpoint[UPLINK_ENDPOINT_MAX];
    const char *build; /* borrowed */
    zsock_t *socket;   /* NULL while away */
    bool blocked;      /* the last send found no room */
    membership_t membership;
    backlog_t backlog;
    uint64_t received; /* JOBs of this session */
    uint64_t granted;  /* credit_total last sent */
    host_load_t load;
    int64_t measured_ms; /* the load, last */
    int64_t drain_ms;    /* when a drain is given up; INT64_MAX while serving */
} uplink_t;

/* endpoint: canonical. */
void uplink_init(uplink_t *self, const char *endpoint, const char *build,
                 uint16_t part, const char *name, int64_t now);
void uplink_release(uplink_t *self);

int uplink_open(uplink_t *self, fault_t *fault);
void uplink_close(uplink_t *self, int linger_ms);

/* The session ended: forget its counters, keep what is computed. */
void uplink_lost(uplink_t *self);

/* Messages of ours; false where the socket takes none now, so try later. */
bool uplink_hello(uplink_t *self, const supply_t *supply, int64_t now);
bool uplink_heartbeat(uplink_t *self, const supply_t *supply, size_t room,
                      int64_t now);
bool uplink_fetch(uplink_t *self, uint64_t offset, int64_t now);
bool uplink_say(uplink_t *self, message_type_t type, int64_t now);

/* Grant what there is room for, where that is more than was granted: `room`
 * jobs at a time in all; after a load in any case. True if a CREDIT went out. A
 * heartbeat of a serving worker grants too. */
bool uplink_credit(uplink_t *self, size_t room, int64_t now);

/* Answer finished tasks until the socket is full. */
void uplink_answer(uplink_t *self, int64_t now);

/* True where the socket should be polled for room to send. */
bool uplink_wants_out(const uplink_t *self);

#endif
