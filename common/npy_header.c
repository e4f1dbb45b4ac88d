/* The header of an .npy file: its dict literal, bounded. */
#include "common/npy_header.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "common/cursor.h"
#include "common/mem.h"
#include "common/npy.h"

enum {
    MAGIC_BYTES = 6,
    PREAMBLE_MAX = 12, /* magic, version, length */
    DICT_MAX = NPY_HEADER_MAX - PREAMBLE_MAX,
    ALIGNMENT = 64, /* of the elements in a file that is written */
    DESCR_MAX = 15,
};

static const uint8_t magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct descr_row {
    const char *text; /* without the byte order */
    dtype_t dtype;
} descr_row_t;

static const descr_row_t descr_rows[] = {
    {"f4", DTYPE_FLOAT32}, {"f8", DTYPE_FLOAT64}, {"f2", DTYPE_FLOAT16},
    {"i8", DTYPE_INT64},   {"i4", DTYPE_INT32},   {"i2", DTYPE_INT16},
    {"i1", DTYPE_INT8},    {"u1", DTYPE_UINT8},   {"b1", DTYPE_BOOL},
};

enum { DESCR_ROWS = sizeof descr_rows / sizeof descr_rows[0] };

/* --- the dict literal --- */

static char
s_peek(const cursor_t *cursor)
{
    return cursor_left(cursor) ? (char)cursor->bytes[cursor->offset] : '\0';
}

static void
s_skip_blanks(cursor_t *cursor)
{
    while (cursor_left(cursor) && isspace((unsigned char)s_peek(cursor)))
        cursor_u8(cursor);
}

/* The mark, blanks before it skipped; false where something else stands. */
static bool
s_accept(cursor_t *cursor, char mark)
{
    s_skip_blanks(cursor);
    if (!cursor_left(cursor) || s_peek(cursor) != mark)
        return false;
    cursor_u8(cursor);
    return true;
}

static int
s_wrong(fault_t *fault, const char *what)
{
    return fault_set(fault, FAULT_INPUT, "not a sound .npy header: %s", what);
}

/* A quoted text without escapes into text[DESCR_MAX + 1]. */
static int
s_take_quoted(cursor_t *cursor, char *text, fault_t *fault)
{
    s_skip_blanks(cursor);
    char quote = s_peek(cursor);
    if (quote != '\'' && quote != '"')
        return s_wrong(fault, "a text is expected");
    cursor_u8(cursor);
    size_t size = 0;
    while (cursor_left(cursor) && s_peek(cursor) != quote && size < DESCR_MAX)
        text[size++] = (char)cursor_u8(cursor);
    text[size] = '\0';
    return s_accept(cursor, quote) ? 0 : s_wrong(fault, "a text has no end");
}

static int
s_take_descr(npy_header_t *header, cursor_t *cursor, fault_t *fault)
{
    char text[DESCR_MAX + 1];
    s_skip_blanks(cursor);
    if (s_peek(cursor) == '[')
        return fault_set(fault, FAULT_INPUT,
                         "records of several fields are not supported");
    if (s_take_quoted(cursor, text, fault) != 0)
        return -1;
    bool ordered = text[0] && strchr("<>=|", text[0]);
    for (size_t i = 0; i < DESCR_ROWS; i++)
        if (strcmp(descr_rows[i].text, text + ordered) == 0)
            header->dtype = descr_rows[i].dtype;
    if (header->dtype == DTYPE_NONE)
        return fault_set(fault, FAULT_INPUT,
                         "elements of type '%s' are not supported", text);
    header->big_endian = text[0] == '>';
    header->descr_seen = true;
    return 0;
}

static int
s_take_order(npy_header_t *header, cursor_t *cursor, fault_t *fault)
{
    char word[8];
    size_t size = 0;
    s_skip_blanks(cursor);
    while (isalpha((unsigned char)s_peek(cursor)) && size < sizeof word - 1)
        word[size++] = (char)cursor_u8(cursor);
    word[size] = '\0';
    header->fortran = strcmp(word, "True") == 0;
    if (!header->fortran && strcmp(word, "False") != 0)
        return s_wrong(fault, "fortran_order is neither True nor False");
    header->order_seen = true;
    return 0;
}

static int
s_take_dim(cursor_t *cursor, int64_t *dim, fault_t *fault)
{
    *dim = 0;
    s_skip_blanks(cursor);
    if (!isdigit((unsigned char)s_peek(cursor)))
        return s_wrong(fault, "a size is expected");
    while (isdigit((unsigned char)s_peek(cursor))) {
        int digit = cursor_u8(cursor) - '0';
        if (__builtin_mul_overflow(*dim, 10, dim) ||
            __builtin_add_overflow(*dim, digit, dim))
            return s_wrong(fault, "a size is too large");
    }
    if (s_peek(cursor) == 'L') /* written by Python 2 */
        cursor_u8(cursor);
    return 0;
}

static int
s_take_shape(npy_header_t *header, cursor_t *cursor, fault_t *fault)
{
    shape_t *shape = &header->shape;
    if (!s_accept(cursor, '('))
        return s_wrong(fault, "a shape is expected");
    shape->rank = 0;
    while (!s_accept(cursor, ')')) {
        if (shape->rank == TENSOR_RANK_MAX)
            return fault_set(fault, FAULT_INPUT, "more than %d axes",
                             TENSOR_RANK_MAX);
        if (s_take_dim(cursor, &shape->dims[shape->rank++], fault) != 0)
            return -1;
        s_skip_blanks(cursor);
        if (!s_accept(cursor, ',') && s_peek(cursor) != ')')
            return s_wrong(fault, "the shape has no end");
    }
    header->shape_seen = true;
    return 0;
}

