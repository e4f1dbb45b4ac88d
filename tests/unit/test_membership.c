/* A worker's session with its broker: made-up frames, a made-up clock. */
#include "tests/support/tests.h"

#include <string.h>

#include "worker/membership.h"

enum { SESSION = 77 };

static membership_t
s_new(uint16_t part)
{
    membership_t self;
    const uint8_t peer_id[16] = {9};
    membership_init(&self, part, "one", peer_id, 42, 0);
    return self;
}

static message_t
s_welcome(uint16_t part, uint8_t digest)
{
    message_t message;
    message_init(&message, MESSAGE_WELCOME);
    message.session = SESSION;
    message.boot_id = 5;
    message.heartbeat_ms = 1000;
    message.misses = 3;
    message.part_index = part;
    message.part_count = 2;
    message.part_digest.bytes[0] = digest;
    message.total = 1000;
    message.present = key_bit(KEY_SESSION) | key_bit(KEY_BOOT_ID) |
                      key_bit(KEY_LIVENESS) | key_bit(KEY_LIMITS) |
                      key_bit(KEY_PART) | key_bit(KEY_PART_DIGEST) |
                      key_bit(KEY_TOTAL);
    return message;
}

static message_t
s_message(message_type_t type, uint64_t session)
{
    message_t message;
    message_init(&message, type);
    message.session = session;
    message.present = session ? key_bit(KEY_SESSION) : 0;
    return message;
}

static message_t
s_reject(fault_code_t code)
{
    message_t message = s_message(MESSAGE_REJECT, 0);
    message.code = (uint16_t)code;
    strcpy(message.text, "because");
    message.present |= key_bit(KEY_CODE) | key_bit(KEY_TEXT);
    return message;
}

static void
s_greet(membership_t *self, int64_t now)
{
    assert_int_equal(membership_tick(self, now), DUTY_OPEN);
    assert_int_equal(membership_writable(self, now), DUTY_HELLO);
    membership_greeted(self, now);
}

static membership_t
s_serving(void)
{
    membership_t self = s_new(0);
    s_greet(&self, 0);
    message_t welcome = s_welcome(0, 1);
    assert_int_equal(membership_frame(&self, &welcome, 0), DUTY_LOAD);
    membership_serves(&self);
    return self;
}

static void
hello_welcome_load_credit_lead_to_serving(void **state)
{
    (void)state;
    membership_t self = s_new(PROTO_PART_AUTO);
    assert_int_equal(membership_due(&self), 0);
    assert_int_equal(membership_tick(&self, 0), DUTY_OPEN);
    assert_int_equal(membership_due(&self), INT64_MAX);
    assert_int_equal(membership_writable(&self, 1), DUTY_HELLO);
    message_t hello;
    membership_hello(&self, &hello);
    uint64_t required = message_required(MESSAGE_HELLO, ROLE_WORKER);
    assert_true(message_has(&hello, required));
    assert_int_equal(hello.part_index, PROTO_PART_AUTO);
    membership_greeted(&self, 1);

    message_t welcome = s_welcome(1, 1);
    assert_int_equal(membership_frame(&self, &welcome, 2), DUTY_LOAD);
    assert_int_equal(self.state, MEMBERSHIP_LOADING);
    assert_int_equal(self.part, 1);
    membership_serves(&self);
    message_t job = s_message(MESSAGE_JOB, SESSION);
    assert_int_equal(membership_frame(&self, &job, 3), DUTY_JOB);
}

static void
frames_of_another_session_are_ignored(void **state)
{
    (void)state;
    membership_t self = s_serving();
    message_type_t types[] = {MESSAGE_JOB,   MESSAGE_CANCEL,  MESSAGE_DRAIN,
                              MESSAGE_CHUNK, MESSAGE_WELCOME, MESSAGE_BYE};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        message_t message = s_message(types[i], SESSION + 1);
        assert_int_equal(membership_frame(&self, &message, 5), 0);
    }
    assert_int_equal(self.heard_ms, 0);
    assert_int_equal(self.state, MEMBERSHIP_SERVING);
}

