/* The broker's core: sessions, clients' rights, draining. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/rig.h"

static rig_t rig;

static int
s_setup(void **state)
{
    (void)state;
    rig_init(&rig, 2);
    rig.config.window_jobs = 4;
    rig.config.memory_bytes = 6 * 4104;
    rig_start(&rig);
    return 0;
}

static int
s_teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void
s_refused(side_t side, uint8_t peer, message_type_t type, uint16_t code)
{
    const rig_sent_t *sent = rig_next(&rig, side, peer, type);
    assert_non_null(sent);
    assert_int_equal(sent->message.code, code);
}

static void
s_strangers_heartbeat(side_t side, uint8_t peer)
{
    message_t *message = rig_message(&rig, MESSAGE_HEARTBEAT);
    message->session = 1;
    message->present |= key_bit(KEY_SEQ) | key_bit(KEY_SESSION);
    rig_receive(&rig, side, peer, 0);
}

static void
a_worker_learns_its_part_in_the_handshake(void **state)
{
    (void)state;
    rig_hello_worker(&rig, 1, 1);
    const rig_sent_t *sent = rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_WELCOME);
    assert_non_null(sent);
    assert_int_equal(sent->message.part_index, 1);
    assert_int_equal(sent->message.part_digest.bytes[0], 2);
    assert_int_equal(sent->message.total, 1000);
    assert_int_equal(sent->message.heartbeat_ms, 1000);
}

static void
no_job_goes_to_a_worker_before_it_named_its_digest(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_hello_worker(&rig, 1, 0);
    rig_submit(&rig, 1, 1, 1000);
    rig_credit(&rig, 1, 5);
    assert_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_JOB));
    message_t *message = rig_message(&rig, MESSAGE_CREDIT);
    message->credit_total = 1;
    message->part_digest = rig.parts[1].digest;
    message->present |= key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_PART_DIGEST);
    rig_receive(&rig, SIDE_WORKERS, 1, 0);
    s_refused(SIDE_WORKERS, 1, MESSAGE_REJECT, FAULT_REJECT_DIGEST);
    assert_int_equal(rig_status(&rig).workers, 0);
}

static void
auto_workers_spread_over_the_parts(void **state)
{
    (void)state;
    uint16_t counts[2] = {0, 0};
    for (uint8_t peer = 1; peer <= 6; peer++) {
        rig_hello_worker(&rig, peer, PROTO_PART_AUTO);
        const rig_sent_t *sent =
            rig_next(&rig, SIDE_WORKERS, peer, MESSAGE_WELCOME);
        counts[sent->message.part_index]++;
    }
    assert_int_equal(counts[0], 3);
    assert_int_equal(counts[1], 3);
}

/* The part that the next automatic worker is given. */
static uint16_t
s_chosen(uint8_t peer)
{
    rig_hello_worker(&rig, peer, PROTO_PART_AUTO);
    const rig_sent_t *sent =
        rig_next(&rig, SIDE_WORKERS, peer, MESSAGE_WELCOME);
    assert_non_null(sent);
    return sent->message.part_index;
}

/* The plan thinks both parts alike, but part 1 takes four times as long. */
static void
what_was_measured_counts_once_every_part_was(void **state)
{
    (void)state;
    rig.exec_us[1] = 4 * rig.exec_us[0];
    rig_hello_client(&rig, 1);
    rig_join(&rig, 1, 0, 20);
    rig_join(&rig, 2, 1, 20);
    for (uint8_t i = 1; i <= 3; i++) {
        rig_submit(&rig, 1, i, 9000);
        rig_result(&rig, 1, rig_job(1, i), 1, 0, 7);
    }
    assert_int_equal(s_chosen(3), 0);
    assert_int_equal(s_chosen(4), 1);
    for (uint8_t i = 1; i <= 8; i++) {
        if (i > 3) {
            rig_submit(&rig, 1, i, 9000);
            rig_result(&rig, 1, rig_job(1, i), 1, 0, 7);
        }
        rig_result(&rig, 2, rig_job(1, i), 1, 1, 8);
    }
    for (uint8_t peer = 5; peer <= 8; peer++)
        assert_int_equal(s_chosen(peer), 1);
}

