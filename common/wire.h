/* Messages over ZeroMQ sockets: one header frame and up to 16 payload frames.
 *
 * The only module besides the socket owners that knows CZMQ.
 */
#ifndef CONVOY_COMMON_WIRE_H
#define CONVOY_COMMON_WIRE_H

#include <czmq.h>

#include "common/payload.h"
#include "common/proto.h"

enum {
    WIRE_ROUTING_MAX = 8, /* bytes; ROUTER gives out 5 */
    WIRE_OVERHEAD = 33,   /* bytes that encryption adds to a frame */
    WIRE_SEND_QUEUE = 16, /* messages, of one peer */
    WIRE_RECEIVE_QUEUE = 8,
    WIRE_FILES = 32, /* open files that a process with a few sockets needs */
};

/* Whom a ROUTER received from or sends to; size 0 on a DEALER. */
typedef struct routing {
    uint8_t size;
    uint8_t bytes[WIRE_ROUTING_MAX];
} routing_t;

typedef enum wire_status {
    WIRE_OK,
    WIRE_EMPTY,     /* nothing to receive */
    WIRE_MALFORMED, /* a message came and was no Convoy message (see fault) */
    WIRE_FULL,      /* EAGAIN: this peer takes no more now */
    WIRE_GONE,      /* EHOSTUNREACH: this peer is no longer there */
    WIRE_CLOSED,    /* interrupted or the context ends */
} wire_status_t;

/* What an endpoint may be (amendment 9 of the protocol's security rules):
 * "tcp://host[:port]" on loopback or "ipc://path"; `localhost` means
 * loopback, a missing port becomes default_port, port 0 or * a free one.
 * Writes the canonical endpoint into text[size]. -1 with FAULT_CONFIG and a
 * sentence naming the endpoint. */
int wire_endpoint(const char *endpoint, int default_port, char *text,
                  size_t size, fault_t *fault);

/* Sockets with every option of docs/protocol.md set before bind or connect.
 * frame_bytes_max bounds one received frame (1 MiB at least). NULL with
 * FAULT_CONFIG (bind: port in use, bad address) or FAULT_SYSTEM. End with
 * wire_close. */
zsock_t *wire_bind(const char *endpoint, size_t frame_bytes_max,
                   fault_t *fault);
zsock_t *wire_connect(const char *endpoint, size_t frame_bytes_max,
                      fault_t *fault);

/* The endpoint that a socket was bound to, with the port that was found for
 * port 0; returns text. */
const char *wire_bound(zsock_t *socket, char *text, size_t size);

/* Destroy a socket, giving what was sent last (a BYE) that long to leave. */
void wire_close(zsock_t **socket, int linger_ms);

/* libzmq aborts where it gets no file and spins where it gets no connection:
 * see before the first socket that so many open files are allowed. -1 with
 * FAULT_SYSTEM and both numbers. */
int wire_allow_files(uint64_t needed, fault_t *fault);

/* Prepare CZMQ for the process (its environment, its signal handlers) and end
 * it; before the first socket and after the last. */
void wire_start(void);
void wire_stop(void);

/* Receive without waiting. On WIRE_OK message is filled, *payload is new (NULL
 * if no frames) and yours. On WIRE_MALFORMED everything was dropped and the
 * fault says why. routing is NULL on a DEALER; a ROUTER fills it, with size 0
 * for a malformed message of a peer that cannot be answered. */
wire_status_t wire_receive(zsock_t *socket, routing_t *routing,
                           message_t *message, payload_t **payload,
                           fault_t *fault);

/* Send without waiting; payload (NULL for none) is borrowed and shared, and
 * frames_count is taken from it. routing is NULL on a DEALER. */
wire_status_t wire_send(zsock_t *socket, const routing_t *routing,
                        message_t *message, const payload_t *payload);

#endif
