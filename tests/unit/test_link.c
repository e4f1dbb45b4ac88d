/* The link against a broker played by a thread; every wait is bounded. */
#include "tests/support/tests.h"

#include <signal.h>
#include <string.h>

#include "client/link.h"
#include "tests/support/fake_broker.h"

enum { WAIT_MS = 10000 };

static link_t *
s_start(fake_broker_t *fake, play_t play)
{
    fault_t fault;
    fake_broker_start(fake, play);
    link_options_t options = {.broker = fake->endpoint};
    link_t *link = link_new(&options, &fault);
    assert_non_null(link);
    return link;
}

static link_t *
s_connected(fake_broker_t *fake, play_t play)
{
    fault_t fault = {0};
    link_t *link = s_start(fake, play);
    assert_ok(link_connect(link, WAIT_MS, &fault), &fault);
    return link;
}

static void
s_end(fake_broker_t *fake, link_t **link)
{
    bool known = fake->play != PLAY_REJECT && fake->play != PLAY_FULL &&
                 fake->play != PLAY_NONSENSE;
    link_destroy(link);
    for (int i = 0; known && fake->byes == 0 && i < WAIT_MS; i++)
        zmq_poll(NULL, 0, 1);
    fake_broker_stop(fake);
}

static void
s_put(link_t *link, uint64_t tag, int64_t timeout_ms)
{
    fault_t fault;
    float x[4] = {1, 2, 3, (float)tag};
    request_t request = {.tensors_count = 1,
                         .tensors = {{DTYPE_FLOAT32, {2, {1, 4}}, 16, 0}},
                         .payload = payload_new(&fault),
                         .timeout_ms = timeout_ms,
                         .tag = tag};
    payload_add_copy(request.payload, x, sizeof x, &fault);
    assert_ok(link_submit(link, &request, &fault), &fault);
}

static outcome_t
s_get(link_t *link)
{
    outcome_t outcome;
    fault_t fault = {0};
    int got = link_wait(link, WAIT_MS, &outcome, &fault);
    if (got != 1)
        fail_msg("no outcome: %s", fault.text);
    return outcome;
}

static void
s_get_good(link_t *link, uint64_t tag, int sends)
{
    outcome_t outcome = s_get(link);
    float x[4];
    size_t size;
    if (outcome.fault.code)
        fail_msg("%s", outcome.fault.text);
    assert_int_equal(outcome.tag, tag);
    assert_int_equal(outcome.sends, sends);
    assert_string_equal(outcome.path[0].name, "w");
    memcpy(x, payload_frame(outcome.payload, 0, &size), sizeof x);
    assert_true(x[3] == (float)tag);
    outcome_release(&outcome);
}

/* No other outcome follows: a heartbeat's time passes without one. */
static void
s_get_nothing(link_t *link)
{
    outcome_t outcome;
    fault_t fault;
    assert_int_equal(link_wait(link, 50, &outcome, &fault), 0);
    assert_int_equal(link_open(link), 0);
}

static void
many_jobs_get_one_outcome_each(void **state)
{
    (void)state;
    fake_broker_t fake;
    link_t *link = s_connected(&fake, PLAY_DOUBLE);
    bool seen[200] = {false};
    for (uint64_t tag = 0; tag < 200; tag++)
        s_put(link, tag, WAIT_MS);
    assert_int_equal(link_open(link), 200);
    for (int i = 0; i < 200; i++) {
        outcome_t outcome = s_get(link);
        assert_int_equal(outcome.fault.code, FAULT_NONE);
        assert_false(seen[outcome.tag]);
        seen[outcome.tag] = true;
        outcome_release(&outcome);
    }
    s_get_nothing(link);
    s_end(&fake, &link);
    assert_int_equal(fake.byes, 1);
}

/* An answer to a job that was submitted then would be waited for, and so on. */
static void
nothing_is_waited_for_after_an_interrupt(void **state)
{
    (void)state;
    fake_broker_t fake;
    fault_t fault = {0};
    outcome_t outcome;
    volatile sig_atomic_t stop = 0;
    fake_broker_start(&fake, PLAY_ECHO);
    link_options_t options = {.broker = fake.endpoint, .stop = &stop};
    link_t *link = link_new(&options, &fault);
    assert_non_null(link);
    assert_ok(link_connect(link, WAIT_MS, &fault), &fault);
    stop = 1;
    s_put(link, 1, WAIT_MS);
    assert_int_equal(link_wait(link, WAIT_MS, &outcome, &fault), -1);
    assert_int_equal(fault.code, FAULT_CANCELLED);
    s_end(&fake, &link);
}