static void
no_job_is_taken_before_the_part_is_ready(void **state)
{
    (void)state;
    membership_t self = s_new(0);
    s_greet(&self, 0);
    message_t welcome = s_welcome(0, 1);
    membership_frame(&self, &welcome, 0);
    message_t job = s_message(MESSAGE_JOB, SESSION);
    assert_int_equal(membership_frame(&self, &job, 1), 0);
}

static void
a_heartbeat_goes_out_each_interval_unless_something_else_did(void **state)
{
    (void)state;
    membership_t self = s_serving();
    assert_int_equal(membership_due(&self), 900);
    membership_sent(&self, 500);
    message_t heartbeat = s_message(MESSAGE_HEARTBEAT, SESSION);
    assert_int_equal(membership_frame(&self, &heartbeat, 1000), 0);
    assert_int_equal(membership_tick(&self, 1399), 0);
    assert_int_equal(membership_tick(&self, 1400), DUTY_HEARTBEAT);
    message_t message;
    membership_begin(&self, MESSAGE_HEARTBEAT, &message);
    assert_int_equal(message.session, SESSION);
    assert_int_equal(message.seq, 1);
}

static void
a_heartbeat_that_cannot_be_sent_is_tried_again_in_a_while(void **state)
{
    (void)state;
    membership_t self = s_serving();
    assert_int_equal(membership_tick(&self, 900), DUTY_HEARTBEAT);
    assert_int_equal(membership_due(&self), 1000);
    assert_int_equal(membership_tick(&self, 999), 0);
    assert_int_equal(membership_tick(&self, 1000), DUTY_HEARTBEAT);
}

static void
a_broker_silent_for_three_intervals_is_left(void **state)
{
    (void)state;
    membership_t self = s_serving();
    for (int64_t now = 900; now < 3000; now += 900) {
        assert_int_equal(membership_tick(&self, now), DUTY_HEARTBEAT);
        membership_sent(&self, now);
    }
    assert_int_equal(membership_tick(&self, 3000), DUTY_LOST | DUTY_CLOSE);
    assert_int_equal(self.state, MEMBERSHIP_AWAY);
    assert_int_equal(self.fault.code, FAULT_NO_BROKER);
    int64_t due = membership_due(&self);
    assert_in_range(due, 3000, 3000 + MEMBERSHIP_BACKOFF_MS_MIN);
    assert_int_equal(membership_tick(&self, due), DUTY_OPEN);
}

static void
a_large_frame_under_way_is_not_silence(void **state)
{
    (void)state;
    membership_t self = s_serving();
    membership_expect(&self, 5 * 1000 * 1000);
    membership_sent(&self, 7999);
    assert_int_equal(membership_tick(&self, 7999), 0);
    assert_int_equal(membership_tick(&self, 8000), DUTY_LOST | DUTY_CLOSE);
}

static void
the_back_off_grows_to_eight_seconds_and_a_welcome_ends_it(void **state)
{
    (void)state;
    membership_t self = s_new(0);
    int64_t now = 0, longest = 0;
    for (int i = 0; i < 200; i++) {
        s_greet(&self, now);
        now = membership_due(&self);
        assert_int_equal(membership_tick(&self, now), DUTY_CLOSE);
        int64_t wait = membership_due(&self) - now;
        assert_in_range(wait, 0, MEMBERSHIP_BACKOFF_MS_MAX);
        if (i < 3)
            assert_in_range(wait, 0, MEMBERSHIP_BACKOFF_MS_MIN << i);
        if (wait > longest)
            longest = wait;
        now += wait;
    }
    assert_true(longest > MEMBERSHIP_BACKOFF_MS_MAX / 2);
    s_greet(&self, now);
    message_t welcome = s_welcome(0, 1);
    membership_frame(&self, &welcome, now);
    assert_int_equal(self.failures, 0);
}

static void
rehello_ends_the_session_and_greets_over_the_same_socket(void **state)
{
    (void)state;
    membership_t self = s_serving();
    message_t rehello = s_message(MESSAGE_REHELLO, 0);
    assert_int_equal(membership_frame(&self, &rehello, 10),
                     DUTY_LOST | DUTY_HELLO);
    membership_greeted(&self, 10);
    /* A second one that was under way when we greeted. */
    assert_int_equal(membership_frame(&self, &rehello, 11), 0);
    message_t welcome = s_welcome(0, 1);
    welcome.session = SESSION + 1;
    assert_int_equal(membership_frame(&self, &welcome, 12), DUTY_LOAD);
    assert_int_equal(self.session, SESSION + 1);
}

