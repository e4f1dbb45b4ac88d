/* The broker's core: the way of a job, and what ends it. */
#include "tests/support/tests.h"

#include <string.h>

#include "tests/support/rig.h"

static rig_t rig;

/* One client, two parts, a worker each with room for two jobs. */
static int
s_setup(void **state)
{
    (void)state;
    rig_init(&rig, 2);
    rig_start(&rig);
    rig_hello_client(&rig, 1);
    rig_join(&rig, 1, 0, 2);
    rig_join(&rig, 2, 1, 2);
    return 0;
}

static int
s_teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static const rig_sent_t *
s_job(uint8_t worker)
{
    const rig_sent_t *sent = rig_next(&rig, SIDE_WORKERS, worker, MESSAGE_JOB);
    assert_non_null(sent);
    return sent;
}

static const message_t *
s_client_got(message_type_t type, uint16_t code)
{
    const rig_sent_t *sent = rig_next(&rig, SIDE_CLIENTS, 1, type);
    assert_non_null(sent);
    assert_int_equal(sent->message.code, code);
    return &sent->message;
}

static void
s_current(uint8_t worker, job_id_t id, uint16_t attempt)
{
    message_t *message = rig_message(&rig, MESSAGE_HEARTBEAT);
    message->seq = 1;
    message->job = id;
    message->attempt = attempt;
    message->present |=
        key_bit(KEY_SEQ) | key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT);
    rig_receive(&rig, SIDE_WORKERS, worker, 0);
}

static void
s_gone(uint8_t worker)
{
    peer_t peer = {1, {worker}};
    core_gone(rig.core, SIDE_WORKERS, &peer, rig.now_us);
}

static void
a_job_travels_through_both_parts(void **state)
{
    (void)state;
    rig_submit(&rig, 1, 1, 1000);
    const rig_sent_t *job = s_job(1);
    assert_int_equal(job->value, 101);
    assert_int_equal(job->message.attempt, 1);
    assert_int_equal(job->message.part_index, 0);
    assert_int_equal(job->message.remaining_ms, 1000);
    rig_result(&rig, 1, rig_job(1, 1), 1, 0, 7);
    assert_int_equal(s_job(2)->value, 7);
    rig_result(&rig, 2, rig_job(1, 1), 1, 1, 8);

    const rig_sent_t *result = rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_RESULT);
    assert_non_null(result);
    assert_int_equal(result->value, 8);
    assert_int_equal(result->message.path_count, 2);
    assert_string_equal(result->message.path[0].name, "w1");
    assert_string_equal(result->message.path[1].name, "w2");
    assert_int_equal(result->message.path[1].exec_us, 500);
    assert_int_equal(rig_status(&rig).live, 0);
    assert_int_equal(rig_status(&rig).bytes_held, 0);
}

static void
a_worker_gets_no_more_than_its_credit(void **state)
{
    (void)state;
    for (uint8_t i = 1; i <= 3; i++)
        rig_submit(&rig, 1, i, 1000);
    s_job(1);
    s_job(1);
    assert_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_JOB));
    rig_credit(&rig, 1, 2); /* a repeat is harmless */
    assert_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_JOB));
    rig_credit(&rig, 1, 3);
    assert_int_equal(s_job(1)->value, 103);
}

static void
a_failed_attempt_goes_to_another_worker(void **state)
{
    (void)state;
    rig_join(&rig, 3, 0, 2);
    rig_submit(&rig, 1, 1, 1000);
    s_job(1);
    rig_error(&rig, 1, rig_job(1, 1), 1, FAULT_INTERNAL);
    const rig_sent_t *job = s_job(3);
    assert_int_equal(job->message.attempt, 2);
    assert_int_equal(job->value, 101);
}

static void
the_third_failure_is_the_last(void **state)
{
    (void)state;
    rig_credit(&rig, 1, 9);
    rig_submit(&rig, 1, 1, 5000);
    for (uint16_t attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(s_job(1)->message.attempt, attempt);
        rig_error(&rig, 1, rig_job(1, 1), attempt, FAULT_OOM);
        rig_wait_ms(&rig, 150);
    }
    const message_t *error = s_client_got(MESSAGE_ERROR, FAULT_ATTEMPTS);
    assert_string_equal(error->text,
                        "3 attempts at part 0 failed, the last: it went wrong");
    assert_int_equal(error->part_index, 0);
}

static void
a_permanent_error_ends_the_job_at_once(void **state)
{
    (void)state;
    rig_submit(&rig, 1, 1, 1000);
    rig_error(&rig, 1, rig_job(1, 1), 1, FAULT_BAD_VALUE);
    assert_string_equal(s_client_got(MESSAGE_ERROR, FAULT_BAD_VALUE)->text,
                        "it went wrong");
}

static void
a_crash_is_noticed_by_the_next_heartbeat(void **state)
{
    (void)state;
    rig_join(&rig, 3, 0, 2);
    rig_submit(&rig, 1, 1, 10000);
    s_job(1);
    rig.answer[SIDE_WORKERS][1] = SENT_GONE;
    rig_wait_ms(&rig, 1100);
    assert_int_equal(s_job(3)->message.attempt, 2);
    assert_int_equal(rig_status(&rig).workers, 2);
}

