/* Notices that a connection of a bound socket ended. */
#include "common/watch.h"

#include <stdatomic.h>
#include <stdio.h>

enum { NAME_SIZE = 64 };

zsock_t *
watch_open(zsock_t *watched, fault_t *fault)
{
    static atomic_uint opened;
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "inproc://watch-%u",
             atomic_fetch_add(&opened, 1));
    if (zmq_socket_monitor(zsock_resolve(watched), name,
                           ZMQ_EVENT_DISCONNECTED) != 0)
        return fault_null(fault, FAULT_SYSTEM, "no socket monitor: %s",
                          zmq_strerror(zmq_errno()));
    zsock_t *self = zsock_new(ZMQ_PAIR);
    if (self) {
        /* Without a limit: libzmq's I/O thread waits for room otherwise. */
        zsock_set_rcvhwm(self, 0);
        zsock_set_linger(self, 0);
        if (zsock_connect(self, "%s", name) == 0)
            return self;
    }
    watch_close(&self, watched);
    return fault_null(fault, FAULT_SYSTEM, "no socket to watch another with");
}

void
watch_close(zsock_t **self, zsock_t *watched)
{
    if (watched)
        zmq_socket_monitor(zsock_resolve(watched), NULL, 0);
    zsock_destroy(self);
}

bool
watch_take(zsock_t *self)
{
    bool ended = false;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (zmq_msg_recv(&frame, zsock_resolve(self), ZMQ_DONTWAIT) >= 0)
        ended = true;
    zmq_msg_close(&frame);
    return ended;
}
