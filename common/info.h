/* The info frame: one msgpack map that describes a service or a fleet, as a
 * tree of JSON values in memory.
 *
 * WELCOME to a client and STATUS_REPLY carry one as their only payload frame.
 * At most PROTO_INFO_MAX bytes, PROTO_INFO_DEPTH_MAX deep; keys are texts,
 * numbers are 64-bit integers or doubles, no byte strings.
 */
#ifndef CONVOY_COMMON_INFO_H
#define CONVOY_COMMON_INFO_H

#include <stddef.h>

#include <jansson.h>

#include "common/fault.h"

enum { INFO_VALUES_MAX = 1 << 17 }; /* values in all, keys included */

/* The bytes of a JSON object in *bytes (new; free it) and *size. -1 with
 * FAULT_TOO_LARGE where it passes the limits, FAULT_MEMORY. */
int info_encode(const json_t *object, void **bytes, size_t *size,
                fault_t *fault);

/* A new reference to the JSON object in untrusted bytes, or NULL with
 * FAULT_BAD_FRAME or FAULT_MEMORY. Texts are printable UTF-8, numbers finite,
 * no key comes twice. */
json_t *info_decode(const void *bytes, size_t size, fault_t *fault);

#endif
