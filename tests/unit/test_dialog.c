/* The client's session, with a made-up clock. */
#include "tests/support/tests.h"

#include <string.h>

#include "client/dialog.h"

static const uint8_t peer_id[16] = {1, 2, 3};

static message_t
s_welcome(uint64_t session)
{
    message_t message;
    message_init(&message, MESSAGE_WELCOME);
    message.session = session;
    message.boot_id = 7;
    message.heartbeat_ms = 1000;
    message.misses = 3;
    message.credit_total = 32;
    message.present = message_required(MESSAGE_WELCOME, ROLE_NONE) |
                      key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_MODEL_DIGEST);
    return message;
}

/* A dialog in its session 42 at time 1000. */
static void
s_active(dialog_t *dialog)
{
    dialog_init(dialog, peer_id, 99, 1000);
    assert_int_equal(dialog_tick(dialog, 1000), DUTY_OPEN);
    assert_int_equal(dialog_writable(dialog, 1000), DUTY_HELLO);
    message_t welcome = s_welcome(42);
    assert_int_equal(dialog_message(dialog, &welcome, 1000), DUTY_WELCOME);
    assert_int_equal(dialog->state, DIALOG_ACTIVE);
}

static message_t
s_result(uint64_t session)
{
    message_t message;
    message_init(&message, MESSAGE_RESULT);
    message.session = session;
    message.present = message_required(MESSAGE_RESULT, ROLE_NONE);
    return message;
}

static void
hello_names_role_and_peer(void **state)
{
    (void)state;
    dialog_t dialog;
    message_t hello;
    dialog_init(&dialog, peer_id, 99, 0);
    dialog_hello(&dialog, &hello);
    assert_true(
        message_has(&hello, message_required(MESSAGE_HELLO, ROLE_CLIENT)));
    assert_int_equal(hello.role, ROLE_CLIENT);
    assert_memory_equal(hello.peer_id, peer_id, sizeof peer_id);
}

static void
nothing_is_heard_before_welcome(void **state)
{
    (void)state;
    dialog_t dialog;
    message_t result = s_result(0);
    dialog_init(&dialog, peer_id, 99, 0);
    dialog_tick(&dialog, 0);
    assert_int_equal(dialog_message(&dialog, &result, 0), 0);
    dialog_writable(&dialog, 0);
    assert_int_equal(dialog_message(&dialog, &result, 0), 0);
    assert_int_equal(dialog.state, DIALOG_GREETING);
}

static void
messages_of_another_session_are_ignored(void **state)
{
    (void)state;
    dialog_t dialog;
    s_active(&dialog);
    message_t old = s_result(41), ours = s_result(42);
    assert_int_equal(dialog_message(&dialog, &old, 1001), 0);
    assert_int_equal(dialog_message(&dialog, &ours, 1001), DUTY_MESSAGE);
}

static void
messages_without_their_keys_are_ignored(void **state)
{
    (void)state;
    dialog_t dialog;
    s_active(&dialog);
    message_t result = s_result(42);
    result.present &= ~key_bit(KEY_JOB);
    assert_int_equal(dialog_message(&dialog, &result, 1001), 0);
    message_t submit;
    message_init(&submit, MESSAGE_SUBMIT);
    assert_int_equal(dialog_message(&dialog, &submit, 1001), 0);
}

static void
a_heartbeat_goes_out_when_nothing_else_did(void **state)
{
    (void)state;
    dialog_t dialog;
    message_t beat;
    s_active(&dialog);
    assert_int_equal(dialog_due(&dialog), 2000);
    assert_int_equal(dialog_tick(&dialog, 1999), 0);
    assert_int_equal(dialog_tick(&dialog, 2000), DUTY_HEARTBEAT);
    dialog_begin(&dialog, MESSAGE_HEARTBEAT, &beat);
    assert_int_equal(beat.session, 42);
    assert_int_equal(beat.seq, 1);
    dialog_sent(&dialog, 2000);
    dialog_sent(&dialog, 2500);
    assert_int_equal(dialog_tick(&dialog, 3000), 0);
    assert_int_equal(dialog_tick(&dialog, 3500), DUTY_HEARTBEAT);
}

static void
three_silent_intervals_cost_the_socket(void **state)
{
    (void)state;
    dialog_t dialog;
    s_active(&dialog);
    dialog_sent(&dialog, 3900);
    assert_int_equal(dialog_tick(&dialog, 4000), 0);
    assert_int_equal(dialog_tick(&dialog, 4001), DUTY_CLOSE);
    assert_int_equal(dialog.state, DIALOG_AWAY);
    int64_t wake = dialog_due(&dialog);
    assert_in_range(wake, 4001 + 125, 4001 + 250);
    assert_int_equal(dialog_tick(&dialog, wake - 1), 0);
    assert_int_equal(dialog_tick(&dialog, wake), DUTY_OPEN);
}

static void
any_message_is_a_sign_of_life(void **state)
{
    (void)state;
    dialog_t dialog;
    s_active(&dialog);
    message_t result = s_result(42);
    dialog_message(&dialog, &result, 3999);
    dialog_sent(&dialog, 6900);
    assert_int_equal(dialog_tick(&dialog, 6999), 0);
    assert_int_equal(dialog_tick(&dialog, 7000), DUTY_CLOSE);
}

static void
a_large_frame_under_way_is_not_silence(void **state)
{
    (void)state;
    dialog_t dialog;
    s_active(&dialog);
    dialog_expect(&dialog, 5000000);
    dialog_sent(&dialog, 8900);
    assert_int_equal(dialog_tick(&dialog, 9000), 0);
    assert_int_equal(dialog_tick(&dialog, 9001), DUTY_CLOSE);
}