static void
refusals_say_why(void **state)
{
    (void)state;
    rig_hello_worker(&rig, 1, 7);
    s_refused(SIDE_WORKERS, 1, MESSAGE_REJECT, FAULT_REJECT_PART);
    rig_hello_worker(&rig, 1, 0);
    message_t *message = rig_message(&rig, MESSAGE_HELLO);
    message->role = ROLE_WORKER;
    message->peer_id[0] = 99;
    strcpy(message->name, "w1");
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PEER_ID) |
                        key_bit(KEY_NAME) | key_bit(KEY_PART);
    rig_receive(&rig, SIDE_WORKERS, 2, 0);
    s_refused(SIDE_WORKERS, 2, MESSAGE_REJECT, FAULT_REJECT_FULL);
    message->role = ROLE_CLIENT;
    rig_receive(&rig, SIDE_WORKERS, 3, 0);
    s_refused(SIDE_WORKERS, 3, MESSAGE_REJECT, FAULT_REJECT_AUTH);
    for (uint8_t peer = 1; peer <= 9; peer++)
        rig_hello_client(&rig, peer);
    s_refused(SIDE_CLIENTS, 9, MESSAGE_REJECT, FAULT_REJECT_FULL);
}

static void
a_second_hello_in_a_session_is_refused(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    uint64_t session = rig.sessions[SIDE_CLIENTS][1];
    rig_hello_client(&rig, 1);
    assert_true(rig.sessions[SIDE_CLIENTS][1] == session);
    assert_int_equal(rig_status(&rig).counters.strikes, 1);
}

static void
a_stranger_is_asked_for_hello_once_a_second(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        s_strangers_heartbeat(SIDE_CLIENTS, 1);
    assert_int_equal(rig_status(&rig).counters.rehello, 1);
    rig_wait_ms(&rig, 1000);
    s_strangers_heartbeat(SIDE_CLIENTS, 1);
    assert_int_equal(rig_status(&rig).counters.rehello, 2);
}

static void
three_broken_frames_end_in_a_ban(void **state)
{
    (void)state;
    fault_t fault;
    peer_t peer = {1, {1}};
    rig_hello_client(&rig, 1);
    fault_set(&fault, FAULT_BAD_FRAME, "nonsense");
    for (int i = 0; i < 3; i++)
        core_malformed(rig.core, SIDE_CLIENTS, &peer, &fault, rig.now_us);
    s_refused(SIDE_CLIENTS, 1, MESSAGE_ERROR, FAULT_BAD_FRAME);
    assert_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_ERROR));
    s_refused(SIDE_CLIENTS, 1, MESSAGE_BYE, FAULT_REJECT_BANNED);
    assert_int_equal(rig_status(&rig).clients, 0);
    rig_hello_client(&rig, 1);
    assert_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_WELCOME));
    rig_wait_ms(&rig, 30000);
    rig_hello_client(&rig, 1);
    assert_non_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_WELCOME));
}

static void
another_major_version_is_told_so(void **state)
{
    (void)state;
    fault_t fault;
    peer_t peer = {1, {1}};
    fault_set(&fault, FAULT_REJECT_VERSION, "version 2, not 1");
    core_malformed(rig.core, SIDE_CLIENTS, &peer, &fault, rig.now_us);
    s_refused(SIDE_CLIENTS, 1, MESSAGE_REJECT, FAULT_REJECT_VERSION);
}

static void
a_wrong_submission_hurts_only_itself(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    message_t *message = rig_message(&rig, MESSAGE_SUBMIT);
    message->job = rig_job(1, 1);
    message->remaining_ms = 1000;
    message->present |=
        key_bit(KEY_JOB) | key_bit(KEY_REMAINING_MS) | key_bit(KEY_TENSORS);
    rig_receive(&rig, SIDE_CLIENTS, 1, 0);
    s_refused(SIDE_CLIENTS, 1, MESSAGE_ERROR, FAULT_BAD_SHAPE);
    assert_int_equal(rig_status(&rig).counters.strikes, 0);
    assert_int_equal(rig_status(&rig).clients, 1);
}

static void
nobody_touches_the_job_of_another_client(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_hello_client(&rig, 2);
    rig_submit(&rig, 1, 1, 9000);
    message_t *message = rig_message(&rig, MESSAGE_CANCEL);
    message->job = rig_job(1, 1);
    message->present |= key_bit(KEY_JOB);
    rig_receive(&rig, SIDE_CLIENTS, 2, 0);
    s_refused(SIDE_CLIENTS, 2, MESSAGE_ERROR, FAULT_OWNER);
    assert_int_equal(rig_status(&rig).live, 1);
}

static void
window_and_memory_answer_busy(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_hello_client(&rig, 2);
    for (uint8_t i = 1; i <= 5; i++)
        rig_submit(&rig, 1, i, 9000);
    s_refused(SIDE_CLIENTS, 1, MESSAGE_BUSY, FAULT_BUSY_WINDOW);
    for (uint8_t i = 1; i <= 3; i++)
        rig_submit(&rig, 2, i, 9000);
    s_refused(SIDE_CLIENTS, 2, MESSAGE_BUSY, FAULT_BUSY_MEMORY);
    assert_int_equal(rig_status(&rig).bytes_held, 6 * 4104);
}

