/* Headers of messages: both ways, and what must be refused. */
#include "tests/support/tests.h"

#include <string.h>

#include "common/proto.h"

/* A message with every key filled in, from a seed. */
static void
s_fill(message_t *message, message_type_t type, unsigned seed)
{
    message_init(message, type);
    message->session = UINT64_MAX - seed;
    memset(&message->job, (int)(seed & 0x7f), sizeof message->job);
    message->attempt = (uint16_t)(3 + seed);
    memset(&message->model_digest, 0xab, sizeof message->model_digest);
    message->part_index = PROTO_PART_AUTO;
    message->part_count = 3;
    memset(&message->part_digest, 0xcd, sizeof message->part_digest);
    message->remaining_ms = 30000;
    message->tensors_count = message->frames_count = 2;
    message->tensors[0] = (tensor_header_t){
        DTYPE_FLOAT32, {4, {1, 3, 32, 32}}, 12288, UINT64_MAX};
    message->tensors[1] = (tensor_header_t){DTYPE_INT64, {0, {0}}, 8, 0};
    message->code = FAULT_DEADLINE;
    strcpy(message->text, "part 1 hat keinen Arbeiter: \xc3\xa4");
    message->credit_total = 1000000;
    message->seq = seed;
    message->boot_id = 0x0123456789abcdef;
    message->heartbeat_ms = 1000;
    message->misses = 3;
    message->frame_bytes_max = (uint64_t)1 << 40;
    message->total_bytes_max = UINT64_MAX;
    memset(message->peer_id, 0x5a, sizeof message->peer_id);
    message->held_count = 2;
    memset(message->held, 0, 2 * sizeof message->held[0]);
    message->held[1].part = 7;
    message->held[1].attempt = 2;
    message->progress = 77;
    message->load_permille = 999;
    message->rss_mib = 512;
    message->retry_after_ms = 250;
    message->priority = 1;
    message->exec_us = 1234;
    message->queue_us = 5678;
    message->in_bytes_max = 1;
    message->out_bytes_max = 2;
    strcpy(message->build, "0.1.0 avx2 6x16");
    message->endpoints_count = 2;
    strcpy(message->endpoints[0], "tcp://127.0.0.1:5570");
    strcpy(message->endpoints[1], "");
    message->offset = 1 << 20;
    message->total = 5 << 20;
    strcpy(message->name, "host-1234");
    message->role = ROLE_WORKER;
    message->path_count = 1;
    memset(message->path, 0, sizeof message->path[0]);
    message->path[0].part = 1;
    message->path[0].exec_us = 42;
    strcpy(message->path[0].name, "worker-1");
    message->present = (key_bit(31) - 1) & ~key_bit(0);
}

static void
s_assert_same(const message_t *a, const message_t *b)
{
    uint8_t bytes_a[PROTO_HEADER_MAX], bytes_b[PROTO_HEADER_MAX];
    size_t size_a = message_encode(a, bytes_a, NULL);
    size_t size_b = message_encode(b, bytes_b, NULL);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(bytes_a, bytes_b, size_a);
}

static void
every_key_survives_the_way_there_and_back(void **state)
{
    (void)state;
    message_t there, back;
    fault_t fault;
    uint8_t bytes[PROTO_HEADER_MAX];
    s_fill(&there, MESSAGE_RESULT, 1);
    size_t size = message_encode(&there, bytes, &fault);
    assert_int_not_equal(size, 0);
    assert_ok(message_decode(&back, bytes, size, &fault), &fault);
    assert_int_equal(back.type, MESSAGE_RESULT);
    assert_int_equal(back.frames_count, 2);
    assert_true(back.present == there.present);
    assert_true(back.session == there.session);
    assert_string_equal(back.text, there.text);
    assert_int_equal(back.tensors[0].shape.rank, 4);
    assert_int_equal(back.tensors[0].shape.dims[1], 3);
    assert_int_equal(back.tensors[1].shape.rank, 0);
    assert_int_equal(back.held[1].part, 7);
    assert_int_equal(back.role, ROLE_WORKER);
    assert_string_equal(back.endpoints[0], "tcp://127.0.0.1:5570");
    assert_string_equal(back.path[0].name, "worker-1");
    assert_int_equal(back.path[0].exec_us, 42);
    s_assert_same(&there, &back);
}

