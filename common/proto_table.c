/* The protocol as tables. */
#include "common/proto_table.h"

#define UINT_RANGE(type, member, low, high)                                    \
    {                                                                          \
        KIND_UINT, offsetof(type, member), sizeof(((type *)0)->member), low,   \
            high                                                               \
    }
#define UINT(type, member)                                                     \
    UINT_RANGE(type, member, 0,                                                \
               UINT64_MAX >> (64 - 8 * sizeof(((type *)0)->member)))
#define BYTES(kind, type, member)                                              \
    {                                                                          \
        kind, offsetof(type, member), sizeof(((type *)0)->member), 0, 0        \
    }
#define ONE(key, ...) [key] = {key, #key, 1, {__VA_ARGS__}, 0, 0, 0, 0}
#define PAIR(key, ...) [key] = {key, #key, 2, {__VA_ARGS__}, 0, 0, 0, 0}
#define LIST(key, count, array, maximum, slots, ...)                           \
    [key] = {key,                                                              \
             #key,                                                             \
             slots,                                                            \
             {__VA_ARGS__},                                                    \
             maximum,                                                          \
             offsetof(message_t, array),                                       \
             sizeof(((message_t *)0)->array[0]),                               \
             offsetof(message_t, count)}
#define M message_t

static const proto_row_t rows[] = {
    ONE(KEY_SESSION, UINT(M, session)),
    ONE(KEY_JOB, BYTES(KIND_BIN, M, job)),
    ONE(KEY_ATTEMPT, UINT(M, attempt)),
    ONE(KEY_MODEL_DIGEST, BYTES(KIND_BIN, M, model_digest)),
    PAIR(KEY_PART, UINT(M, part_index), UINT(M, part_count)),
    ONE(KEY_PART_DIGEST, BYTES(KIND_BIN, M, part_digest)),
    ONE(KEY_REMAINING_MS, UINT(M, remaining_ms)),
    LIST(KEY_TENSORS, tensors_count, tensors, TENSORS_MAX, 4,
         UINT_RANGE(tensor_header_t, dtype, 1, 255),
         BYTES(KIND_DIMS, tensor_header_t, shape), UINT(tensor_header_t, bytes),
         UINT(tensor_header_t, checksum)),
    ONE(KEY_CODE, UINT(M, code)),
    ONE(KEY_TEXT, BYTES(KIND_TEXT, M, text)),
    ONE(KEY_CREDIT_TOTAL, UINT(M, credit_total)),
    ONE(KEY_SEQ, UINT(M, seq)),
    ONE(KEY_BOOT_ID, UINT(M, boot_id)),
    PAIR(KEY_LIVENESS, UINT_RANGE(M, heartbeat_ms, 1, UINT16_MAX),
         UINT_RANGE(M, misses, 1, UINT8_MAX)),
    PAIR(KEY_LIMITS, UINT(M, frame_bytes_max), UINT(M, total_bytes_max)),
    ONE(KEY_PEER_ID, BYTES(KIND_BIN, M, peer_id)),
    LIST(KEY_HELD, held_count, held, PROTO_HELD_MAX, 3,
         BYTES(KIND_BIN, held_job_t, job), UINT(held_job_t, part),
         UINT(held_job_t, attempt)),
    ONE(KEY_PROGRESS, UINT(M, progress)),
    PAIR(KEY_LOAD, UINT(M, load_permille), UINT(M, rss_mib)),
    ONE(KEY_RETRY_AFTER_MS, UINT(M, retry_after_ms)),
    ONE(KEY_PRIORITY, UINT_RANGE(M, priority, 0, 1)),
    PAIR(KEY_TIMINGS, UINT(M, exec_us), UINT(M, queue_us)),
    PAIR(KEY_PART_BYTES, UINT(M, in_bytes_max), UINT(M, out_bytes_max)),
    ONE(KEY_BUILD, BYTES(KIND_TEXT, M, build)),
    LIST(KEY_ENDPOINTS, endpoints_count, endpoints, PROTO_ENDPOINTS_MAX, 1,
         {KIND_TEXT, 0, PROTO_TEXT_MAX + 1, 0, 0}),
    ONE(KEY_OFFSET, UINT(M, offset)),
    ONE(KEY_TOTAL, UINT(M, total)),
    ONE(KEY_NAME, BYTES(KIND_TEXT, M, name)),
    ONE(KEY_ROLE, UINT_RANGE(M, role, ROLE_CLIENT, ROLE_WORKER)),
    LIST(KEY_PATH, path_count, path, PROTO_PARTS_MAX, 5,
         UINT(path_step_t, part), BYTES(KIND_TEXT, path_step_t, name),
         UINT(path_step_t, attempt), UINT(path_step_t, queue_us),
         UINT(path_step_t, exec_us)),
};

