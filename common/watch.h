/* Notices that a connection of a bound socket ended.
 *
 * A ROUTER says nothing when a peer dies; only the next send to it fails.
 * libzmq's monitor does tell at once that some connection ended, though not
 * whose, and that is enough to go and look.
 */
#ifndef CONVOY_COMMON_WATCH_H
#define CONVOY_COMMON_WATCH_H

#include <stdbool.h>

#include "common/wire.h"

/* A socket to poll beside the watched one; readable when a connection ended.
 * NULL with FAULT_SYSTEM. The watched socket outlives it. */
zsock_t *watch_open(zsock_t *watched, fault_t *fault);
void watch_close(zsock_t **self, zsock_t *watched);

/* Take what was noticed; true if any connection ended since the last call.
 * Never waits. */
bool watch_take(zsock_t *self);

#endif