static void
busy_for_want_of_a_worker_only_after_ten_seconds(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_submit(&rig, 1, 1, 1000);
    rig_wait_ms(&rig, 10000);
    rig_hello_client(&rig, 2);
    rig_submit(&rig, 2, 1, 1000);
    const rig_sent_t *busy = rig_next(&rig, SIDE_CLIENTS, 2, MESSAGE_BUSY);
    assert_non_null(busy);
    assert_int_equal(busy->message.code, FAULT_BUSY_NO_WORKER);
    assert_true(message_has(&busy->message, key_bit(KEY_PART)));
    char text[64];
    snprintf(text, sizeof text, "part %u has no worker",
             busy->message.part_index);
    assert_string_equal(busy->message.text, text);
}

static void
a_busy_that_did_not_fit_is_sent_later(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    for (uint8_t i = 1; i <= 4; i++)
        rig_submit(&rig, 1, i, 9000);
    rig.answer[SIDE_CLIENTS][1] = SENT_FULL;
    rig_submit(&rig, 1, 5, 9000);
    rig_wait_ms(&rig, 50);
    rig.answer[SIDE_CLIENTS][1] = SENT_OK;
    rig_wait_ms(&rig, 20);
    s_refused(SIDE_CLIENTS, 1, MESSAGE_BUSY, FAULT_BUSY_WINDOW);
}

static void
an_outcome_follows_a_client_to_its_new_link(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_join(&rig, 1, 0, 2);
    rig_join(&rig, 2, 1, 2);
    rig_submit(&rig, 1, 1, 9000);
    rig_result(&rig, 1, rig_job(1, 1), 1, 0, 7);
    rig.answer[SIDE_CLIENTS][1] = SENT_GONE;
    rig_result(&rig, 2, rig_job(1, 1), 1, 1, 8);
    assert_int_equal(rig_status(&rig).live, 0);

    message_t *message = rig_message(&rig, MESSAGE_HELLO);
    message->role = ROLE_CLIENT;
    message->peer_id[0] = 16;
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PEER_ID);
    rig_receive(&rig, SIDE_CLIENTS, 5, 0);
    message = rig_message(&rig, MESSAGE_SUBMIT);
    message->job = rig_job(1, 1);
    message->remaining_ms = 8000;
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_REMAINING_MS);
    rig_receive(&rig, SIDE_CLIENTS, 5, 101);
    const rig_sent_t *result = rig_next(&rig, SIDE_CLIENTS, 5, MESSAGE_RESULT);
    assert_non_null(result);
    assert_int_equal(result->value, 8);
    assert_int_equal(result->message.path_count, 2);
    assert_int_equal(rig_status(&rig).counters.accepted, 1);
}

static void
an_ended_connection_is_found_in_a_moment(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_join(&rig, 1, 0, 1);
    rig_submit(&rig, 1, 1, 9000);
    assert_non_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_JOB));
    rig_join(&rig, 2, 0, 1);
    rig.answer[SIDE_WORKERS][1] = SENT_GONE;
    core_disturbed(rig.core, SIDE_WORKERS, rig.now_us);
    rig_wait_ms(&rig, 49);
    assert_null(rig_next(&rig, SIDE_WORKERS, 2, MESSAGE_JOB));
    core_disturbed(rig.core, SIDE_WORKERS, rig.now_us);
    rig_wait_ms(&rig, 1);
    assert_non_null(rig_next(&rig, SIDE_WORKERS, 2, MESSAGE_JOB));
    assert_int_equal(rig_status(&rig).workers, 1);
    assert_int_equal(rig_status(&rig).counters.sessions_lost, 1);
}

static void
an_orphan_is_given_up_after_ten_seconds(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_submit(&rig, 1, 1, 60000);
    peer_t peer = {1, {1}};
    core_gone(rig.core, SIDE_CLIENTS, &peer, rig.now_us);
    rig_wait_ms(&rig, 9999);
    assert_int_equal(rig_status(&rig).live, 1);
    rig_wait_ms(&rig, 1);
    assert_int_equal(rig_status(&rig).live, 0);
    assert_int_equal(rig_status(&rig).counters.orphaned, 1);
}

