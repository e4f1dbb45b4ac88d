/* The window of FETCH requests. */
#include "tests/support/tests.h"

#include "worker/fetch.h"

enum { MIB = 1 << 20 };

static message_t
s_chunk(uint64_t offset, uint64_t total)
{
    message_t message;
    message_init(&message, MESSAGE_CHUNK);
    message.offset = offset;
    message.total = total;
    return message;
}

static void
a_window_of_requests_goes_out_at_once(void **state)
{
    (void)state;
    fetch_t fetch;
    digest_t digest = {{1}};
    fetch_init(&fetch, &digest, 10 * MIB + 5, 0);
    uint64_t offset;
    for (uint64_t i = 0; i < FETCH_WINDOW; i++) {
        assert_true(fetch_wants(&fetch, &offset));
        assert_int_equal(offset, i * MIB);
        fetch_asked(&fetch);
    }
    assert_false(fetch_wants(&fetch, &offset));

    message_t chunk = s_chunk(0, 10 * MIB + 5);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, NULL), 1);
    assert_true(fetch_wants(&fetch, &offset));
    assert_int_equal(offset, FETCH_WINDOW * MIB);
}

static void
the_last_chunk_is_as_short_as_the_rest(void **state)
{
    (void)state;
    fetch_t fetch;
    digest_t digest = {{1}};
    fetch_init(&fetch, &digest, MIB + 5, 0);
    fetch_asked(&fetch);
    fetch_asked(&fetch);
    uint64_t offset;
    assert_false(fetch_wants(&fetch, &offset));

    message_t chunk = s_chunk(0, MIB + 5);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, NULL), 1);
    assert_false(fetch_done(&fetch));
    chunk = s_chunk(MIB, MIB + 5);
    fault_t fault;
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, &fault), -1);
    assert_int_equal(fault.code, FAULT_BAD_FRAME);
    assert_int_equal(fetch_chunk(&fetch, &chunk, 5, 1, NULL), 1);
    assert_true(fetch_done(&fetch));
}

static void
a_chunk_nobody_asked_for_is_refused(void **state)
{
    (void)state;
    fetch_t fetch;
    digest_t digest = {{1}};
    fault_t fault;
    fetch_init(&fetch, &digest, 3 * MIB, 0);
    message_t chunk = s_chunk(0, 3 * MIB);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, &fault), -1);
    fetch_asked(&fetch);
    chunk = s_chunk(MIB, 3 * MIB);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, &fault), -1);
    chunk = s_chunk(0, 4 * MIB);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, &fault), -1);
    assert_int_equal(fault.code, FAULT_BAD_FRAME);
}

static void
a_late_double_is_dropped(void **state)
{
    (void)state;
    fetch_t fetch;
    digest_t digest = {{1}};
    fetch_init(&fetch, &digest, 2 * MIB, 0);
    fetch_asked(&fetch);
    message_t chunk = s_chunk(0, 2 * MIB);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, NULL), 1);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, NULL), 0);
}

static void
a_new_session_asks_again_for_what_was_in_flight(void **state)
{
    (void)state;
    fetch_t fetch;
    digest_t digest = {{1}};
    fetch_init(&fetch, &digest, 5 * MIB, 0);
    fetch_asked(&fetch);
    fetch_asked(&fetch);
    message_t chunk = s_chunk(0, 5 * MIB);
    assert_int_equal(fetch_chunk(&fetch, &chunk, MIB, 1, NULL), 1);
    fetch_resume(&fetch, 2);
    uint64_t offset;
    assert_true(fetch_wants(&fetch, &offset));
    assert_int_equal(offset, MIB);
}

static void
unanswered_requests_stall_after_ten_seconds(void **state)
{
    (void)state;
    fetch_t fetch;
    digest_t digest = {{1}};
    fetch_init(&fetch, &digest, 5 * MIB, 100);
    assert_false(fetch_stalled(&fetch, 100 + FETCH_STALL_MS));
    fetch_asked(&fetch);
    assert_false(fetch_stalled(&fetch, 99 + FETCH_STALL_MS));
    assert_true(fetch_stalled(&fetch, 100 + FETCH_STALL_MS));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_of_requests_goes_out_at_once),
        cmocka_unit_test(the_last_chunk_is_as_short_as_the_rest),
        cmocka_unit_test(a_chunk_nobody_asked_for_is_refused),
        cmocka_unit_test(a_late_double_is_dropped),
        cmocka_unit_test(a_new_session_asks_again_for_what_was_in_flight),
        cmocka_unit_test(unanswered_requests_stall_after_ten_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
