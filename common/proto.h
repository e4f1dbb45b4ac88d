/* The header of a message: its fields, its limits, and the way between bytes
 * and struct. docs/protocol.md is the same in prose.
 *
 *   [routing id] [header] [tensor frame 0] ... [tensor frame n-1]
 *
 *   header = 'C' 'V' major type  map_bytes(u16 le) frames(u8) flags(u8)  map
 *   map    = one msgpack map with unsigned integer keys
 *
 * A decoded message owns all its bytes: nothing in it points into the frame.
 * Decoding walks the bytes first (every count must fit in what is left) and
 * only then hands them to msgpack-c, which otherwise would reserve a gigabyte
 * for a five byte frame.
 */
#ifndef CONVOY_COMMON_PROTO_H
#define CONVOY_COMMON_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/tensor.h"

enum {
    PROTO_MAJOR = 1,
    PROTO_PREFIX_BYTES = 8,
    PROTO_HEADER_MAX = 4096, /* bytes, the prefix included */
    PROTO_KEYS_MAX = 40,     /* entries of the map */
    PROTO_DEPTH_MAX = 4,     /* the root map is 1 */
    PROTO_TEXT_MAX = 256,    /* bytes of any text */
    PROTO_HELD_MAX = 32,
    PROTO_ENDPOINTS_MAX = 8,
    PROTO_NAME_MAX = 40, /* bytes of a worker's name */
    PROTO_PARTS_MAX = 32,
    PROTO_INFO_MAX = 1 << 20, /* bytes of an info frame (WELCOME, status) */
    PROTO_INFO_DEPTH_MAX = 6,
    PROTO_CHUNK_MAX = 1 << 20, /* bytes of a CHUNK's frame */
    PROTO_FRAME_MAX = 1 << 30, /* bytes of any frame, whatever is configured */
    PROTO_EXTENSION_KEY = 64,  /* unknown keys from here on are ignored */
    PROTO_KEY_LIMIT = 64,      /* known keys are below this */
    PROTO_PART_AUTO = 0xffff,  /* part_index of a HELLO with --part auto */
};

typedef enum message_type {
    MESSAGE_HELLO = 0x01,
    MESSAGE_WELCOME = 0x02,
    MESSAGE_REJECT = 0x03,
    MESSAGE_REHELLO = 0x04,
    MESSAGE_HEARTBEAT = 0x05,
    MESSAGE_CREDIT = 0x06,
    MESSAGE_JOB = 0x10,
    MESSAGE_RESULT = 0x11,
    MESSAGE_ERROR = 0x12,
    MESSAGE_SUBMIT = 0x13,
    MESSAGE_BUSY = 0x14,
    MESSAGE_CANCEL = 0x15,
    MESSAGE_DRAIN = 0x16,
    MESSAGE_BYE = 0x17,
    MESSAGE_FETCH = 0x18,
    MESSAGE_CHUNK = 0x19,
    MESSAGE_STATUS = 0x1a,
    MESSAGE_STATUS_REPLY = 0x1b,
} message_type_t;

typedef enum role {
    ROLE_NONE = 0,
    ROLE_CLIENT = 1,
    ROLE_WORKER = 2,
} role_t;

/* The keys of the map. */
typedef enum key {
    KEY_SESSION = 1,
    KEY_JOB = 2,
    KEY_ATTEMPT = 3,
    KEY_MODEL_DIGEST = 4,
    KEY_PART = 5, /* [index, count] */
    KEY_PART_DIGEST = 6,
    KEY_REMAINING_MS = 7,
    KEY_TENSORS = 8, /* [[dtype, [dims], bytes, checksum]...] */
    KEY_CODE = 9,
    KEY_TEXT = 10,
    KEY_CREDIT_TOTAL = 11,
    KEY_SEQ = 12,
    KEY_BOOT_ID = 13,
    KEY_LIVENESS = 14, /* [heartbeat_ms, misses] */
    KEY_LIMITS = 15,   /* [frame_bytes_max, total_bytes_max] */
    KEY_PEER_ID = 16,
    KEY_HELD = 17, /* [[job, part, attempt]...] */
    KEY_PROGRESS = 18,
    KEY_LOAD = 19, /* [cpu permille, rss MiB] */
    KEY_RETRY_AFTER_MS = 20,
    KEY_PRIORITY = 21,
    KEY_TIMINGS = 22,    /* [exec_us, queue_us] */
    KEY_PART_BYTES = 23, /* [in_bytes_max, out_bytes_max] of a part */
    KEY_BUILD = 24,
    KEY_ENDPOINTS = 25,
    KEY_OFFSET = 26,
    KEY_TOTAL = 27,
    KEY_NAME = 28,
    KEY_ROLE = 29,
    KEY_PATH = 30, /* [[part, name, attempt, queue_us, exec_us]...] */
} message_key_t;

