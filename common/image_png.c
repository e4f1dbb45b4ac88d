/* A PNG file's structure.
 *
 * Signature, then chunks: length (u32 big endian), type, data, CRC-32 of type
 * and data. IHDR first, PLTE before IDAT, IDATs together, IEND last.
 */
#include "common/image_png.h"

#include <string.h>

#include "common/cursor.h"
#include "common/mem.h"

enum {
    SIGNATURE_BYTES = 8,
    HEADER_BYTES = 13,
    PALETTE_BYTES = 3 * 256,
    CHUNK_OVERHEAD = 12,
};

enum { GREY = 0, COLOUR = 2, PALETTE = 3, GREY_ALPHA = 4, COLOUR_ALPHA = 6 };

#define TYPE(a, b, c, d)                                                       \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 |          \
     (uint32_t)(d))
#define TYPE_IHDR TYPE('I', 'H', 'D', 'R')
#define TYPE_PLTE TYPE('P', 'L', 'T', 'E')
#define TYPE_IDAT TYPE('I', 'D', 'A', 'T')
#define TYPE_IEND TYPE('I', 'E', 'N', 'D')

static const uint8_t signature[SIGNATURE_BYTES] = {0x89, 'P',  'N',  'G',
                                                   '\r', '\n', 0x1a, '\n'};

/* CRC-32 (reflected 0x04c11db7) of four bits at a time. */
static uint32_t
s_crc(uint32_t crc, const uint8_t *bytes, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = crc >> 4 ^ table[(crc ^ bytes[i]) & 15];
        crc = crc >> 4 ^ table[(crc ^ bytes[i] >> 4) & 15];
    }
    return ~crc;
}

typedef struct chunk {
    uint32_t type;
    const uint8_t *start; /* of the type, in front of the data */
    const uint8_t *data;
    size_t bytes;
} chunk_t;

static bool
s_is_critical(const chunk_t *chunk)
{
    return (chunk->type & 1u << 29) == 0; /* an upper-case first letter */
}

static int
s_damaged(fault_t *fault, const char *what)
{
    return fault_set(fault, FAULT_INPUT, "damaged PNG: %s", what);
}

static int
s_next(cursor_t *cursor, chunk_t *chunk, fault_t *fault)
{
    chunk->bytes = cursor_u32be(cursor);
    chunk->start = cursor_take(cursor, 4);
    chunk->data = cursor_take(cursor, chunk->bytes);
    uint32_t crc = cursor_u32be(cursor);
    if (cursor_failed(cursor))
        return s_damaged(fault, "the file is cut short");
    const uint8_t *type = chunk->start;
    chunk->type = TYPE(type[0], type[1], type[2], type[3]);
    if (s_is_critical(chunk) && s_crc(0, chunk->start, chunk->bytes + 4) != crc)
        return fault_set(fault, FAULT_INPUT,
                         "damaged PNG: the checksum of chunk %.4s is wrong",
                         (const char *)type);
    return 0;
}

static int
s_check_header(image_png_t *self, const chunk_t *chunk, fault_t *fault)
{
    if (chunk->type != TYPE_IHDR || chunk->bytes != HEADER_BYTES)
        return s_damaged(fault, "it does not begin with a header");
    memcpy(self->header, chunk->data, HEADER_BYTES);
    cursor_t cursor;
    cursor_init(&cursor, chunk->data, chunk->bytes);
    uint32_t width = cursor_u32be(&cursor), height = cursor_u32be(&cursor);
    unsigned depth = cursor_u8(&cursor), colour = cursor_u8(&cursor);
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX)
        return s_damaged(fault, "it has no size");
    self->width = (int)width;
    self->height = (int)height;

    /* Bit n is set where a depth of n bits is allowed. */
    static const uint32_t depths[7] = {
        [GREY] = 0x10116,       [COLOUR] = 0x10100,       [PALETTE] = 0x116,
        [GREY_ALPHA] = 0x10100, [COLOUR_ALPHA] = 0x10100,
    };
    if (colour > COLOUR_ALPHA || depth > 16 || !(depths[colour] >> depth & 1))
        return fault_set(fault, FAULT_INPUT,
                         "damaged PNG: colour type %u with %u bits", colour,
                         depth);
    unsigned compression = cursor_u8(&cursor), filter = cursor_u8(&cursor);
    if (compression != 0 || filter != 0 || cursor_u8(&cursor) > 1)
        return s_damaged(fault, "its compression is not known");
    return 0;
}

static int
s_take_palette(image_png_t *self, const chunk_t *chunk, fault_t *fault)
{
    if (self->palette || self->data_bytes)
        return s_damaged(fault, "its palette is not in its place");
    if (chunk->bytes == 0 || chunk->bytes > PALETTE_BYTES ||
        chunk->bytes % 3 != 0)
        return s_damaged(fault, "its palette has a wrong size");
    self->palette = chunk->data;
    self->palette_bytes = chunk->bytes;
    return 0;
}

