/* The unresolved jobs, with a made-up clock. */
#include "tests/support/tests.h"

#include <string.h>

#include "client/ledger.h"

enum { WINDOW = 32 };

static const uint8_t client_id[8] = {9, 8, 7, 6, 5, 4, 3, 2};

static int
s_setup(void **state)
{
    static ledger_t ledger;
    fault_t fault;
    *state = &ledger;
    return ledger_init(&ledger, client_id, 1, &fault);
}

static int
s_teardown(void **state)
{
    ledger_release(*state);
    return 0;
}

static entry_t *
s_add(ledger_t *ledger, uint64_t tag, int64_t deadline_ms)
{
    entry_t *entry = ledger_add(ledger);
    assert_non_null(entry);
    entry->tag = tag;
    entry->deadline_ms = deadline_ms;
    return entry;
}

static entry_t *
s_send(ledger_t *ledger, int64_t now)
{
    entry_t *entry = ledger_next(ledger, now, WINDOW);
    assert_non_null(entry);
    ledger_sent(ledger, entry);
    return entry;
}

static void
an_id_is_the_client_and_a_number_used_once(void **state)
{
    ledger_t *ledger = *state;
    job_id_t seen[3000];
    for (int i = 0; i < 3000; i++) {
        entry_t *entry = s_add(ledger, 0, 1000);
        assert_memory_equal(entry->job.bytes, client_id, sizeof client_id);
        seen[i] = entry->job;
        assert_ptr_equal(ledger_find(ledger, &seen[i]), entry);
        ledger_remove(ledger, entry);
        assert_null(ledger_find(ledger, &seen[i]));
    }
    for (int i = 0; i < 3000; i += 7)
        for (int j = 0; j < i; j++)
            assert_false(job_id_equal(&seen[i], &seen[j]));
}

static void
foreign_and_finished_ids_are_not_found(void **state)
{
    ledger_t *ledger = *state;
    entry_t *entry = s_add(ledger, 0, 1000);
    job_id_t id = entry->job;
    id.bytes[0] ^= 1;
    assert_null(ledger_find(ledger, &id));
    memset(&id, 0xff, sizeof id);
    assert_null(ledger_find(ledger, &id));
}

static void
urgent_jobs_go_first_then_the_order_of_submission(void **state)
{
    ledger_t *ledger = *state;
    for (uint64_t tag = 0; tag < 6; tag++)
        s_add(ledger, tag, 1000)->priority = tag == 3 || tag == 5;
    const uint64_t order[] = {3, 5, 0, 1, 2, 4};
    for (int i = 0; i < 6; i++)
        assert_int_equal(s_send(ledger, 0)->tag, order[i]);
    assert_null(ledger_next(ledger, 0, WINDOW));
}

static void
no_more_than_the_window_are_sent(void **state)
{
    ledger_t *ledger = *state;
    for (uint64_t tag = 0; tag < 5; tag++)
        s_add(ledger, tag, 1000);
    entry_t *first = ledger_next(ledger, 0, 2);
    ledger_sent(ledger, first);
    ledger_sent(ledger, ledger_next(ledger, 0, 2));
    assert_null(ledger_next(ledger, 0, 2));
    ledger_remove(ledger, first);
    assert_non_null(ledger_next(ledger, 0, 2));
}

static void
at_most_1024_jobs_are_open(void **state)
{
    ledger_t *ledger = *state;
    for (int i = 0; i < LEDGER_JOBS_MAX; i++)
        assert_non_null(ledger_add(ledger));
    assert_null(ledger_add(ledger));
}