#define key_bit(key) ((uint64_t)1 << (key))

/* client_id (8 random bytes) then sequence (8 bytes, big endian). */
typedef struct job_id {
    uint8_t bytes[16];
} job_id_t;

typedef struct tensor_header {
    dtype_t dtype;
    shape_t shape;     /* every dim >= 0 */
    uint64_t bytes;    /* of the frame: exactly elements * dtype_size */
    uint64_t checksum; /* XXH3-64, 0 = not computed */
} tensor_header_t;

typedef struct held_job {
    job_id_t job;
    uint16_t part;
    uint16_t attempt;
} held_job_t;

/* One step of the way a job took. */
typedef struct path_step {
    uint16_t part;
    uint16_t attempt;
    uint32_t queue_us; /* waiting: in the broker and in the worker */
    uint32_t exec_us;  /* computing, of the whole batch it ran in */
    char name[PROTO_NAME_MAX + 1];
} path_step_t;

typedef struct message {
    message_type_t type;
    uint8_t frames_count; /* payload frames that follow, <= TENSORS_MAX */
    uint8_t flags;        /* 0 */
    uint64_t present;     /* key_bit() of each key that is there */

    uint64_t session;
    job_id_t job;
    uint16_t attempt;
    digest_t model_digest;
    uint16_t part_index;
    uint16_t part_count;
    digest_t part_digest;
    uint32_t remaining_ms;
    uint16_t tensors_count;
    tensor_header_t tensors[TENSORS_MAX];
    uint16_t code; /* fault_code_t */
    char text[PROTO_TEXT_MAX + 1];
    uint64_t credit_total;
    uint32_t seq;
    uint64_t boot_id;
    uint16_t heartbeat_ms;
    uint8_t misses;
    uint64_t frame_bytes_max;
    uint64_t total_bytes_max;
    uint8_t peer_id[16];
    uint16_t held_count;
    held_job_t held[PROTO_HELD_MAX];
    uint32_t progress;
    uint16_t load_permille;
    uint32_t rss_mib;
    uint32_t retry_after_ms;
    uint8_t priority; /* 0 normal, 1 urgent */
    uint32_t exec_us;
    uint32_t queue_us;
    uint64_t in_bytes_max;
    uint64_t out_bytes_max;
    char build[PROTO_TEXT_MAX + 1];
    uint16_t endpoints_count;
    char endpoints[PROTO_ENDPOINTS_MAX][PROTO_TEXT_MAX + 1];
    uint64_t offset;
    uint64_t total;
    char name[PROTO_NAME_MAX + 1];
    role_t role;
    uint16_t path_count;
    path_step_t path[PROTO_PARTS_MAX];
} message_t;

/* An empty message of a type: every field zero, nothing present. Cheaper than
 * zeroing the struct: arrays are covered by their counts. */
void message_init(message_t *self, message_type_t type);

/* Present or not. */
bool message_has(const message_t *self, uint64_t keys);

/* The keys a message of this type must carry on its way to a broker or from
 * one; 0 for an unknown type. */
uint64_t message_required(message_type_t type, role_t sender);

/* "SUBMIT"; "UNKNOWN" for a type that does not exist. */
const char *message_name(message_type_t type);

/* The bytes of a header, into buffer[PROTO_HEADER_MAX]; only present keys are
 * written, in ascending order. Returns the size, or 0 with FAULT_TOO_LARGE
 * where they do not fit. */
size_t message_encode(const message_t *self, uint8_t *buffer, fault_t *fault);

/* A header out of untrusted bytes. Returns 0, or -1 with FAULT_BAD_FRAME (or
 * FAULT_REJECT_VERSION for another major version; type and nothing else is
 * then valid). Checked: prefix, sizes, types, ranges, unknown keys below 64,
 * duplicates, trailing bytes, depth; text is printable UTF-8; each tensor's
 * bytes are elements * dtype_size; tensors_count, where tensors are present,
 * equals frames_count. Allocates at most a small multiple of the frame. */
int message_decode(message_t *self, const void *bytes, size_t size,
                   fault_t *fault);

bool job_id_equal(const job_id_t *a, const job_id_t *b);

/* 32 hex digits and a NUL into text; returns text. */
const char *job_id_text(const job_id_t *id, char text[33]);

#endif