static void
each_key_survives_alone(void **state)
{
    (void)state;
    for (int key = 1; key <= 30; key++) {
        message_t there, back;
        fault_t fault;
        uint8_t bytes[PROTO_HEADER_MAX];
        s_fill(&there, MESSAGE_HEARTBEAT, 2);
        there.present = key_bit(key);
        if (key != KEY_TENSORS)
            there.frames_count = 0;
        size_t size = message_encode(&there, bytes, &fault);
        assert_ok(message_decode(&back, bytes, size, &fault), &fault);
        assert_true(back.present == key_bit(key));
        s_assert_same(&there, &back);
    }
}

static void
all_types_but_the_known_ones_are_refused(void **state)
{
    (void)state;
    int known = 0;
    for (int type = 0; type < 256; type++) {
        const uint8_t bytes[] = {'C', 'V', 1, (uint8_t)type, 1, 0, 0, 0, 0x80};
        message_t message;
        fault_t fault;
        int result = message_decode(&message, bytes, sizeof bytes, &fault);
        bool named = strcmp(message_name(type), "UNKNOWN") != 0;
        assert_int_equal(result, named ? 0 : -1);
        if (result)
            assert_int_equal(fault.code, FAULT_BAD_FRAME);
        known += named;
    }
    assert_int_equal(known, 18);
}

static void
another_major_version_is_told_apart(void **state)
{
    (void)state;
    const uint8_t bytes[] = {'C', 'V', 2, 1, 0xff, 0xff, 99, 99, 0xc1};
    message_t message;
    fault_t fault;
    assert_int_equal(message_decode(&message, bytes, sizeof bytes, &fault), -1);
    assert_int_equal(fault.code, FAULT_REJECT_VERSION);
    assert_int_equal(message.type, MESSAGE_HELLO);
}

static void
a_header_cut_anywhere_is_refused(void **state)
{
    (void)state;
    message_t message;
    fault_t fault;
    uint8_t bytes[PROTO_HEADER_MAX];
    s_fill(&message, MESSAGE_SUBMIT, 3);
    size_t size = message_encode(&message, bytes, &fault);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = test_malloc(cut ? cut : 1);
        memcpy(exact, bytes, cut);
        assert_int_equal(message_decode(&message, exact, cut, &fault), -1);
        assert_int_equal(fault.code, FAULT_BAD_FRAME);
        if (cut >= 8) { /* the same with a prefix that owns up to it */
            exact[4] = (uint8_t)(cut - 8);
            exact[5] = (uint8_t)((cut - 8) >> 8);
            assert_int_equal(message_decode(&message, exact, cut, &fault), -1);
        }
        test_free(exact);
    }
}

/* A header of one map given as bytes. */
static int
s_decode_map(const void *map, size_t map_size, message_t *message,
             fault_t *fault)
{
    uint8_t bytes[2 * PROTO_HEADER_MAX] = {'C', 'V', 1, MESSAGE_HEARTBEAT};
    bytes[4] = (uint8_t)map_size;
    bytes[5] = (uint8_t)(map_size >> 8);
    memcpy(bytes + 8, map, map_size);
    return message_decode(message, bytes, 8 + map_size, fault);
}

typedef struct bad_map {
    const char *why;
    const char *bytes;
    size_t size;
} bad_map_t;

#define BAD(why, bytes)                                                        \
    {                                                                          \
        why, bytes, sizeof(bytes) - 1                                          \
    }