bool
image_png_is(const void *bytes, size_t size)
{
    return size >= SIGNATURE_BYTES &&
           memcmp(bytes, signature, SIGNATURE_BYTES) == 0;
}

int
image_png_check(image_png_t *self, const uint8_t *bytes, size_t size,
                fault_t *fault)
{
    *self = (image_png_t){0};
    cursor_t cursor;
    chunk_t chunk;
    cursor_init(&cursor, bytes, size);
    cursor_take(&cursor, SIGNATURE_BYTES);
    if (s_next(&cursor, &chunk, fault) != 0 ||
        s_check_header(self, &chunk, fault) != 0)
        return -1;
    bool data_ended = false;
    for (;;) {
        if (s_next(&cursor, &chunk, fault) != 0)
            return -1;
        if (chunk.type == TYPE_IEND)
            break;
        if (chunk.type == TYPE_IDAT && data_ended)
            return s_damaged(fault, "its pixels are not in one place");
        if (chunk.type == TYPE_PLTE && s_take_palette(self, &chunk, fault) != 0)
            return -1;
        if (chunk.type == TYPE_IDAT)
            self->data_bytes += chunk.bytes;
        else if (s_is_critical(&chunk) && chunk.type != TYPE_PLTE)
            return fault_set(fault, FAULT_INPUT,
                             "PNG with a chunk that is not known: %.4s",
                             (const char *)chunk.start);
        data_ended = self->data_bytes && chunk.type != TYPE_IDAT;
    }
    if (!self->data_bytes)
        return s_damaged(fault, "it has no pixels");
    if (self->header[9] == PALETTE && !self->palette)
        return s_damaged(fault, "it has no palette");
    return 0;
}

/* --- the reduced file --- */

static void
s_put_u32be(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Begin a chunk; its data follows at the returned place. */
static uint8_t *
s_begin(uint8_t *at, uint32_t type, size_t bytes)
{
    s_put_u32be(at, (uint32_t)bytes);
    s_put_u32be(at + 4, type);
    return at + 8;
}

/* End it behind its data: the CRC. Returns the place of the next chunk. */
static uint8_t *
s_end(uint8_t *data, size_t bytes)
{
    s_put_u32be(data + bytes, s_crc(0, data - 4, bytes + 4));
    return data + bytes + 4;
}

static void
s_fill_palette(const image_png_t *self, uint8_t *palette)
{
    for (size_t i = 0; i < PALETTE_BYTES; i++)
        palette[i] = (uint8_t)(i / 3);
    memcpy(palette, self->palette, self->palette_bytes);
}

static uint8_t *
s_join_data(uint8_t *at, const uint8_t *bytes, size_t size)
{
    cursor_t cursor;
    chunk_t chunk;
    cursor_init(&cursor, bytes, size);
    cursor_take(&cursor, SIGNATURE_BYTES);
    do { /* checked before, so this ends at IEND */
        chunk.bytes = cursor_u32be(&cursor);
        chunk.type = cursor_u32be(&cursor);
        chunk.data = cursor_take(&cursor, chunk.bytes);
        cursor_u32be(&cursor);
        if (chunk.type == TYPE_IDAT && chunk.bytes) {
            memcpy(at, chunk.data, chunk.bytes);
            at += chunk.bytes;
        }
    } while (chunk.type != TYPE_IEND && !cursor_failed(&cursor));
    return at;
}

uint8_t *
image_png_reduce(const image_png_t *self, const uint8_t *bytes, size_t size,
                 size_t *reduced_size, fault_t *fault)
{
    bool palette = self->header[9] == PALETTE;
    size_t room = SIGNATURE_BYTES + HEADER_BYTES + PALETTE_BYTES +
                  self->data_bytes + 4 * CHUNK_OVERHEAD;
    uint8_t *reduced = mem_new(room, 1, fault);
    if (!reduced)
        return NULL;
    memcpy(reduced, signature, SIGNATURE_BYTES);
    uint8_t *at = s_begin(reduced + SIGNATURE_BYTES, TYPE_IHDR, HEADER_BYTES);
    memcpy(at, self->header, HEADER_BYTES);
    at = s_end(at, HEADER_BYTES);
    if (palette) {
        at = s_begin(at, TYPE_PLTE, PALETTE_BYTES);
        s_fill_palette(self, at);
        at = s_end(at, PALETTE_BYTES);
    }
    at = s_begin(at, TYPE_IDAT, self->data_bytes);
    s_join_data(at, bytes, size);
    at = s_end(at, self->data_bytes);
    at = s_end(s_begin(at, TYPE_IEND, 0), 0);
    *reduced_size = (size_t)(at - reduced);
    return reduced;
}
