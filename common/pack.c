/* The bounded walk over msgpack bytes. */
#include "common/pack.h"

#include "common/cursor.h"
#include "common/utf8.h"

enum { PACK_DEPTH_LIMIT = 16 };

typedef enum pack_kind {
    PACK_BAD,    /* reserved byte, extension type */
    PACK_SCALAR, /* nil, bool, integer: `width` bytes follow */
    PACK_FLOAT,
    PACK_BYTES, /* text or bytes: a length of `width` bytes follows */
    PACK_ARRAY, /* a count of `width` bytes follows */
    PACK_MAP,
} pack_kind_t;

typedef struct pack_code {
    uint8_t kind; /* pack_kind_t */
    uint8_t width;
} pack_code_t;

/* First bytes 0xc0 to 0xdf (msgpack specification, "Formats"). */
static const pack_code_t pack_codes[] = {
    {PACK_SCALAR, 0}, {PACK_BAD, 0},    {PACK_SCALAR, 0}, {PACK_SCALAR, 0},
    {PACK_BYTES, 1},  {PACK_BYTES, 2},  {PACK_BYTES, 4},  {PACK_BAD, 0},
    {PACK_BAD, 0},    {PACK_BAD, 0},    {PACK_FLOAT, 4},  {PACK_FLOAT, 8},
    {PACK_SCALAR, 1}, {PACK_SCALAR, 2}, {PACK_SCALAR, 4}, {PACK_SCALAR, 8},
    {PACK_SCALAR, 1}, {PACK_SCALAR, 2}, {PACK_SCALAR, 4}, {PACK_SCALAR, 8},
    {PACK_BAD, 0},    {PACK_BAD, 0},    {PACK_BAD, 0},    {PACK_BAD, 0},
    {PACK_BAD, 0},    {PACK_BYTES, 1},  {PACK_BYTES, 2},  {PACK_BYTES, 4},
    {PACK_ARRAY, 2},  {PACK_ARRAY, 4},  {PACK_MAP, 2},    {PACK_MAP, 4},
};

/* A value's head: what it is and how many bytes or children follow. */
typedef struct pack_head {
    pack_kind_t kind;
    uint64_t count;
} pack_head_t;

static uint64_t
s_number(cursor_t *cursor, unsigned width)
{
    switch (width) {
    case 0:
        return 0;
    case 1:
        return cursor_u8(cursor);
    case 2:
        return cursor_u16be(cursor);
    default:
        return cursor_u32be(cursor);
    }
}

static pack_head_t
s_head(cursor_t *cursor)
{
    uint8_t byte = cursor_u8(cursor);
    if (byte < 0x80 || byte >= 0xe0)
        return (pack_head_t){PACK_SCALAR, 0};
    if (byte < 0x90)
        return (pack_head_t){PACK_MAP, 2 * (uint64_t)(byte & 0x0f)};
    if (byte < 0xa0)
        return (pack_head_t){PACK_ARRAY, byte & 0x0f};
    if (byte < 0xc0)
        return (pack_head_t){PACK_BYTES, byte & 0x1f};

    pack_code_t code = pack_codes[byte - 0xc0];
    if (code.kind == PACK_SCALAR || code.kind == PACK_FLOAT)
        return (pack_head_t){code.kind, code.width};
    uint64_t count = s_number(cursor, code.width);
    return (pack_head_t){code.kind, code.kind == PACK_MAP ? 2 * count : count};
}

static int
s_bad(fault_t *fault, size_t offset, const char *why)
{
    return fault_set(fault, FAULT_BAD_FRAME, "msgpack, byte %zu: %s", offset,
                     why);
}

int
pack_check(const void *bytes, size_t size, const pack_limits_t *limits,
           fault_t *fault)
{
    cursor_t cursor;
    cursor_init(&cursor, bytes, size);
    uint64_t open[PACK_DEPTH_LIMIT]; /* children still to come, a level each */
    int depth = 0;
    size_t values = 0;
    do {
        size_t at = cursor.offset;
        pack_head_t head = s_head(&cursor);
        if (cursor_failed(&cursor))
            return s_bad(fault, at, "the value is cut short");
        if (++values > limits->values_max)
            return s_bad(fault, at, "too many values");
        if (head.kind == PACK_BAD)
            return s_bad(fault, at, "a type that may not occur");
        if (head.kind == PACK_FLOAT && !limits->floats)
            return s_bad(fault, at, "a floating-point number");
        if (values == 1 && head.kind != PACK_MAP)
            return s_bad(fault, at, "not a map");
        if (values == 1 && head.count > 2 * (uint64_t)limits->entries_max)
            return s_bad(fault, at, "too many entries");
        if (depth)
            open[depth - 1]--;

        bool container = head.kind == PACK_MAP || head.kind == PACK_ARRAY;
        if (head.count > cursor_left(&cursor))
            return s_bad(fault, at, "more is announced than follows");
        if (head.kind == PACK_BYTES && head.count > limits->bytes_max)
            return s_bad(fault, at, "a text or byte string is too long");
        if (container && depth >= limits->depth_max)
            return s_bad(fault, at, "nested too deeply");
        if (container && depth >= PACK_DEPTH_LIMIT)
            return s_bad(fault, at, "nested too deeply");
        if (container)
            open[depth++] = head.count;
        else
            cursor_take(&cursor, (size_t)head.count);
        while (depth && open[depth - 1] == 0)
            depth--;
    } while (depth);
    return cursor_left(&cursor)
               ? s_bad(fault, cursor.offset, "bytes follow the map")
               : 0;
}

bool
pack_printable(const char *text, size_t size)
{
    size_t used = 0;
    for (size_t at = 0; at < size; at += used) {
        used = utf8_printable(text + at, size - at);
        if (used == 0)
            return false;
    }
    return true;
}
