/* SHA-256: the name of a part, a model, a cache entry.
 *
 * Source: FIPS 180-4, by libsodium.
 */
#ifndef CONVOY_COMMON_DIGEST_H
#define CONVOY_COMMON_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

enum { DIGEST_BYTES = 32, DIGEST_HEX = 64 };

typedef struct digest {
    uint8_t bytes[DIGEST_BYTES];
} digest_t;

/* A digest in the making; a plain value, nothing to release. */
typedef struct digester {
    _Alignas(16) unsigned char state[128];
} digester_t;

void digester_init(digester_t *self);
void digester_add(digester_t *self, const void *bytes, size_t size);
void digester_finish(digester_t *self, digest_t *digest);

/* Of a file, read in blocks from its start. -1 with FAULT_SYSTEM. */
int digest_file(digest_t *digest, const char *path, fault_t *fault);

bool digest_equal(const digest_t *a, const digest_t *b);

/* The first `digits` hex digits (64 is all) and a NUL; returns text. */
const char *digest_text(const digest_t *digest, char text[DIGEST_HEX + 1],
                        int digits);

/* 64 hex digits, nothing else; false where it is not that. */
bool digest_parse(digest_t *digest, const char *text);

#endif