static void
a_welcome_in_the_running_session_switches_the_part(void **state)
{
    (void)state;
    membership_t self = s_serving();
    message_t welcome = s_welcome(0, 1);
    assert_int_equal(membership_frame(&self, &welcome, 10), 0);
    assert_int_equal(self.state, MEMBERSHIP_SERVING);
    welcome = s_welcome(0, 2);
    assert_int_equal(membership_frame(&self, &welcome, 11), DUTY_LOAD);
    assert_int_equal(self.state, MEMBERSHIP_LOADING);
}

static void
refusals_that_last_end_the_process(void **state)
{
    (void)state;
    const struct {
        fault_code_t code;
        int status;
    } rows[] = {
        {FAULT_REJECT_VERSION, 65},
        {FAULT_REJECT_PART, 65},
        {FAULT_REJECT_AUTH, 77},
        {FAULT_REJECT_BANNED, 77},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        membership_t self = s_new(0);
        s_greet(&self, 0);
        message_t reject = s_reject(rows[i].code);
        assert_int_equal(membership_frame(&self, &reject, 1),
                         DUTY_CLOSE | DUTY_EXIT);
        assert_int_equal(fault_exit_status(self.fault.code), rows[i].status);
        assert_non_null(strstr(self.fault.text, "because"));
        assert_int_equal(membership_due(&self), INT64_MAX);
    }
}

static void
a_full_or_draining_broker_is_tried_again(void **state)
{
    (void)state;
    fault_code_t codes[] = {FAULT_REJECT_FULL, FAULT_REJECT_DRAINING};
    for (size_t i = 0; i < 2; i++) {
        membership_t self = s_new(0);
        s_greet(&self, 0);
        message_t reject = s_reject(codes[i]);
        reject.retry_after_ms = 400;
        assert_int_equal(membership_frame(&self, &reject, 1), DUTY_CLOSE);
        assert_true(membership_due(&self) >= 401);
        s_greet(&self, membership_due(&self));
        reject.retry_after_ms = UINT32_MAX; /* 49 days */
        int64_t now = self.heard_ms;
        assert_int_equal(membership_frame(&self, &reject, now), DUTY_CLOSE);
        assert_true(membership_due(&self) <= now + 70000);
    }
}

static void
a_name_that_stays_taken_ends_the_process(void **state)
{
    (void)state;
    membership_t self = s_new(0);
    message_t reject = s_reject(FAULT_REJECT_FULL);
    reject.present |= key_bit(KEY_NAME);
    s_greet(&self, 0);
    assert_int_equal(membership_frame(&self, &reject, 100), DUTY_CLOSE);
    s_greet(&self, membership_due(&self));
    assert_int_equal(membership_frame(&self, &reject, 6099), DUTY_CLOSE);
    s_greet(&self, membership_due(&self));
    assert_int_equal(membership_frame(&self, &reject, 8000),
                     DUTY_CLOSE | DUTY_EXIT);
    assert_int_equal(fault_exit_status(self.fault.code), 75);
}

static void
bytes_that_are_no_longer_served_start_a_new_session(void **state)
{
    (void)state;
    membership_t self = s_new(0);
    s_greet(&self, 0);
    message_t welcome = s_welcome(0, 1);
    membership_frame(&self, &welcome, 1);
    message_t error = s_message(MESSAGE_ERROR, SESSION);
    error.code = FAULT_DIGEST;
    assert_int_equal(membership_frame(&self, &error, 2),
                     DUTY_LOST | DUTY_CLOSE);
}

static void
a_refused_digest_is_dropped_once_and_fatal_twice(void **state)
{
    (void)state;
    membership_t self = s_new(0);
    s_greet(&self, 0);
    message_t reject = s_reject(FAULT_REJECT_DIGEST);
    assert_int_equal(membership_frame(&self, &reject, 1),
                     DUTY_CLOSE | DUTY_FORGET);
    s_greet(&self, membership_due(&self));
    assert_int_equal(membership_frame(&self, &reject, 2000),
                     DUTY_CLOSE | DUTY_EXIT);
    assert_int_equal(fault_exit_status(self.fault.code), 65);
}