static void
cancel_ends_a_job_wherever_it_is(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_join(&rig, 1, 0, 1);
    rig_submit(&rig, 1, 1, 9000);
    rig_submit(&rig, 1, 2, 9000);
    for (uint8_t i = 1; i <= 2; i++) {
        message_t *message = rig_message(&rig, MESSAGE_CANCEL);
        message->job = rig_job(1, i);
        message->present |= key_bit(KEY_JOB);
        rig_receive(&rig, SIDE_CLIENTS, 1, 0);
        s_refused(SIDE_CLIENTS, 1, MESSAGE_ERROR, FAULT_CANCELLED);
    }
    rig.seen = 0;
    assert_non_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_CANCEL));
    assert_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_CANCEL));
    assert_int_equal(rig_status(&rig).live, 0);
}

static void
an_operator_drains_one_worker_by_name(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_join(&rig, 1, 0, 2);
    message_t *message = rig_message(&rig, MESSAGE_DRAIN);
    strcpy(message->name, "nobody");
    message->present |= key_bit(KEY_NAME);
    rig_receive(&rig, SIDE_CLIENTS, 1, 0);
    s_refused(SIDE_CLIENTS, 1, MESSAGE_ERROR, FAULT_NO_WORKER);
    strcpy(message->name, "w1");
    rig_receive(&rig, SIDE_CLIENTS, 1, 0);
    assert_non_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_DRAIN));
    assert_non_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_DRAIN));
    rig_submit(&rig, 1, 1, 9000);
    assert_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_JOB));
}

static void
a_worker_that_leaves_is_news_and_a_client_is_not(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_hello_client(&rig, 2);
    rig_join(&rig, 1, 0, 2);
    rig_join(&rig, 2, 1, 2);
    rig_submit(&rig, 1, 1, 9000);
    rig_join(&rig, 3, 0, 2);
    rig_join(&rig, 4, 1, 2);
    rig_message(&rig, MESSAGE_BYE);
    rig_receive(&rig, SIDE_WORKERS, 2, 0);
    assert_string_equal(rig.said, "worker w2 left part 1: it said goodbye");
    rig_message(&rig, MESSAGE_BYE);
    rig_receive(&rig, SIDE_CLIENTS, 2, 0);
    assert_string_equal(rig.said, "worker w2 left part 1: it said goodbye");
    peer_t peer = {1, {1}};
    core_gone(rig.core, SIDE_WORKERS, &peer, rig.now_us);
    assert_non_null(strstr(rig.said, "worker w1 left part 0: "));
    assert_non_null(strstr(rig.said, " (1 jobs to do again)"));
}

static void
a_part_without_a_worker_is_told_once(void **state)
{
    (void)state;
    rig_join(&rig, 1, 0, 2);
    assert_string_equal(rig.said, "worker w1 serves part 0");
    rig_join(&rig, 2, 0, 2);
    rig_join(&rig, 3, 1, 2);
    rig_message(&rig, MESSAGE_DRAIN);
    rig_receive(&rig, SIDE_WORKERS, 2, 0);
    assert_string_equal(rig.said, "worker w3 serves part 1");
    peer_t peer = {1, {1}};
    core_gone(rig.core, SIDE_WORKERS, &peer, rig.now_us);
    assert_string_equal(rig.said, "part 0 has no worker left");
    rig_message(&rig, MESSAGE_BYE);
    rig_receive(&rig, SIDE_WORKERS, 2, 0);
    assert_string_equal(rig.said, "worker w2 left part 0: it said goodbye");
    rig_join(&rig, 4, 0, 2);
    assert_string_equal(rig.said, "part 0 has a worker again");
    rig_join(&rig, 5, 0, 2);
    assert_string_equal(rig.said, "worker w5 serves part 0");
    rig_message(&rig, MESSAGE_DRAIN);
    rig_receive(&rig, SIDE_WORKERS, 3, 0);
    assert_string_equal(rig.said, "part 1 has no worker left");
}

static void
a_draining_broker_finishes_what_it_accepted(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_join(&rig, 1, 0, 2);
    rig_join(&rig, 2, 1, 2);
    rig_submit(&rig, 1, 1, 9000);
    core_drain(rig.core, rig.now_us);
    rig_submit(&rig, 1, 2, 9000);
    s_refused(SIDE_CLIENTS, 1, MESSAGE_BUSY, FAULT_BUSY_DRAINING);
    rig_result(&rig, 1, rig_job(1, 1), 1, 0, 7);
    assert_int_equal(core_phase(rig.core), CORE_DRAINING);
    rig_result(&rig, 2, rig_job(1, 1), 1, 1, 8);
    assert_int_equal(core_phase(rig.core), CORE_DRAINED);
    assert_non_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_RESULT));
    assert_non_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_BYE));
    assert_non_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_BYE));
}

