/* A walk over untrusted msgpack bytes, before any library unpacks them.
 *
 * msgpack-c reserves room for as many elements as a header announces, so five
 * bytes could cost a gigabyte. The walk allocates nothing: each announced
 * count must fit in the bytes that are left.
 */
#ifndef CONVOY_COMMON_PACK_H
#define CONVOY_COMMON_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

typedef struct pack_limits {
    int depth_max;      /* nested maps and arrays; the outermost is 1 */
    size_t values_max;  /* values in all, keys and containers included */
    size_t entries_max; /* of the root map */
    size_t bytes_max;   /* of one text or byte string */
    bool floats;        /* floating-point numbers may occur */
} pack_limits_t;

/* The bytes are exactly one map within the limits, without extension types.
 * Returns 0, or -1 with FAULT_BAD_FRAME naming the byte. */
int pack_check(const void *bytes, size_t size, const pack_limits_t *limits,
               fault_t *fault);

/* UTF-8 (RFC 3629) without control characters, NUL included. */
bool pack_printable(const char *text, size_t size);

#endif