static void
a_silent_worker_is_lost_within_four_seconds(void **state)
{
    (void)state;
    rig_submit(&rig, 1, 1, 10000);
    rig_wait_ms(&rig, 4000);
    assert_int_equal(rig_status(&rig).workers, 0);
    assert_int_equal(rig_status(&rig).leased, 0);
    assert_int_equal(rig_status(&rig).queued, 1);
}

static void
two_deaths_over_one_job_make_it_poison(void **state)
{
    (void)state;
    rig_join(&rig, 3, 0, 2);
    rig_submit(&rig, 1, 1, 20000);
    s_current(1, rig_job(1, 1), 1);
    s_gone(1);
    s_job(3);
    s_current(3, rig_job(1, 1), 2);
    s_gone(3);
    assert_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_ERROR));
    rig_wait_ms(&rig, 3000);
    s_client_got(MESSAGE_ERROR, FAULT_POISON);
}

static void
prefetched_jobs_and_lost_links_are_not_deaths(void **state)
{
    (void)state;
    for (uint8_t worker = 3; worker < 6; worker++) {
        rig_submit(&rig, 1, worker, 20000);
        s_gone(worker == 3 ? 1 : worker - 1);
        rig_join(&rig, worker, 0, 3);
    }
    /* Each job was dropped by some workers that never began it. */
    rig_wait_ms(&rig, 3000);
    assert_null(rig_next(&rig, SIDE_CLIENTS, 1, MESSAGE_ERROR));
    assert_int_equal(rig_status(&rig).live, 3);
}

static void
a_worker_that_returns_keeps_what_it_holds(void **state)
{
    (void)state;
    rig_submit(&rig, 1, 1, 20000);
    s_current(1, rig_job(1, 1), 1);
    s_gone(1);
    assert_int_equal(rig_status(&rig).leased, 0);
    message_t *message = rig_message(&rig, MESSAGE_HELLO);
    message->role = ROLE_WORKER;
    message->peer_id[0] = 16;
    message->part_digest = rig.parts[0].digest;
    strcpy(message->name, "w1");
    message->held_count = 1;
    message->held[0] = (held_job_t){rig_job(1, 1), 0, 1};
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PEER_ID) |
                        key_bit(KEY_PART) | key_bit(KEY_PART_DIGEST) |
                        key_bit(KEY_NAME) | key_bit(KEY_HELD);
    rig_receive(&rig, SIDE_WORKERS, 9, 0);
    assert_int_equal(rig_status(&rig).leased, 1);
    assert_int_equal(rig_status(&rig).counters.adopted, 1);
    message = rig_message(&rig, MESSAGE_CREDIT);
    message->part_digest = rig.parts[0].digest;
    message->credit_total = 1;
    message->present |= key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_PART_DIGEST);
    rig_receive(&rig, SIDE_WORKERS, 9, 0);
    rig_result(&rig, 9, rig_job(1, 1), 1, 0, 7);
    assert_int_equal(s_job(2)->value, 7);
}

static void
a_late_result_of_an_earlier_attempt_wins(void **state)
{
    (void)state;
    rig_join(&rig, 3, 0, 2);
    rig_submit(&rig, 1, 1, 60000);
    s_job(1);
    for (int second = 0; second < 31; second++) {
        s_current(1, rig_job(1, 1), 1);
        s_current(3, rig_job(1, 9), 1);
        s_current(2, rig_job(1, 9), 1);
        message_t *message = rig_message(&rig, MESSAGE_HEARTBEAT);
        message->present |= key_bit(KEY_SEQ);
        rig_receive(&rig, SIDE_CLIENTS, 1, 0);
        rig_wait_ms(&rig, 1000);
    }
    assert_non_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_CANCEL));
    assert_int_equal(s_job(3)->message.attempt, 2);
    rig_result(&rig, 1, rig_job(1, 1), 1, 0, 7);
    assert_int_equal(s_job(2)->value, 7);
    rig_result(&rig, 3, rig_job(1, 1), 2, 0, 7);
    assert_int_equal(rig_status(&rig).counters.late_used, 1);
    assert_int_equal(rig_status(&rig).counters.dup_dropped, 1);
}

static void
a_forged_result_changes_nothing(void **state)
{
    (void)state;
    rig_join(&rig, 3, 0, 2);
    rig_submit(&rig, 1, 1, 1000);
    s_job(1);
    rig_result(&rig, 3, rig_job(1, 1), 1, 0, 66);
    rig_result(&rig, 1, rig_job(1, 1), 2, 0, 66);
    assert_null(rig_next(&rig, SIDE_WORKERS, 2, MESSAGE_JOB));
    assert_int_equal(rig_status(&rig).leased, 1);
    assert_int_equal(rig_status(&rig).counters.strikes, 2);
}