static void
the_service_is_known_after_connecting(void **state)
{
    (void)state;
    fake_broker_t fake;
    link_t *link = s_connected(&fake, PLAY_ECHO);
    const service_t *service = link_service(link);
    assert_string_equal(service->model, "echo");
    assert_int_equal(service->parts_count, 2);
    assert_int_equal(link_window(link), 8);
    s_end(&fake, &link);
}

static void
busy_jobs_are_tried_again_under_the_same_id(void **state)
{
    (void)state;
    fake_broker_t fake;
    link_t *link = s_connected(&fake, PLAY_BUSY_TWICE);
    s_put(link, 5, WAIT_MS);
    s_get_good(link, 5, 3);
    assert_int_equal(fake.same_ids, 2);
    assert_int_equal(link_retries(link), 2);
    s_end(&fake, &link);
}

static void
busy_until_the_timeout_says_so(void **state)
{
    (void)state;
    fake_broker_t fake;
    link_t *link = s_connected(&fake, PLAY_BUSY_ALWAYS);
    s_put(link, 5, 1000);
    outcome_t outcome = s_get(link);
    assert_int_equal(outcome.fault.code, FAULT_BUSY_QUEUE);
    assert_int_equal(outcome.part, 1);
    assert_string_equal(
        outcome.fault.text,
        "the broker was busy until the timeout: part 1 has no worker");
    assert_int_equal(fault_exit_status(outcome.fault.code), 75);
    s_get_nothing(link);
    s_end(&fake, &link);
}

static void
a_lost_session_costs_time_not_jobs(void **state)
{
    (void)state;
    const play_t plays[] = {PLAY_REHELLO, PLAY_BYE, PLAY_SHUTDOWN};
    for (size_t i = 0; i < sizeof plays / sizeof plays[0]; i++) {
        fake_broker_t fake;
        link_t *link = s_connected(&fake, plays[i]);
        s_put(link, 7, WAIT_MS);
        s_get_good(link, 7, 2);
        assert_int_equal(fake.same_ids, 1);
        assert_int_equal(fake.hellos, plays[i] == PLAY_SHUTDOWN ? 1 : 2);
        s_get_nothing(link);
        s_end(&fake, &link);
    }
}

static void
an_error_is_the_outcome_with_its_part(void **state)
{
    (void)state;
    fake_broker_t fake;
    link_t *link = s_connected(&fake, PLAY_ERROR);
    s_put(link, 5, WAIT_MS);
    outcome_t outcome = s_get(link);
    assert_int_equal(outcome.fault.code, FAULT_POISON);
    assert_string_equal(outcome.fault.text, "a reason");
    assert_int_equal(outcome.part, 1);
    assert_null(outcome.payload);
    s_end(&fake, &link);
}

static void
wrong_results_are_no_results(void **state)
{
    (void)state;
    const struct {
        play_t play;
        fault_code_t code;
    } cases[] = {{PLAY_SHAPE, FAULT_BAD_SHAPE}, {PLAY_DAMAGE, FAULT_CHECKSUM}};
    for (size_t i = 0; i < 2; i++) {
        fake_broker_t fake;
        link_t *link = s_connected(&fake, cases[i].play);
        s_put(link, 5, WAIT_MS);
        outcome_t outcome = s_get(link);
        assert_int_equal(outcome.fault.code, cases[i].code);
        assert_null(outcome.payload);
        s_end(&fake, &link);
    }
}

static void
a_timeout_is_the_outcome_and_cancels(void **state)
{
    (void)state;
    fake_broker_t fake;
    link_t *link = s_connected(&fake, PLAY_SILENT);
    s_put(link, 5, 200);
    outcome_t outcome = s_get(link);
    assert_int_equal(outcome.fault.code, FAULT_DEADLINE);
    assert_true(outcome.latency_us < 5 * 1000000);
    s_get_nothing(link);
    s_end(&fake, &link);
    assert_int_equal(fake.cancels, 1);
}

static void
leaving_cancels_what_is_open(void **state)
{
    (void)state;
    fake_broker_t fake;
    outcome_t outcome;
    fault_t fault;
    link_t *link = s_connected(&fake, PLAY_SILENT);
    s_put(link, 1, WAIT_MS);
    s_put(link, 2, WAIT_MS);
    for (int i = 0; fake.submits < 2 && i < WAIT_MS; i++)
        link_wait(link, 1, &outcome, &fault);
    s_end(&fake, &link);
    assert_int_equal(fake.cancels, 2);
    assert_int_equal(fake.byes, 1);
}

