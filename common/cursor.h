/* A bounded reader over borrowed bytes: every byte of a foreign format is read
 * through one, so no length can lead past the end.
 *
 * A cursor that ran short stays failed: reads return zeroes, and the caller
 * may check cursor_failed() once at the end of a group of reads.
 */
#ifndef CONVOY_COMMON_CURSOR_H
#define CONVOY_COMMON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cursor {
    const uint8_t *bytes; /* borrowed, valid while the cursor is used */
    size_t size;
    size_t offset; /* of the next unread byte, <= size */
    bool failed;
} cursor_t;

void cursor_init(cursor_t *self, const void *bytes, size_t size);

size_t cursor_left(const cursor_t *self);
bool cursor_failed(const cursor_t *self);

/* The next `size` bytes, borrowed, or NULL (and failed) when fewer are left. */
const uint8_t *cursor_take(cursor_t *self, size_t size);

/* Unsigned integers, little or big endian; 0 when too few bytes are left. */
uint8_t cursor_u8(cursor_t *self);
uint16_t cursor_u16le(cursor_t *self);
uint32_t cursor_u32le(cursor_t *self);
uint64_t cursor_u64le(cursor_t *self);
uint16_t cursor_u16be(cursor_t *self);
uint32_t cursor_u32be(cursor_t *self);
uint64_t cursor_u64be(cursor_t *self);

#endif