static void
a_hello_without_answer_is_given_up(void **state)
{
    (void)state;
    dialog_t dialog;
    dialog_init(&dialog, peer_id, 99, 0);
    dialog_tick(&dialog, 0);
    dialog_writable(&dialog, 100);
    assert_int_equal(dialog_tick(&dialog, 3100), 0);
    assert_int_equal(dialog_tick(&dialog, 3101), DUTY_CLOSE);
}

static void
the_back_off_grows_to_eight_seconds_and_no_further(void **state)
{
    (void)state;
    dialog_t dialog;
    int64_t now = 0, longest = 0;
    dialog_init(&dialog, peer_id, 99, 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(dialog_tick(&dialog, now), DUTY_OPEN);
        dialog_writable(&dialog, now);
        now += DIALOG_WELCOME_MS_MAX + 1;
        assert_int_equal(dialog_tick(&dialog, now), DUTY_CLOSE);
        int64_t wait = dialog_due(&dialog) - now;
        assert_in_range(wait, DIALOG_BACKOFF_MS_MIN / 2, DIALOG_BACKOFF_MS_MAX);
        longest = wait > longest ? wait : longest;
        now = dialog_due(&dialog);
    }
    assert_true(longest > DIALOG_BACKOFF_MS_MAX / 2);
}

static void
rehello_leads_to_a_new_session(void **state)
{
    (void)state;
    dialog_t dialog;
    message_t message;
    s_active(&dialog);
    message_init(&message, MESSAGE_REHELLO);
    message.present = key_bit(KEY_BOOT_ID);
    assert_int_equal(dialog_message(&dialog, &message, 1500), DUTY_HELLO);
    message = s_welcome(43);
    assert_int_equal(dialog_message(&dialog, &message, 1600), DUTY_WELCOME);
    assert_int_equal(dialog.session, 43);
    /* A second WELCOME changes nothing. */
    message = s_welcome(44);
    assert_int_equal(dialog_message(&dialog, &message, 1700), 0);
    assert_int_equal(dialog.session, 43);
}

static void
refusals_end_it_or_wait(void **state)
{
    (void)state;
    const struct {
        message_type_t type;
        uint16_t code;
        unsigned duties;
    } cases[] = {
        {MESSAGE_REJECT, FAULT_REJECT_VERSION, DUTY_CLOSE | DUTY_FAIL},
        {MESSAGE_REJECT, FAULT_REJECT_AUTH, DUTY_CLOSE | DUTY_FAIL},
        {MESSAGE_REJECT, FAULT_REJECT_BANNED, DUTY_CLOSE | DUTY_FAIL},
        {MESSAGE_REJECT, 0, DUTY_CLOSE | DUTY_FAIL},
        {MESSAGE_REJECT, FAULT_REJECT_FULL, DUTY_CLOSE},
        {MESSAGE_REJECT, FAULT_REJECT_DRAINING, DUTY_CLOSE},
        {MESSAGE_BYE, FAULT_REJECT_BANNED, DUTY_CLOSE | DUTY_FAIL},
        {MESSAGE_BYE, FAULT_SHUTDOWN, DUTY_CLOSE},
        {MESSAGE_BYE, 0, DUTY_CLOSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dialog_t dialog;
        message_t message;
        dialog_init(&dialog, peer_id, 99, 0);
        dialog_tick(&dialog, 0);
        dialog_writable(&dialog, 0);
        message_init(&message, cases[i].type);
        message.code = cases[i].code;
        message.present = key_bit(KEY_CODE);
        assert_int_equal(dialog_message(&dialog, &message, 1), cases[i].duties);
        assert_int_not_equal(dialog.fault.code, FAULT_NONE);
        assert_int_not_equal(dialog.fault.text[0], '\0');
    }
}

static void
a_welcome_that_lacks_something_is_refused(void **state)
{
    (void)state;
    const struct {
        uint64_t without;
        uint16_t heartbeat_ms;
        uint64_t credit_total;
    } cases[] = {
        {key_bit(KEY_SESSION), 1000, 32},
        {key_bit(KEY_LIVENESS), 1000, 32},
        {key_bit(KEY_CREDIT_TOTAL), 1000, 32},
        {0, 1000, 0},
        {0, 49, 32},
        {0, 60001, 32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dialog_t dialog;
        dialog_init(&dialog, peer_id, 99, 0);
        dialog_tick(&dialog, 0);
        dialog_writable(&dialog, 0);
        message_t welcome = s_welcome(1);
        welcome.present &= ~cases[i].without;
        welcome.heartbeat_ms = cases[i].heartbeat_ms;
        welcome.credit_total = cases[i].credit_total;
        assert_int_equal(dialog_message(&dialog, &welcome, 1), DUTY_CLOSE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_names_role_and_peer),
        cmocka_unit_test(nothing_is_heard_before_welcome),
        cmocka_unit_test(messages_of_another_session_are_ignored),
        cmocka_unit_test(messages_without_their_keys_are_ignored),
        cmocka_unit_test(a_heartbeat_goes_out_when_nothing_else_did),
        cmocka_unit_test(three_silent_intervals_cost_the_socket),
        cmocka_unit_test(any_message_is_a_sign_of_life),
        cmocka_unit_test(a_large_frame_under_way_is_not_silence),
        cmocka_unit_test(a_hello_without_answer_is_given_up),
        cmocka_unit_test(the_back_off_grows_to_eight_seconds_and_no_further),
        cmocka_unit_test(rehello_leads_to_a_new_session),
        cmocka_unit_test(refusals_end_it_or_wait),
        cmocka_unit_test(a_welcome_that_lacks_something_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
