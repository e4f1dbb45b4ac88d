/* The tasks of a worker, with made-up jobs and a made-up clock. */
#include "tests/support/tests.h"

#include "worker/backlog.h"

static task_t *
s_task(uint8_t id, uint16_t attempt, uint32_t remaining_ms)
{
    message_t message;
    message_init(&message, MESSAGE_JOB);
    message.job.bytes[15] = id;
    message.attempt = attempt;
    message.remaining_ms = remaining_ms;
    payload_t *payload = NULL;
    fault_t fault;
    task_t *task = task_new(&message, &payload, 0, &fault);
    assert_non_null(task);
    return task;
}

static backlog_t *
s_backlog(void)
{
    static backlog_t backlog;
    backlog_init(&backlog);
    return &backlog;
}

static void
a_batch_takes_what_waits_in_order(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    task_t *tasks[5], *batch[BATCH_MAX];
    for (uint8_t i = 0; i < 5; i++) {
        tasks[i] = s_task(i, 1, 1000);
        assert_true(backlog_add(backlog, tasks[i]));
    }
    assert_int_equal(backlog_start(backlog, 3, batch), 3);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(batch[i], tasks[i]);
    assert_int_equal(backlog_waiting(backlog), 2);
    assert_int_equal(backlog_start(backlog, 3, batch), 0);
    for (int i = 0; i < 3; i++)
        backlog_finish(backlog, tasks[i], 5);
    assert_int_equal(backlog_start(backlog, 3, batch), 2);
    backlog_release(backlog);
}

static void
a_job_on_its_second_attempt_runs_alone_and_is_current(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    task_t *batch[BATCH_MAX];
    backlog_add(backlog, s_task(1, 1, 1000));
    backlog_add(backlog, s_task(2, 1, 1000));
    backlog_add(backlog, s_task(3, 2, 1000));
    backlog_add(backlog, s_task(4, 1, 1000));
    assert_int_equal(backlog_start(backlog, 8, batch), 2);
    assert_null(backlog_current(backlog));
    backlog_finish(backlog, batch[0], 0);
    backlog_finish(backlog, batch[1], 0);
    assert_int_equal(backlog_start(backlog, 8, batch), 1);
    assert_int_equal(batch[0]->job.bytes[15], 3);
    assert_ptr_equal(backlog_current(backlog), batch[0]);
    backlog_release(backlog);
}

static void
a_late_job_is_answered_with_deadline_and_never_started(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    task_t *batch[BATCH_MAX];
    backlog_add(backlog, s_task(1, 1, 50));
    backlog_add(backlog, s_task(2, 1, 500));
    assert_int_equal(backlog_due(backlog), 50);
    backlog_fail_late(backlog, 49);
    assert_null(backlog_finished(backlog));
    backlog_fail_late(backlog, 50);
    task_t *late = backlog_finished(backlog);
    assert_int_equal(late->job.bytes[15], 1);
    assert_int_equal(late->fault.code, FAULT_DEADLINE);
    assert_int_equal(backlog_start(backlog, 8, batch), 1);
    assert_int_equal(batch[0]->job.bytes[15], 2);
    backlog_release(backlog);
}

static void
cancel_drops_a_waiting_job_and_the_result_of_a_running_one(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    task_t *batch[BATCH_MAX];
    backlog_add(backlog, s_task(1, 1, 1000));
    assert_int_equal(backlog_start(backlog, 8, batch), 1);
    backlog_add(backlog, s_task(2, 1, 1000));
    job_id_t job = {{0}};
    job.bytes[15] = 2;
    assert_false(backlog_cancel(backlog, &job, 7));
    assert_true(backlog_cancel(backlog, &job, 1));
    assert_int_equal(backlog_waiting(backlog), 0);
    job.bytes[15] = 1;
    assert_true(backlog_cancel(backlog, &job, 0));
    assert_int_equal(backlog_running(backlog), 1);
    backlog_finish(backlog, batch[0], 0);
    assert_null(backlog_finished(backlog));
    assert_int_equal(backlog->count, 0);
}

static void
a_lost_session_leaves_running_and_finished_jobs_to_announce(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    task_t *batch[BATCH_MAX];
    backlog_add(backlog, s_task(1, 1, 1000));
    backlog_add(backlog, s_task(2, 1, 1000));
    assert_int_equal(backlog_start(backlog, 2, batch), 2);
    backlog_add(backlog, s_task(3, 1, 1000));
    backlog_finish(backlog, batch[0], 10);
    assert_int_equal(backlog_charged(backlog), 3);
    backlog_lost(backlog);
    assert_int_equal(backlog->count, 2);
    assert_int_equal(backlog_charged(backlog), 1);

    message_t hello;
    message_init(&hello, MESSAGE_HELLO);
    backlog_held(backlog, 4, &hello);
    assert_int_equal(hello.held_count, 2);
    assert_int_equal(hello.held[0].part, 4);
    assert_int_equal(hello.held[1].job.bytes[15], 2);
    backlog_release(backlog);
}

static void
a_held_result_is_dropped_after_thirty_seconds(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    task_t *batch[BATCH_MAX];
    backlog_add(backlog, s_task(1, 1, 1000));
    assert_int_equal(backlog_start(backlog, 1, batch), 1);
    backlog_lost(backlog);
    backlog_finish(backlog, batch[0], 500);
    assert_int_equal(backlog_due(backlog), 500 + BACKLOG_HELD_MS);
    backlog_expire(backlog, 499 + BACKLOG_HELD_MS);
    assert_non_null(backlog_finished(backlog));
    backlog_expire(backlog, 500 + BACKLOG_HELD_MS);
    assert_null(backlog_finished(backlog));
}

static void
a_forgotten_part_takes_its_results_along(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    task_t *batch[BATCH_MAX];
    backlog_add(backlog, s_task(1, 1, 1000));
    assert_int_equal(backlog_start(backlog, 1, batch), 1);
    backlog_forget(backlog); /* of this session: it is still to be answered */
    backlog_lost(backlog);
    backlog_add(backlog, s_task(2, 1, 1000));
    backlog_forget(backlog);
    assert_int_equal(backlog_waiting(backlog), 1);
    backlog_finish(backlog, batch[0], 1);
    assert_null(backlog_finished(backlog));
    assert_int_equal(backlog->count, 1);
    backlog_release(backlog);
}

static void
a_peer_that_ignores_its_credit_finds_no_room(void **state)
{
    (void)state;
    backlog_t *backlog = s_backlog();
    for (int i = 0; i < BACKLOG_TASKS_MAX; i++)
        assert_true(backlog_add(backlog, s_task((uint8_t)i, 1, 1000)));
    task_t *surplus = s_task(0, 1, 1000);
    assert_false(backlog_add(backlog, surplus));
    task_destroy(&surplus);
    backlog_release(backlog);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_takes_what_waits_in_order),
        cmocka_unit_test(a_job_on_its_second_attempt_runs_alone_and_is_current),
        cmocka_unit_test(
            a_late_job_is_answered_with_deadline_and_never_started),
        cmocka_unit_test(
            cancel_drops_a_waiting_job_and_the_result_of_a_running_one),
        cmocka_unit_test(
            a_lost_session_leaves_running_and_finished_jobs_to_announce),
        cmocka_unit_test(a_held_result_is_dropped_after_thirty_seconds),
        cmocka_unit_test(a_forgotten_part_takes_its_results_along),
        cmocka_unit_test(a_peer_that_ignores_its_credit_finds_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