static void
busy_waits_for_the_hint_and_some_more(void **state)
{
    ledger_t *ledger = *state;
    s_add(ledger, 0, 100000);
    for (int round = 0; round < 100; round++) {
        int64_t now = 1000 * round;
        entry_t *entry = s_send(ledger, now);
        assert_int_equal(entry->refused, FAULT_NONE);
        ledger_busy(ledger, entry, FAULT_BUSY_QUEUE, 200, now);
        assert_int_equal(entry->refused, FAULT_BUSY_QUEUE);
        assert_null(ledger_next(ledger, now + 199, WINDOW));
        assert_in_range(ledger_due(ledger, now), now + 200, now + 304);
        assert_ptr_equal(ledger_next(ledger, now + 305, WINDOW), entry);
    }
}

static void
a_new_session_sends_all_again_under_the_same_ids(void **state)
{
    ledger_t *ledger = *state;
    job_id_t ids[10];
    for (uint64_t tag = 0; tag < 10; tag++) {
        s_add(ledger, tag, 100000);
        ids[tag] = s_send(ledger, 0)->job;
    }
    entry_t *waiting = s_add(ledger, 10, 100000);
    assert_int_equal(ledger_resume(ledger, 5000), 10);
    assert_ptr_equal(ledger_next(ledger, 4999, WINDOW), waiting);
    ledger_remove(ledger, waiting);
    for (int i = 0; i < 10; i++) {
        entry_t *entry = s_send(ledger, 5000 + LEDGER_RESUME_MS_MAX);
        assert_true(job_id_equal(&entry->job, &ids[entry->tag]));
        assert_int_equal(entry->sends, 2);
    }
}

static void
a_sent_job_has_a_grace_past_its_deadline(void **state)
{
    ledger_t *ledger = *state;
    s_add(ledger, 1, 1000);
    s_send(ledger, 0);
    s_add(ledger, 2, 1200);
    assert_int_equal(ledger_due(ledger, 0), 1200);
    assert_null(ledger_expired(ledger, 1199));
    entry_t *waiting = ledger_expired(ledger, 1200);
    assert_int_equal(waiting->tag, 2);
    ledger_remove(ledger, waiting);
    assert_int_equal(ledger_due(ledger, 0), 1000 + LEDGER_GRACE_MS);
    assert_null(ledger_expired(ledger, 1000 + LEDGER_GRACE_MS - 1));
    assert_int_equal(ledger_expired(ledger, 1000 + LEDGER_GRACE_MS)->tag, 1);
}

static void
an_empty_ledger_is_never_due(void **state)
{
    ledger_t *ledger = *state;
    assert_true(ledger_due(ledger, 0) == INT64_MAX);
    assert_null(ledger_next(ledger, 0, WINDOW));
    assert_null(ledger_expired(ledger, INT64_MAX));
    assert_int_equal(ledger_resume(ledger, 0), 0);
}

static void
a_submit_tells_the_time_that_is_left(void **state)
{
    ledger_t *ledger = *state;
    message_t message;
    entry_t *entry = s_add(ledger, 1, 1000);
    entry->tensors_count = 1;
    entry->tensors[0] = (tensor_header_t){DTYPE_UINT8, {1, {5}}, 5, 0};
    message_init(&message, MESSAGE_SUBMIT);
    ledger_write(entry, 400, &message);
    assert_int_equal(message.remaining_ms, 600);
    assert_int_equal(message.tensors[0].bytes, 5);
    ledger_write(entry, 1400, &message);
    assert_int_equal(message.remaining_ms, 0);
}

#define LEDGER(test) cmocka_unit_test_setup_teardown(test, s_setup, s_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER(an_id_is_the_client_and_a_number_used_once),
        LEDGER(foreign_and_finished_ids_are_not_found),
        LEDGER(urgent_jobs_go_first_then_the_order_of_submission),
        LEDGER(no_more_than_the_window_are_sent),
        LEDGER(at_most_1024_jobs_are_open),
        LEDGER(busy_waits_for_the_hint_and_some_more),
        LEDGER(a_new_session_sends_all_again_under_the_same_ids),
        LEDGER(a_sent_job_has_a_grace_past_its_deadline),
        LEDGER(an_empty_ledger_is_never_due),
        LEDGER(a_submit_tells_the_time_that_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
