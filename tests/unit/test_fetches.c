/* Requests for bytes of parts, waiting behind the jobs. */
#include "tests/support/tests.h"

#include "broker/fetches.h"

static fetches_t *fetches;

static int
s_fresh(void **state)
{
    (void)state;
    fault_t fault = {0};
    fetches = fetches_new(3, &fault);
    return fetches ? 0 : -1;
}

static int
s_gone(void **state)
{
    (void)state;
    fetches_destroy(&fetches);
    return 0;
}

static fetch_t
s_fetch(uint64_t offset)
{
    return (fetch_t){.offset = offset};
}

static void
requests_are_answered_in_order(void **state)
{
    (void)state;
    fetch_t fetch;
    assert_true(fetches_due_us(fetches) == INT64_MAX);
    assert_false(fetches_take(fetches, 0, &fetch));
    for (uint64_t round = 0; round < 5; round++) {
        fetch_t one = s_fetch(round), two = s_fetch(round + 10);
        assert_true(fetches_add(fetches, &one));
        assert_true(fetches_add(fetches, &two));
        assert_int_equal(fetches_due_us(fetches), 0);
        assert_true(fetches_take(fetches, 0, &fetch));
        assert_int_equal(fetch.offset, round);
        assert_true(fetches_take(fetches, 0, &fetch));
        assert_int_equal(fetch.offset, round + 10);
    }
    assert_false(fetches_take(fetches, 0, &fetch));
}

static void
one_too_many_is_refused(void **state)
{
    (void)state;
    fetch_t fetch = s_fetch(1);
    for (int i = 0; i < 3; i++)
        assert_true(fetches_add(fetches, &fetch));
    assert_false(fetches_add(fetches, &fetch));
    assert_true(fetches_take(fetches, 0, &fetch));
    assert_true(fetches_defer(fetches, &fetch, 0));
    assert_false(fetches_add(fetches, &fetch));
}

static void
a_deferred_request_waits_and_holds_nobody_up(void **state)
{
    (void)state;
    fetch_t slow = s_fetch(1), quick = s_fetch(2), fetch;
    assert_true(fetches_add(fetches, &slow));
    assert_true(fetches_take(fetches, 1000, &fetch));
    assert_true(fetches_defer(fetches, &fetch, 1000));
    assert_int_equal(fetches_due_us(fetches), 1000 + FETCHES_DEFER_US);
    assert_true(fetches_add(fetches, &quick));
    assert_true(fetches_take(fetches, 1001, &fetch));
    assert_int_equal(fetch.offset, 2);
    assert_false(fetches_take(fetches, 1001, &fetch));
    assert_true(fetches_take(fetches, 1000 + FETCHES_DEFER_US, &fetch));
    assert_int_equal(fetch.offset, 1);
}

static void
a_worker_that_never_takes_more_is_given_up(void **state)
{
    (void)state;
    fetch_t fetch = s_fetch(1);
    int64_t now_us = 0;
    int tries = 0;
    assert_true(fetches_add(fetches, &fetch));
    do {
        now_us += FETCHES_DEFER_US;
        assert_true(fetches_take(fetches, now_us, &fetch));
        tries++;
    } while (fetches_defer(fetches, &fetch, now_us));
    assert_int_equal(tries, FETCHES_TRIES_MAX + 1);
    assert_true(fetches_due_us(fetches) == INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_are_answered_in_order, s_fresh,
                                        s_gone),
        cmocka_unit_test_setup_teardown(one_too_many_is_refused, s_fresh,
                                        s_gone),
        cmocka_unit_test_setup_teardown(
            a_deferred_request_waits_and_holds_nobody_up, s_fresh, s_gone),
        cmocka_unit_test_setup_teardown(
            a_worker_that_never_takes_more_is_given_up, s_fresh, s_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
