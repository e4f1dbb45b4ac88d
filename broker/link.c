/* The broker's two ROUTER sockets. */
#include "broker/link.h"

#include <assert.h>
#include <string.h>

int
link_bind(link_t *self, const char *const endpoints[SIDES],
          size_t frame_bytes_max, fault_t *fault)
{
    static const char *const keys[SIDES] = {
        [SIDE_CLIENTS] = "broker.clients",
        [SIDE_WORKERS] = "broker.workers",
    };
    *self = (link_t){0};
    for (int side = 0; side < SIDES; side++) {
        self->sockets[side] =
            wire_bind(endpoints[side], frame_bytes_max, fault);
        if (!self->sockets[side])
            return fault_prefix(fault, "%s", keys[side]);
        self->watches[side] = watch_open(self->sockets[side], fault);
        if (!self->watches[side])
            return -1;
    }
    return 0;
}

void
link_close(link_t *self, int linger_ms)
{
    for (int side = 0; side < SIDES; side++) {
        watch_close(&self->watches[side], self->sockets[side]);
        wire_close(&self->sockets[side], linger_ms);
    }
}

sent_t
link_send(link_t *self, side_t side, const peer_t *peer, message_t *message,
          const payload_t *payload)
{
    routing_t routing = {.size = peer->size};
    assert(peer->size <= WIRE_ROUTING_MAX);
    memcpy(routing.bytes, peer->bytes, peer->size);
    wire_status_t status =
        wire_send(self->sockets[side], &routing, message, payload);
    return status == WIRE_OK     ? SENT_OK
           : status == WIRE_GONE ? SENT_GONE
                                 : SENT_FULL;
}

wire_status_t
link_receive(link_t *self, side_t side, peer_t *peer, message_t *message,
             payload_t **payload, fault_t *fault)
{
    routing_t routing = {0};
    wire_status_t status =
        wire_receive(self->sockets[side], &routing, message, payload, fault);
    assert(routing.size <= PEER_BYTES_MAX);
    peer->size = routing.size;
    memcpy(peer->bytes, routing.bytes, routing.size);
    return status;
}