static void
auto_chooses_again_where_its_part_is_gone(void **state)
{
    (void)state;
    membership_t self = s_new(PROTO_PART_AUTO);
    s_greet(&self, 0);
    message_t welcome = s_welcome(3, 1);
    membership_frame(&self, &welcome, 0);
    message_t bye = s_message(MESSAGE_BYE, 0);
    assert_int_equal(membership_frame(&self, &bye, 1), DUTY_LOST | DUTY_CLOSE);
    s_greet(&self, membership_due(&self));
    assert_int_equal(self.part, 3);
    message_t reject = s_reject(FAULT_REJECT_PART);
    assert_int_equal(membership_frame(&self, &reject, 900), DUTY_CLOSE);
    assert_int_equal(self.part, PROTO_PART_AUTO);
    s_greet(&self, membership_due(&self));
    assert_int_equal(membership_frame(&self, &reject, 3000),
                     DUTY_CLOSE | DUTY_EXIT);
}

static void
drain_asks_to_leave_unless_the_broker_itself_goes(void **state)
{
    (void)state;
    membership_t self = s_serving();
    message_t drain = s_message(MESSAGE_DRAIN, SESSION);
    drain.code = FAULT_SHUTDOWN;
    drain.present |= key_bit(KEY_CODE);
    assert_int_equal(membership_frame(&self, &drain, 1), 0);
    drain = s_message(MESSAGE_DRAIN, SESSION);
    assert_int_equal(membership_frame(&self, &drain, 1), DUTY_DRAIN);
    membership_leave(&self);
    assert_int_equal(membership_frame(&self, &drain, 2), 0);
    assert_int_equal(self.state, MEMBERSHIP_LEAVING);
}

static void
a_session_lost_while_leaving_ends_the_process_cleanly(void **state)
{
    (void)state;
    membership_t self = s_serving();
    membership_leave(&self);
    message_t rehello = s_message(MESSAGE_REHELLO, 0);
    assert_int_equal(membership_frame(&self, &rehello, 1),
                     DUTY_LOST | DUTY_CLOSE | DUTY_EXIT);
    assert_int_equal(self.fault.code, FAULT_NONE);
}

static void
a_welcome_that_names_no_part_is_a_broken_broker(void **state)
{
    (void)state;
    membership_t self = s_new(0);
    s_greet(&self, 0);
    message_t welcome = s_welcome(0, 1);
    welcome.present &= ~key_bit(KEY_PART_DIGEST);
    assert_int_equal(membership_frame(&self, &welcome, 1), DUTY_CLOSE);
    assert_int_equal(self.state, MEMBERSHIP_AWAY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_welcome_load_credit_lead_to_serving),
        cmocka_unit_test(frames_of_another_session_are_ignored),
        cmocka_unit_test(no_job_is_taken_before_the_part_is_ready),
        cmocka_unit_test(
            a_heartbeat_goes_out_each_interval_unless_something_else_did),
        cmocka_unit_test(
            a_heartbeat_that_cannot_be_sent_is_tried_again_in_a_while),
        cmocka_unit_test(a_broker_silent_for_three_intervals_is_left),
        cmocka_unit_test(a_large_frame_under_way_is_not_silence),
        cmocka_unit_test(
            the_back_off_grows_to_eight_seconds_and_a_welcome_ends_it),
        cmocka_unit_test(
            rehello_ends_the_session_and_greets_over_the_same_socket),
        cmocka_unit_test(a_welcome_in_the_running_session_switches_the_part),
        cmocka_unit_test(refusals_that_last_end_the_process),
        cmocka_unit_test(a_full_or_draining_broker_is_tried_again),
        cmocka_unit_test(a_name_that_stays_taken_ends_the_process),
        cmocka_unit_test(bytes_that_are_no_longer_served_start_a_new_session),
        cmocka_unit_test(a_refused_digest_is_dropped_once_and_fatal_twice),
        cmocka_unit_test(auto_chooses_again_where_its_part_is_gone),
        cmocka_unit_test(drain_asks_to_leave_unless_the_broker_itself_goes),
        cmocka_unit_test(a_session_lost_while_leaving_ends_the_process_cleanly),
        cmocka_unit_test(a_welcome_that_names_no_part_is_a_broken_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
