/* SipHash-2-4: a keyed hash, so that nobody outside can choose ids that
 * collide in our tables.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef CONVOY_BROKER_SIPHASH_H
#define CONVOY_BROKER_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_BYTES = 16 };

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes,
                 size_t size);

#endif