static void
a_result_of_the_wrong_shape_is_an_attempt(void **state)
{
    (void)state;
    rig_join(&rig, 3, 0, 2);
    rig_submit(&rig, 1, 1, 1000);
    rig_result(&rig, 1, rig_job(1, 1), 1, 0, 0);
    assert_null(rig_next(&rig, SIDE_WORKERS, 3, MESSAGE_JOB));
    message_t *message = rig_message(&rig, MESSAGE_RESULT);
    message->job = rig_job(1, 1);
    message->attempt = 1;
    message->tensors_count = 2;
    message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                        key_bit(KEY_PART) | key_bit(KEY_TENSORS);
    rig_receive(&rig, SIDE_WORKERS, 1, 0);
    assert_int_equal(s_job(3)->message.attempt, 2);
}

static void
an_expired_job_is_never_started(void **state)
{
    (void)state;
    rig_submit(&rig, 1, 1, 9000);
    rig_submit(&rig, 1, 2, 9000);
    rig_submit(&rig, 1, 3, 50);
    s_job(1);
    s_job(1);
    rig.now_us += 60000; /* a broker that was held up: no tick in between */
    rig_credit(&rig, 1, 9);
    assert_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_JOB));
    s_client_got(MESSAGE_ERROR, FAULT_DEADLINE);
}

static void
a_deadline_ends_a_running_job(void **state)
{
    (void)state;
    rig_submit(&rig, 1, 1, 200);
    rig_wait_ms(&rig, 200);
    assert_non_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_CANCEL));
    assert_string_equal(s_client_got(MESSAGE_ERROR, FAULT_DEADLINE)->text,
                        "the deadline passed while worker w1 had part 0");
}

static void
a_job_waits_for_a_missing_part_until_its_deadline(void **state)
{
    (void)state;
    s_gone(2);
    rig_submit(&rig, 1, 1, 2000);
    rig_result(&rig, 1, rig_job(1, 1), 1, 0, 7);
    rig_wait_ms(&rig, 2000);
    assert_string_equal(s_client_got(MESSAGE_ERROR, FAULT_DEADLINE)->text,
                        "the deadline passed: part 1 has no worker");
}

static void
what_a_leaving_worker_hands_back_counts_no_attempt(void **state)
{
    (void)state;
    rig_submit(&rig, 1, 1, 9000);
    s_job(1);
    rig_message(&rig, MESSAGE_DRAIN);
    rig_receive(&rig, SIDE_WORKERS, 1, 0);
    rig_submit(&rig, 1, 2, 9000);
    assert_null(rig_next(&rig, SIDE_WORKERS, 1, MESSAGE_JOB));
    rig_message(&rig, MESSAGE_BYE);
    rig_receive(&rig, SIDE_WORKERS, 1, 0);
    rig_join(&rig, 3, 0, 2);
    assert_int_equal(s_job(3)->message.attempt, 1);
    s_job(3);
}

static void
the_oldest_job_goes_first_and_urgent_ones_four_to_one(void **state)
{
    (void)state;
    for (uint8_t i = 1; i <= 12; i++) {
        message_t *message = rig_message(&rig, MESSAGE_SUBMIT);
        message->job = rig_job(1, i);
        message->remaining_ms = 9000;
        message->priority = i > 6;
        message->present |= key_bit(KEY_JOB) | key_bit(KEY_REMAINING_MS) |
                            key_bit(KEY_PRIORITY);
        rig_receive(&rig, SIDE_CLIENTS, 1, 100u + i);
    }
    rig_credit(&rig, 1, 12);
    const uint32_t order[] = {101, 102, 107, 108, 109, 110,
                              103, 111, 112, 104, 105, 106};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        assert_int_equal(s_job(1)->value, order[i]);
}

static void
a_worker_whose_queue_is_full_is_tried_again(void **state)
{
    (void)state;
    rig.answer[SIDE_WORKERS][1] = SENT_FULL;
    rig_submit(&rig, 1, 1, 9000);
    assert_int_equal(rig_status(&rig).queued, 1);
    rig.answer[SIDE_WORKERS][1] = SENT_OK;
    rig_wait_ms(&rig, 20);
    assert_int_equal(s_job(1)->message.attempt, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_travels_through_both_parts),
        TEST(a_worker_gets_no_more_than_its_credit),
        TEST(a_failed_attempt_goes_to_another_worker),
        TEST(the_third_failure_is_the_last),
        TEST(a_permanent_error_ends_the_job_at_once),
        TEST(a_crash_is_noticed_by_the_next_heartbeat),
        TEST(a_silent_worker_is_lost_within_four_seconds),
        TEST(two_deaths_over_one_job_make_it_poison),
        TEST(prefetched_jobs_and_lost_links_are_not_deaths),
        TEST(a_worker_that_returns_keeps_what_it_holds),
        TEST(a_late_result_of_an_earlier_attempt_wins),
        TEST(a_forged_result_changes_nothing),
        TEST(a_result_of_the_wrong_shape_is_an_attempt),
        TEST(an_expired_job_is_never_started),
        TEST(a_deadline_ends_a_running_job),
        TEST(a_job_waits_for_a_missing_part_until_its_deadline),
        TEST(what_a_leaving_worker_hands_back_counts_no_attempt),
        TEST(the_oldest_job_goes_first_and_urgent_ones_four_to_one),
        TEST(a_worker_whose_queue_is_full_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