typedef int (*take_t)(npy_header_t *header, cursor_t *cursor, fault_t *fault);

static int
s_take_entry(npy_header_t *header, cursor_t *cursor, fault_t *fault)
{
    static const struct {
        const char *name;
        take_t take;
    } rows[] = {
        {"descr", s_take_descr},
        {"fortran_order", s_take_order},
        {"shape", s_take_shape},
    };
    char name[DESCR_MAX + 1];
    if (s_take_quoted(cursor, name, fault) != 0)
        return -1;
    if (!s_accept(cursor, ':'))
        return s_wrong(fault, "a colon is expected");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].take(header, cursor, fault);
    return s_wrong(fault, "a key is not known");
}

static int
s_parse_dict(npy_header_t *header, cursor_t *cursor, fault_t *fault)
{
    if (!s_accept(cursor, '{'))
        return s_wrong(fault, "a brace is expected");
    while (!s_accept(cursor, '}')) {
        if (s_take_entry(header, cursor, fault) != 0)
            return -1;
        s_skip_blanks(cursor);
        if (!s_accept(cursor, ',') && s_peek(cursor) != '}')
            return s_wrong(fault, "a comma is expected");
    }
    s_skip_blanks(cursor);
    if (cursor_left(cursor) > 0)
        return s_wrong(fault, "something follows it");
    if (!header->descr_seen || !header->order_seen || !header->shape_seen)
        return s_wrong(fault, "descr, fortran_order or shape is missing");
    return 0;
}

/* --- the file --- */

/* The length of the dict behind the preamble, and how long the preamble is. */
static int
s_parse_preamble(cursor_t *cursor, size_t *length, fault_t *fault)
{
    const uint8_t *start = cursor_take(cursor, MAGIC_BYTES);
    if (!start || memcmp(start, magic, MAGIC_BYTES) != 0)
        return fault_set(fault, FAULT_INPUT, "not an .npy file");
    unsigned major = cursor_u8(cursor), minor = cursor_u8(cursor);
    if (cursor_failed(cursor) || major < 1 || major > 3 || minor != 0)
        return fault_set(fault, FAULT_INPUT, ".npy format %u.%u is not known",
                         major, minor);
    *length = major == 1 ? cursor_u16le(cursor) : cursor_u32le(cursor);
    if (*length > DICT_MAX)
        return s_wrong(fault, "it is too long");
    if (cursor_failed(cursor))
        return fault_set(fault, FAULT_INPUT, "the file is cut short");
    return 0;
}

/* Compare what the header promises with what the file holds. */
static int
s_check_size(const npy_header_t *header, size_t file_bytes, size_t *bytes,
             fault_t *fault)
{
    char text[128];
    int64_t elements = shape_elements(&header->shape);
    if (elements < 0 ||
        !mem_mul((size_t)elements, dtype_size(header->dtype), bytes) ||
        *bytes > NPY_BYTES_MAX)
        return fault_set(fault, FAULT_INPUT, "shape %s is too large",
                         shape_text(&header->shape, text, sizeof text));
    size_t held = file_bytes - header->bytes;
    if (held != *bytes)
        return fault_set(
            fault, FAULT_INPUT, "shape %s takes %zu bytes, the file holds %zu",
            shape_text(&header->shape, text, sizeof text), *bytes, held);
    return 0;
}

int
npy_header_parse(npy_header_t *self, const uint8_t *start, size_t size,
                 size_t file_bytes, fault_t *fault)
{
    *self = (npy_header_t){0};
    cursor_t cursor, dict;
    size_t length = 0, bytes;
    cursor_init(&cursor, start, size);
    if (s_parse_preamble(&cursor, &length, fault) != 0)
        return -1;
    const uint8_t *text = cursor_take(&cursor, length);
    if (!text)
        return fault_set(fault, FAULT_INPUT, "the file is cut short");
    cursor_init(&dict, text, length);
    if (s_parse_dict(self, &dict, fault) != 0)
        return -1;
    self->bytes = cursor.offset;
    return s_check_size(self, file_bytes, &bytes, fault);
}

static const char *
s_descr(dtype_t dtype)
{
    for (size_t i = 0; i < DESCR_ROWS; i++)
        if (descr_rows[i].dtype == dtype)
            return descr_rows[i].text;
    return NULL;
}

bool
npy_header_knows(dtype_t dtype)
{
    return s_descr(dtype) != NULL;
}

/* The preamble and the dict, padded so that the elements are aligned. */
void
npy_header_write(FILE *file, dtype_t dtype, const shape_t *shape)
{
    char dict[256], text[192];
    size_t used = 0, preamble = MAGIC_BYTES + 4;
    text[0] = '\0';
    for (int i = 0; i < shape->rank; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRId64,
                                 i ? ", " : "", shape->dims[i]);
    char order = dtype_size(dtype) > 1 ? '<' : '|';
    int size = snprintf(
        dict, sizeof dict,
        "{'descr': '%c%s', 'fortran_order': False, 'shape': (%.150s%s), }",
        order, s_descr(dtype), text, shape->rank == 1 ? "," : "");
    size_t whole = preamble + (size_t)size + 1;
    whole += (ALIGNMENT - whole % ALIGNMENT) % ALIGNMENT;
    size_t length = whole - preamble;
    const uint8_t tail[] = {1, 0, (uint8_t)length, (uint8_t)(length >> 8)};
    fwrite(magic, 1, sizeof magic, file);
    fwrite(tail, 1, sizeof tail, file);
    fprintf(file, "%-*s\n", (int)length - 1, dict);
}
