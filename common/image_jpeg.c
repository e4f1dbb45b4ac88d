/* A JPEG file's structure.
 *
 * Segments: FF, marker, length (u16 big endian, itself included), data. Behind
 * the segment SOS follow coded bits, in which FF stands only before 00 or a
 * restart marker.
 */
#include "common/image_jpeg.h"

#include <string.h>

#include "common/cursor.h"

enum {
    M_SOF0 = 0xc0, /* baseline */
    M_SOF2 = 0xc2, /* progressive */
    M_DHT = 0xc4,
    M_SOF15 = 0xcf,
    M_RST0 = 0xd0,
    M_RST7 = 0xd7,
    M_SOI = 0xd8,
    M_EOI = 0xd9,
    M_SOS = 0xda,
    M_DQT = 0xdb,
    M_DRI = 0xdd,
    M_APP0 = 0xe0,
    M_APP15 = 0xef,
    M_COM = 0xfe,
};

typedef struct component {
    uint8_t id, table;
} component_t;

/* A walk under way; sets are bit masks over table or component numbers. */
typedef struct walk {
    image_jpeg_t *jpeg;
    cursor_t cursor;
    bool progressive;
    component_t components[3];
    unsigned quantizers, dc_tables, ac_tables;
    unsigned scanned; /* components whose DC was coded */
    fault_t *fault;
} walk_t;

static int
s_damaged(walk_t *self, const char *what)
{
    return fault_set(self->fault, FAULT_INPUT, "damaged JPEG: %s", what);
}

static int
s_cut_short(walk_t *self)
{
    return s_damaged(self, "the file is cut short");
}

static int
s_take_quantizers(walk_t *self, cursor_t *data)
{
    while (cursor_left(data) > 0) {
        unsigned head = cursor_u8(data);
        if (head >> 4 > 1 || (head & 15) > 3 ||
            !cursor_take(data, head >> 4 ? 128 : 64))
            return s_damaged(self, "a quantisation table is wrong");
        self->quantizers |= 1u << (head & 15);
    }
    return 0;
}

/* The counts must describe at most 256 codes that are prefix free: decoders
 * have fixed tables for them. */
static int
s_take_huffman(walk_t *self, cursor_t *data)
{
    while (cursor_left(data) > 0) {
        unsigned head = cursor_u8(data), codes = 0, used = 0;
        const uint8_t *counts = cursor_take(data, 16);
        bool right = counts && head >> 4 <= 1 && (head & 15) <= 3;
        for (unsigned i = 0; right && i < 16; i++) {
            codes += counts[i];
            used += (unsigned)counts[i] << (15 - i);
        }
        right = right && codes <= 256 && used <= 1u << 16;
        if (!right || !cursor_take(data, codes))
            return s_damaged(self, "a Huffman table is wrong");
        *(head >> 4 ? &self->ac_tables : &self->dc_tables) |= 1u << (head & 15);
    }
    return 0;
}

static int
s_take_frame(walk_t *self, cursor_t *data, unsigned marker)
{
    image_jpeg_t *jpeg = self->jpeg;
    if (jpeg->components)
        return s_damaged(self, "it has two frames");
    if (marker > M_SOF2)
        return fault_set(self->fault, FAULT_INPUT,
                         "this kind of JPEG (SOF%u) is not supported",
                         marker - M_SOF0);
    self->progressive = marker == M_SOF2;
    unsigned bits = cursor_u8(data);
    jpeg->height = cursor_u16be(data);
    jpeg->width = cursor_u16be(data);
    jpeg->components = cursor_u8(data);
    if (bits != 8)
        return fault_set(self->fault, FAULT_INPUT,
                         "JPEG with %u bits a sample is not supported", bits);
    if (jpeg->components == 4)
        return fault_set(self->fault, FAULT_INPUT,
                         "JPEG with four inks (CMYK) is not supported");
    if (jpeg->width == 0 || jpeg->height == 0)
        return s_damaged(self, "it has no size");
    if (jpeg->components != 1 && jpeg->components != 3)
        return s_damaged(self, "it has neither one nor three components");
    for (int i = 0; i < jpeg->components; i++) {
        self->components[i].id = cursor_u8(data);
        cursor_u8(data); /* sampling: the decoder checks it */
        self->components[i].table = cursor_u8(data);
        if (self->components[i].table > 3)
            return s_damaged(self, "a component is wrong");
    }
    if (cursor_failed(data) || cursor_left(data) > 0)
        return s_damaged(self, "its frame header is wrong");
    return 0;
}

static bool
s_has(unsigned set, unsigned number)
{
    return number < 4 && set >> number & 1;
}