static void
a_drain_that_takes_too_long_is_cut_short(void **state)
{
    (void)state;
    rig_hello_client(&rig, 1);
    rig_submit(&rig, 1, 1, 60000);
    core_drain(rig.core, rig.now_us);
    for (int i = 0; i < 30; i++) {
        message_t *message = rig_message(&rig, MESSAGE_HEARTBEAT);
        message->present |= key_bit(KEY_SEQ);
        rig_receive(&rig, SIDE_CLIENTS, 1, 0);
        rig_wait_ms(&rig, 1000);
    }
    s_refused(SIDE_CLIENTS, 1, MESSAGE_ERROR, FAULT_SHUTDOWN);
    assert_int_equal(core_phase(rig.core), CORE_CUT_SHORT);
}

static void
a_part_is_fetched_within_its_bounds(void **state)
{
    (void)state;
    rig_hello_worker(&rig, 1, 0);
    message_t *message = rig_message(&rig, MESSAGE_FETCH);
    message->part_digest = rig.parts[0].digest;
    message->offset = 0;
    message->present |= key_bit(KEY_PART_DIGEST) | key_bit(KEY_OFFSET);
    rig_receive(&rig, SIDE_WORKERS, 1, 0);
    assert_int_equal(rig.fetches, 1);
    assert_int_equal(rig.fetch_offset, 0);
    static const uint64_t wrong[] = {999, PROTO_CHUNK_MAX};
    for (size_t i = 0; i < 2; i++) {
        message->offset = wrong[i];
        rig_receive(&rig, SIDE_WORKERS, 1, 0);
        s_refused(SIDE_WORKERS, 1, MESSAGE_ERROR, FAULT_DIGEST);
        assert_int_equal(rig.fetches, 1);
    }
}

static void
a_session_is_known_until_it_ends(void **state)
{
    (void)state;
    rig_hello_worker(&rig, 1, 0);
    const peer_t peer = {.size = 1, .bytes = {1}};
    uint64_t first = rig.sessions[SIDE_WORKERS][1];
    assert_true(core_in_session(rig.core, SIDE_WORKERS, &peer, first));
    assert_false(core_in_session(rig.core, SIDE_CLIENTS, &peer, first));
    rig_message(&rig, MESSAGE_BYE);
    rig_receive(&rig, SIDE_WORKERS, 1, 0);
    assert_false(core_in_session(rig.core, SIDE_WORKERS, &peer, first));
    rig_hello_worker(&rig, 1, 0);
    assert_false(core_in_session(rig.core, SIDE_WORKERS, &peer, first));
}

static void
memory_for_less_than_one_job_is_a_config_error(void **state)
{
    (void)state;
    fault_t fault;
    core_host_t host = {0};
    core_config_t config = rig.config;
    config.memory_bytes = 4103;
    assert_null(core_new(&config, &host, 0, &fault));
    assert_int_equal(fault.code, FAULT_CONFIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_worker_learns_its_part_in_the_handshake),
        TEST(no_job_goes_to_a_worker_before_it_named_its_digest),
        TEST(auto_workers_spread_over_the_parts),
        TEST(what_was_measured_counts_once_every_part_was),
        TEST(refusals_say_why),
        TEST(a_second_hello_in_a_session_is_refused),
        TEST(a_stranger_is_asked_for_hello_once_a_second),
        TEST(three_broken_frames_end_in_a_ban),
        TEST(another_major_version_is_told_so),
        TEST(a_wrong_submission_hurts_only_itself),
        TEST(nobody_touches_the_job_of_another_client),
        TEST(window_and_memory_answer_busy),
        TEST(busy_for_want_of_a_worker_only_after_ten_seconds),
        TEST(a_busy_that_did_not_fit_is_sent_later),
        TEST(an_outcome_follows_a_client_to_its_new_link),
        TEST(an_ended_connection_is_found_in_a_moment),
        TEST(an_orphan_is_given_up_after_ten_seconds),
        TEST(cancel_ends_a_job_wherever_it_is),
        TEST(an_operator_drains_one_worker_by_name),
        TEST(a_worker_that_leaves_is_news_and_a_client_is_not),
        TEST(a_part_without_a_worker_is_told_once),
        TEST(a_draining_broker_finishes_what_it_accepted),
        TEST(a_drain_that_takes_too_long_is_cut_short),
        TEST(a_part_is_fetched_within_its_bounds),
        TEST(a_session_is_known_until_it_ends),
        TEST(memory_for_less_than_one_job_is_a_config_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
