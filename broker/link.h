/* The broker's two ROUTER sockets, in the core's terms of sides and peers. */
#ifndef CONVOY_BROKER_LINK_H
#define CONVOY_BROKER_LINK_H

#include <stddef.h>

#include "broker/core.h"
#include "common/fault.h"
#include "common/watch.h"

enum { SIDES = 2 };

typedef struct link {
    zsock_t *sockets[SIDES]; /* by side_t; NULL before link_bind */
    zsock_t *watches[SIDES]; /* readable when a connection ended */
} link_t;

/* Bind both to canonical endpoints. -1 with FAULT_CONFIG naming the endpoint
 * that is not to be had; link_close also then. */
int link_bind(link_t *self, const char *const endpoints[SIDES],
              size_t frame_bytes_max, fault_t *fault);

/* Gives what was sent last (a BYE) that long to leave. */
void link_close(link_t *self, int linger_ms);

/* Without waiting; payload is borrowed and its frames are shared. */
sent_t link_send(link_t *self, side_t side, const peer_t *peer,
                 message_t *message, const payload_t *payload);

/* Without waiting: WIRE_OK, WIRE_EMPTY, WIRE_MALFORMED (the fault says why,
 * the peer has size 0 if it cannot be answered) or WIRE_CLOSED. *payload is
 * new, or NULL. */
wire_status_t link_receive(link_t *self, side_t side, peer_t *peer,
                           message_t *message, payload_t **payload,
                           fault_t *fault);

#endif