static int
s_take_scan_component(walk_t *self, unsigned id, unsigned tables,
                      unsigned first, bool refines)
{
    int which = 0;
    while (which < self->jpeg->components && self->components[which].id != id)
        which++;
    if (which == self->jpeg->components)
        return s_damaged(self, "a scan names a component there is not");
    bool dc = first == 0 && !refines;
    bool ac = first > 0 || !self->progressive;
    if (!s_has(self->quantizers, self->components[which].table) ||
        (dc && !s_has(self->dc_tables, tables >> 4)) ||
        (ac && !s_has(self->ac_tables, tables & 15)))
        return s_damaged(self, "a scan uses a table that was not given");
    if (first == 0)
        self->scanned |= 1u << which;
    return 0;
}

static int
s_take_scan(walk_t *self, cursor_t *data)
{
    unsigned count = cursor_u8(data);
    const uint8_t *pairs = cursor_take(data, (size_t)2 * count);
    unsigned first = cursor_u8(data);
    cursor_u8(data);
    unsigned refines = cursor_u8(data) >> 4;
    if (cursor_failed(data) || cursor_left(data) > 0 || count == 0 ||
        count > (unsigned)self->jpeg->components)
        return s_damaged(self, "a scan header is wrong");
    if (++self->jpeg->scans > IMAGE_JPEG_SCANS_MAX)
        return fault_set(self->fault, FAULT_INPUT,
                         "JPEG with more than %d scans", IMAGE_JPEG_SCANS_MAX);
    for (unsigned i = 0; i < count; i++)
        if (s_take_scan_component(self, pairs[2 * i], pairs[2 * i + 1], first,
                                  refines) != 0)
            return -1;
    return 0;
}

/* Over the coded bits, to the next marker. */
static int
s_skip_coded(walk_t *self)
{
    cursor_t *cursor = &self->cursor;
    while (cursor_left(cursor) >= 2) {
        const uint8_t *at = cursor->bytes + cursor->offset;
        const uint8_t *mark = memchr(at, 0xff, cursor_left(cursor) - 1);
        if (!mark)
            break;
        cursor_take(cursor, (size_t)(mark - at));
        bool stuffed = mark[1] == 0 || (mark[1] >= M_RST0 && mark[1] <= M_RST7);
        if (!stuffed && mark[1] != 0xff)
            return 0;
        cursor_take(cursor, stuffed ? 2 : 1);
    }
    return s_cut_short(self);
}

static int
s_take_segment(walk_t *self, unsigned marker)
{
    unsigned length = cursor_u16be(&self->cursor);
    const uint8_t *bytes =
        length >= 2 ? cursor_take(&self->cursor, length - 2) : NULL;
    if (!bytes && length >= 2)
        return s_cut_short(self);
    if (!bytes)
        return s_damaged(self, "a segment has no length");
    cursor_t data;
    cursor_init(&data, bytes, length - 2);
    if (marker == M_DQT)
        return s_take_quantizers(self, &data);
    if (marker == M_DHT)
        return s_take_huffman(self, &data);
    if (marker == M_SOS)
        return s_take_scan(self, &data) == 0 ? s_skip_coded(self) : -1;
    if (marker >= M_SOF0 && marker <= M_SOF15)
        return s_take_frame(self, &data, marker);
    if (marker == M_DRI && length == 4)
        return 0;
    if ((marker >= M_APP0 && marker <= M_APP15) || marker == M_COM)
        return 0;
    return fault_set(self->fault, FAULT_INPUT,
                     "damaged JPEG: marker %02x is not known here", marker);
}

/* The marker at the cursor, fill bytes skipped; 0 where there is none. */
static unsigned
s_take_marker(cursor_t *cursor)
{
    if (cursor_u8(cursor) != 0xff)
        return 0;
    unsigned marker = 0xff;
    while (marker == 0xff && !cursor_failed(cursor))
        marker = cursor_u8(cursor);
    return marker;
}

bool
image_jpeg_is(const void *bytes, size_t size)
{
    static const uint8_t start[] = {0xff, M_SOI, 0xff};
    return size >= sizeof start && memcmp(bytes, start, sizeof start) == 0;
}

int
image_jpeg_check(image_jpeg_t *self, const uint8_t *bytes, size_t size,
                 fault_t *fault)
{
    *self = (image_jpeg_t){0};
    walk_t walk = {.jpeg = self, .fault = fault};
    cursor_init(&walk.cursor, bytes, size);
    cursor_take(&walk.cursor, 2); /* SOI */
    for (;;) {
        unsigned marker = s_take_marker(&walk.cursor);
        if (cursor_failed(&walk.cursor))
            return s_cut_short(&walk);
        if (marker == M_EOI)
            break;
        if (marker == 0)
            return s_damaged(&walk, "a marker is missing");
        if (s_take_segment(&walk, marker) != 0)
            return -1;
    }
    if (self->scans == 0 || walk.scanned + 1 != 1u << self->components)
        return s_damaged(&walk, "it has no pixels");
    return 0;
}