static void
maps_that_break_a_rule_are_refused_with_the_reason(void **state)
{
    (void)state;
    const bad_map_t maps[] = {
        BAD("too many entries", "\xdf\x00\xff\xff\xff"),
        BAD("more is announced", "\x81\x01\xdd\x00\xff\xff\xff"),
        BAD("too many entries", "\xde\x00\x29"),
        BAD("more is announced", "\x85\x0c\x01"),
        BAD("more is announced", "\x81\x0a\xdb\xff\xff\xff\xff"),
        BAD("not a map", "\x90"),
        BAD("not a map", "\xc0"),
        BAD("bytes follow", "\x80\x80"),
        BAD("may not occur", "\x81\x0c\xd4\x01\x01"),
        BAD("may not occur", "\x81\x0c\xc1"),
        BAD("nested too deeply", "\x81\x40\x91\x91\x91\x91\x01"),
        BAD("key 12 comes twice", "\x82\x0c\x01\x0c\x01"),
        BAD("key 63 is not known", "\x81\x3f\x01"),
        BAD("key 0 is not known", "\x81\x00\x01"),
        BAD("not an unsigned integer", "\x81\xff\x01"),
        BAD("not an unsigned integer", "\x81\xa1\x31\x01"),
        BAD("key 12 (KEY_SEQ)", "\x81\x0c\xff"),
        BAD("key 12 (KEY_SEQ)", "\x81\x0c\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
        BAD("key 12 (KEY_SEQ)", "\x81\x0c\xca\x00\x00\x00\x00"),
        BAD("key 21 (KEY_PRIORITY)", "\x81\x15\x02"),
        BAD("key 29 (KEY_ROLE)", "\x81\x1d\x00"),
        BAD("key 14 (KEY_LIVENESS)", "\x81\x0e\x92\x00\x03"),
        BAD("key 14 (KEY_LIVENESS)", "\x81\x0e\x91\x03"),
        BAD("key 2 (KEY_JOB)", "\x81\x02\xc4\x01\x00"),
        BAD("key 10 (KEY_TEXT)", "\x81\x0a\xa1\x07"),
        BAD("key 10 (KEY_TEXT)", "\x81\x0a\xa1\x00"),
        BAD("key 10 (KEY_TEXT)", "\x81\x0a\xa2\xc0\x80"),
        BAD("key 10 (KEY_TEXT)", "\x81\x0a\xa2\xc2\x9b"),
        BAD("key 10 (KEY_TEXT)", "\x81\x0a\xa3\xed\xa0\x80"),
        BAD("key 10 (KEY_TEXT)", "\x81\x0a\xa1\xff"),
        BAD("1 tensors described", "\x81\x08\x91\x94\x01\x91\x01\x04\x00"),
        BAD("key 8 (KEY_TENSORS)", "\x81\x08\x91\x94\x01\x91\xff\x04\x00"),
        BAD("key 8 (KEY_TENSORS)",
            "\x81\x08\x91\x94\x01\x99\x01\x01\x01\x01\x01\x01\x01\x01\x01\x04"
            "\x00"),
    };
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        message_t message;
        fault_t fault = {0};
        int result =
            s_decode_map(maps[i].bytes, maps[i].size, &message, &fault);
        if (result == 0 || !strstr(fault.text, maps[i].why))
            fail_msg("map %zu: \"%s\" instead of \"%s\"", i, fault.text,
                     maps[i].why);
    }
}

static void
keys_from_64_on_are_ignored_whatever_they_hold(void **state)
{
    (void)state;
    const char map[] = "\x83\x40\x81\xa1\x61\xcb\x3f\xf0\x00\x00\x00\x00\x00"
                       "\x00\x0c\x05\xcd\xff\xff\xc0";
    message_t message;
    fault_t fault;
    assert_ok(s_decode_map(map, sizeof map - 1, &message, &fault), &fault);
    assert_true(message.present == key_bit(KEY_SEQ));
    assert_int_equal(message.seq, 5);
}

static void
tensors_whose_bytes_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct {
        tensor_header_t tensor;
        const char *why;
    } cases[] = {
        {{DTYPE_FLOAT32, {1, {3}}, 11, 0}, "do not fit"},
        {{DTYPE_FLOAT32, {1, {3}}, 13, 0}, "do not fit"},
        {{DTYPE_FLOAT32, {2, {INT64_MAX, 4}}, 16, 0}, "do not fit"},
        {{DTYPE_FLOAT32, {2, {INT64_MAX, 0}}, 4, 0}, "do not fit"},
        {{DTYPE_FLOAT32, {1, {INT64_MAX}}, UINT64_MAX - 3, 0}, "do not fit"},
        {{4, {1, {3}}, 12, 0}, "unknown dtype 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        message_t message;
        fault_t fault = {0};
        uint8_t bytes[PROTO_HEADER_MAX];
        message_init(&message, MESSAGE_SUBMIT);
        message.tensors[0] = cases[i].tensor;
        message.tensors_count = message.frames_count = 1;
        message.present = key_bit(KEY_TENSORS);
        size_t size = message_encode(&message, bytes, &fault);
        assert_int_equal(message_decode(&message, bytes, size, &fault), -1);
        if (!strstr(fault.text, cases[i].why))
            fail_msg("case %zu: %s", i, fault.text);
    }
}

