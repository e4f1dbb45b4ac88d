/* The protocol as tables: what stands behind each key, and which keys each
 * type of message must carry. Only common/proto.c reads them.
 *
 * A row is a key. Its slots say what stands behind it: one slot is a bare
 * value, several are an array; a row with a list is an array of such values.
 */
#ifndef CONVOY_COMMON_PROTO_TABLE_H
#define CONVOY_COMMON_PROTO_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

enum { PROTO_SLOTS_MAX = 5, PROTO_ROWS = KEY_PATH + 1 };

typedef enum slot_kind {
    KIND_UINT, /* integer of `size` bytes, low <= value <= high */
    KIND_BIN,  /* exactly `size` bytes */
    KIND_TEXT, /* at most `size - 1` bytes, a NUL behind them */
    KIND_DIMS, /* shape_t */
} slot_kind_t;

typedef struct proto_slot {
    slot_kind_t kind;
    size_t offset; /* in the message, or in the list's element */
    size_t size;
    uint64_t low;
    uint64_t high;
} proto_slot_t;

typedef struct proto_row {
    message_key_t key;
    const char *name;
    size_t slots_count;
    proto_slot_t slots[PROTO_SLOTS_MAX];
    size_t list_max; /* 0: no list */
    size_t list_offset;
    size_t element_size;
    size_t count_offset; /* of the uint16_t that counts the elements */
} proto_row_t;

typedef struct proto_type {
    const char *name;
    uint64_t from_client; /* required keys; 0: never sent by this role */
    uint64_t from_worker;
    uint64_t from_broker;
} proto_type_t;

/* NULL for a key or a type that does not exist. */
const proto_row_t *proto_row(uint64_t key);
const proto_type_t *proto_type(unsigned type);

#endif
