/* The broker's core: sessions and the way of a job. */
#include "tests/support/tests.h"

#include "tests/support/desk.h"

static desk_t desk;

static int
s_setup(void **state)
{
    (void)state;
    desk_init(&desk, 2);
    desk_start(&desk);
    return 0;
}

static int
s_teardown(void **state)
{
    (void)state;
    desk_stop(&desk);
    return 0;
}

/* The next JOB to a worker; fails the test if there is none. */
static const desk_sent_t *
s_job(uint8_t worker)
{
    const desk_sent_t *sent =
        desk_next(&desk, SIDE_WORKERS, worker, MESSAGE_JOB);
    assert_non_null(sent);
    return sent;
}

static void
a_job_travels_through_both_parts(void **state)
{
    (void)state;
    desk_hello_client(&desk, 1);
    assert_non_null(desk_next(&desk, SIDE_CLIENTS, 1, MESSAGE_WELCOME));
    desk_join(&desk, 1, 0, 2);
    desk_join(&desk, 2, 1, 2);
    desk_submit(&desk, 1, 1, 1000);

    const desk_sent_t *job = s_job(1);
    assert_int_equal(job->value, 101);
    assert_int_equal(job->message.attempt, 1);
    assert_int_equal(job->message.part_index, 0);
    assert_int_equal(job->message.remaining_ms, 1000);
    desk_result(&desk, 1, desk_job(1, 1), 1, 0, 7);
    assert_int_equal(s_job(2)->value, 7);
    desk_result(&desk, 2, desk_job(1, 1), 1, 1, 8);

    const desk_sent_t *result =
        desk_next(&desk, SIDE_CLIENTS, 1, MESSAGE_RESULT);
    assert_non_null(result);
    assert_int_equal(result->value, 8);
    assert_int_equal(result->message.path_count, 2);
    assert_string_equal(result->message.path[0].name, "w1");
    assert_string_equal(result->message.path[1].name, "w2");
    assert_int_equal(result->message.path[1].exec_us, 500);
    assert_int_equal(desk_status(&desk).live, 0);
    assert_int_equal(desk_status(&desk).bytes_held, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_travels_through_both_parts,
                                        s_setup, s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