#undef M

const proto_row_t *
proto_row(uint64_t key)
{
    bool known = key < sizeof rows / sizeof rows[0] && rows[key].name;
    return known ? &rows[key] : NULL;
}

/* --- which message carries what --- */

#define K(key) key_bit(KEY_##key)

static const proto_type_t types[] = {
    [MESSAGE_HELLO] = {"HELLO", K(PEER_ID) | K(ROLE),
                       K(PEER_ID) | K(ROLE) | K(PART) | K(NAME), 0},
    [MESSAGE_WELCOME] = {"WELCOME", 0, 0,
                         K(SESSION) | K(BOOT_ID) | K(LIVENESS) | K(LIMITS)},
    [MESSAGE_REJECT] = {"REJECT", 0, 0, K(CODE) | K(TEXT)},
    [MESSAGE_REHELLO] = {"REHELLO", 0, 0, K(BOOT_ID)},
    [MESSAGE_HEARTBEAT] = {"HEARTBEAT", K(SESSION) | K(SEQ),
                           K(SESSION) | K(SEQ), K(SESSION) | K(SEQ)},
    [MESSAGE_CREDIT] = {"CREDIT", 0, K(SESSION) | K(CREDIT_TOTAL), 0},
    [MESSAGE_JOB] = {"JOB", 0, 0,
                     K(SESSION) | K(JOB) | K(ATTEMPT) | K(PART) |
                         K(REMAINING_MS) | K(TENSORS)},
    [MESSAGE_RESULT] = {"RESULT", 0,
                        K(SESSION) | K(JOB) | K(ATTEMPT) | K(PART) | K(TENSORS),
                        K(SESSION) | K(JOB) | K(TENSORS)},
    [MESSAGE_ERROR] = {"ERROR", 0,
                       K(SESSION) | K(JOB) | K(ATTEMPT) | K(CODE) | K(TEXT),
                       K(CODE) | K(TEXT)},
    [MESSAGE_SUBMIT] = {"SUBMIT",
                        K(SESSION) | K(JOB) | K(REMAINING_MS) | K(TENSORS), 0,
                        0},
    [MESSAGE_BUSY] = {"BUSY", 0, 0, K(JOB) | K(CODE) | K(RETRY_AFTER_MS)},
    [MESSAGE_CANCEL] = {"CANCEL", K(SESSION) | K(JOB), 0,
                        K(SESSION) | K(JOB) | K(ATTEMPT)},
    [MESSAGE_DRAIN] = {"DRAIN", K(SESSION) | K(NAME), K(SESSION), K(SESSION)},
    [MESSAGE_BYE] = {"BYE", K(SESSION), K(SESSION), K(CODE)},
    [MESSAGE_FETCH] = {"FETCH", 0, K(SESSION) | K(PART_DIGEST) | K(OFFSET), 0},
    [MESSAGE_CHUNK] = {"CHUNK", 0, 0,
                       K(SESSION) | K(PART_DIGEST) | K(OFFSET) | K(TOTAL)},
    [MESSAGE_STATUS] = {"STATUS", K(SESSION), 0, 0},
    [MESSAGE_STATUS_REPLY] = {"STATUS_REPLY", 0, 0, K(SESSION)},
};

const proto_type_t *
proto_type(unsigned type)
{
    bool known = type < sizeof types / sizeof types[0] && types[type].name;
    return known ? &types[type] : NULL;
}