static void
a_header_over_4_kib_is_not_encoded(void **state)
{
    (void)state;
    message_t message;
    fault_t fault;
    uint8_t bytes[PROTO_HEADER_MAX];
    message_init(&message, MESSAGE_HELLO);
    message.endpoints_count = PROTO_ENDPOINTS_MAX;
    for (int i = 0; i < PROTO_ENDPOINTS_MAX; i++) {
        memset(message.endpoints[i], 'x', PROTO_TEXT_MAX);
        message.endpoints[i][PROTO_TEXT_MAX] = '\0';
    }
    message.path_count = PROTO_PARTS_MAX;
    memset(message.path, 0, sizeof message.path);
    for (int i = 0; i < PROTO_PARTS_MAX; i++) {
        memset(message.path[i].name, 'y', PROTO_NAME_MAX);
        message.path[i].queue_us = message.path[i].exec_us = UINT32_MAX;
        message.path[i].attempt = message.path[i].part = UINT16_MAX;
    }
    memset(message.text, 'z', PROTO_TEXT_MAX);
    message.text[PROTO_TEXT_MAX] = '\0';
    message.present =
        key_bit(KEY_ENDPOINTS) | key_bit(KEY_PATH) | key_bit(KEY_TEXT);
    assert_int_equal(message_encode(&message, bytes, &fault), 0);
    assert_int_equal(fault.code, FAULT_TOO_LARGE);
    message.present = key_bit(KEY_ENDPOINTS);
    assert_true(message_encode(&message, bytes, &fault) > 2048);
}

static void
damaged_headers_are_refused_or_read_the_same_again(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    message_t message, again;
    fault_t fault;
    uint8_t good[PROTO_HEADER_MAX], bytes[PROTO_HEADER_MAX];
    s_fill(&message, MESSAGE_RESULT, 4);
    size_t size = message_encode(&message, good, &fault);
    for (int round = 0; round < 100000; round++) {
        memcpy(bytes, good, size);
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        for (unsigned hit = 0; hit <= random % 3; hit++)
            bytes[(random >> (8 + 16 * hit)) % size] =
                (uint8_t)(random >> (3 + 9 * hit));
        if (message_decode(&message, bytes, size, &fault)) {
            assert_int_not_equal(fault.text[0], '\0');
            continue;
        }
        uint8_t encoded[PROTO_HEADER_MAX];
        size_t length = message_encode(&message, encoded, &fault);
        assert_ok(message_decode(&again, encoded, length, &fault), &fault);
        s_assert_same(&message, &again);
    }
}

static void
required_keys_depend_on_type_and_sender(void **state)
{
    (void)state;
    assert_true(message_required(MESSAGE_SUBMIT, ROLE_CLIENT) &
                key_bit(KEY_TENSORS));
    assert_true(message_required(MESSAGE_SUBMIT, ROLE_WORKER) == 0);
    assert_true(message_required(MESSAGE_HELLO, ROLE_WORKER) &
                key_bit(KEY_NAME));
    assert_false(message_required(MESSAGE_HELLO, ROLE_CLIENT) &
                 key_bit(KEY_NAME));
    assert_true(message_required(0x42, ROLE_CLIENT) == 0);
    assert_true(message_required(0x1000, ROLE_NONE) == 0);
}

static void
a_job_id_is_32_hex_digits(void **state)
{
    (void)state;
    job_id_t id = {{0x00, 0x01, 0xfe, 0xff}};
    char text[33];
    assert_string_equal(job_id_text(&id, text),
                        "0001feff000000000000000000000000");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_survives_the_way_there_and_back),
        cmocka_unit_test(each_key_survives_alone),
        cmocka_unit_test(all_types_but_the_known_ones_are_refused),
        cmocka_unit_test(another_major_version_is_told_apart),
        cmocka_unit_test(a_header_cut_anywhere_is_refused),
        cmocka_unit_test(maps_that_break_a_rule_are_refused_with_the_reason),
        cmocka_unit_test(keys_from_64_on_are_ignored_whatever_they_hold),
        cmocka_unit_test(tensors_whose_bytes_do_not_fit_are_refused),
        cmocka_unit_test(a_header_over_4_kib_is_not_encoded),
        cmocka_unit_test(damaged_headers_are_refused_or_read_the_same_again),
        cmocka_unit_test(required_keys_depend_on_type_and_sender),
        cmocka_unit_test(a_job_id_is_32_hex_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
