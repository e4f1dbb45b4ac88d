/* Endpoints as people write them: where a broker listens or is found.
 *
 * "tcp://HOST[:PORT]" with a loopback address, or "ipc://PATH". Nothing else
 * is let through while there is no encryption.
 */
#ifndef CONVOY_COMMON_ENDPOINT_H
#define CONVOY_COMMON_ENDPOINT_H

#include <stddef.h>

#include "common/fault.h"

enum { ENDPOINT_MAX = 128 }; /* bytes of a canonical endpoint, with its NUL */

/* The canonical form into text[size]: `localhost` is 127.0.0.1, a missing
 * port is default_port, `*` is port 0. -1 with FAULT_CONFIG. */
int endpoint_parse(const char *endpoint, int default_port, char *text,
                   size_t size, fault_t *fault);

#endif