static void
refusals_end_the_connecting(void **state)
{
    (void)state;
    const struct {
        play_t play;
        int64_t timeout_ms;
        fault_code_t code;
    } cases[] = {
        {PLAY_REJECT, WAIT_MS, FAULT_REJECT_VERSION},
        {PLAY_FULL, 1000, FAULT_REJECT_FULL},
        {PLAY_NONSENSE, 1000, FAULT_BAD_FRAME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_broker_t fake;
        fault_t fault = {0};
        link_t *link = s_start(&fake, cases[i].play);
        assert_int_equal(link_connect(link, cases[i].timeout_ms, &fault), -1);
        assert_int_equal(fault.code, cases[i].code);
        assert_non_null(strstr(fault.text, fake.endpoint));
        s_end(&fake, &link);
    }
}

static void
nobody_there_is_named(void **state)
{
    (void)state;
    fault_t fault = {0};
    link_options_t options = {.broker = "ipc://nobody"};
    link_t *link = link_new(&options, &fault);
    assert_int_equal(link_connect(link, 30, &fault), -1);
    assert_int_equal(fault.code, FAULT_NO_BROKER);
    assert_non_null(strstr(fault.text, "ipc://nobody"));
    link_destroy(&link);
}

static void
a_bad_endpoint_is_refused_at_once(void **state)
{
    (void)state;
    fault_t fault = {0};
    link_options_t options = {.broker = "tcp://10.0.0.1"};
    assert_null(link_new(&options, &fault));
    assert_int_equal(fault.code, FAULT_CONFIG);
}

static void
status_and_drain_are_answered(void **state)
{
    (void)state;
    fake_broker_t fake;
    fault_t fault = {0};
    link_t *link = s_connected(&fake, PLAY_ECHO);
    for (int i = 0; i < 3; i++) {
        json_t *status = link_status(link, WAIT_MS, &fault);
        assert_non_null(status);
        assert_int_equal(json_integer_value(json_object_get(status, "queued")),
                         3);
        json_decref(status);
        assert_ok(link_drain(link, "w", WAIT_MS, &fault), &fault);
    }
    s_end(&fake, &link);
    link = s_connected(&fake, PLAY_AUTH);
    assert_int_equal(link_drain(link, "w", WAIT_MS, &fault), -1);
    assert_int_equal(fault.code, FAULT_AUTH);
    json_t *status = link_status(link, WAIT_MS, &fault);
    assert_non_null(status);
    json_decref(status);
    s_end(&fake, &link);
}

static void
a_frame_over_the_limit_is_not_sent(void **state)
{
    (void)state;
    fake_broker_t fake;
    fault_t fault = {0};
    link_t *link = s_connected(&fake, PLAY_ECHO);
    request_t request = {.tensors_count = 1,
                         .tensors = {{DTYPE_UINT8, {1, {1001}}, 1001, 0}},
                         .payload = payload_new(&fault)};
    payload_add_room(request.payload, 1001, &fault);
    assert_int_equal(link_submit(link, &request, &fault), -1);
    assert_int_equal(fault.code, FAULT_TOO_LARGE);
    assert_null(request.payload);
    s_end(&fake, &link);
}

static void
heartbeats_keep_an_idle_session(void **state)
{
    (void)state;
    fake_broker_t fake;
    outcome_t outcome;
    fault_t fault;
    link_t *link = s_connected(&fake, PLAY_ECHO);
    assert_int_equal(link_wait(link, 900, &outcome, &fault), 0);
    assert_int_equal(fake.hellos, 1);
    assert_true(fake.beats > 0);
    s_put(link, 3, WAIT_MS);
    s_get_good(link, 3, 1);
    s_end(&fake, &link);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_waited_for_after_an_interrupt),
        cmocka_unit_test(the_service_is_known_after_connecting),
        cmocka_unit_test(many_jobs_get_one_outcome_each),
        cmocka_unit_test(busy_jobs_are_tried_again_under_the_same_id),
        cmocka_unit_test(busy_until_the_timeout_says_so),
        cmocka_unit_test(a_lost_session_costs_time_not_jobs),
        cmocka_unit_test(an_error_is_the_outcome_with_its_part),
        cmocka_unit_test(wrong_results_are_no_results),
        cmocka_unit_test(a_timeout_is_the_outcome_and_cancels),
        cmocka_unit_test(leaving_cancels_what_is_open),
        cmocka_unit_test(refusals_end_the_connecting),
        cmocka_unit_test(nobody_there_is_named),
        cmocka_unit_test(a_bad_endpoint_is_refused_at_once),
        cmocka_unit_test(status_and_drain_are_answered),
        cmocka_unit_test(a_frame_over_the_limit_is_not_sent),
        cmocka_unit_test(heartbeats_keep_an_idle_session),
    };
    wire_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wire_stop();
    return failed;
}
