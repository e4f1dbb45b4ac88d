/* Histograms, rates, counters; and who misbehaved. */
#include "tests/support/tests.h"

#include <string.h>

#include "broker/metrics.h"
#include "broker/strikes.h"

static void
a_percentile_lies_within_an_eighth(void **state)
{
    (void)state;
    static histogram_t histogram;
    assert_int_equal(histogram_us(&histogram, 500), 0);
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(&histogram, us * 100);
    assert_in_range(histogram_us(&histogram, 500), 50000, 56300);
    assert_in_range(histogram_us(&histogram, 950), 95000, 106900);
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram_us(&histogram, 1000), UINT32_MAX);
}

static void
small_durations_are_exact(void **state)
{
    (void)state;
    for (uint32_t us = 0; us < 16; us++) {
        histogram_t histogram;
        memset(&histogram, 0, sizeof histogram);
        histogram_add(&histogram, us);
        assert_int_equal(histogram_us(&histogram, 950), us);
    }
}

static void
old_samples_fade(void **state)
{
    (void)state;
    static histogram_t histogram;
    for (int i = 0; i < 4096; i++)
        histogram_add(&histogram, 1000000);
    for (int i = 0; i < 20000; i++)
        histogram_add(&histogram, 10);
    assert_int_equal(histogram_us(&histogram, 500), 10);
    assert_int_equal(histogram_us(&histogram, 800), 10);
}

static void
a_rate_forgets_after_five_seconds(void **state)
{
    (void)state;
    static rate_t rate;
    for (int i = 0; i < 100; i++) /* 25 a second from 5 to 9 s */
        rate_add(&rate, 5000000 + i * 40000);
    assert_true(rate_per_s(&rate, 9500000) == 20.0);
    assert_true(rate_per_s(&rate, 11500000) == 15.0);
    assert_true(rate_per_s(&rate, 13999999) == 5.0);
    assert_true(rate_per_s(&rate, 14000000) == 0.0);
    assert_true(rate_per_s(&rate, 60000000) == 0.0);
}

static void
every_counter_has_its_name(void **state)
{
    (void)state;
    assert_int_equal(metrics_counter_count * sizeof(uint64_t),
                     sizeof(metrics_counters_t));
    assert_string_equal(metrics_counter_table[0].name, "accepted");
}

static void
the_third_strike_in_ten_seconds_is_the_last(void **state)
{
    (void)state;
    strikes_t strikes;
    assert_int_equal(strikes_init(&strikes, 8, NULL), 0);
    assert_false(strikes_add(&strikes, 1, 1000000));
    assert_false(strikes_add(&strikes, 2, 1000000));
    assert_false(strikes_add(&strikes, 1, 8000000));
    assert_false(strikes_add(&strikes, 1, 11500000));
    assert_true(strikes_add(&strikes, 1, 12000000));
    strikes_ban(&strikes, 1, 12000000);
    assert_true(strikes_is_banned(&strikes, 1, 41999999));
    assert_false(strikes_is_banned(&strikes, 1, 42000000));
    assert_false(strikes_is_banned(&strikes, 2, 12000000));
    strikes_release(&strikes);
}

static void
strangers_are_answered_once_a_second(void **state)
{
    (void)state;
    strikes_t strikes;
    assert_int_equal(strikes_init(&strikes, 8, NULL), 0);
    assert_true(strikes_may_answer(&strikes, 1, 1000000));
    assert_false(strikes_may_answer(&strikes, 1, 1900000));
    assert_true(strikes_may_answer(&strikes, 1, 2000000));
    int answered = 0;
    for (uint64_t key = 10; key < 2000; key++)
        answered += strikes_may_answer(&strikes, key, 3000000);
    assert_int_equal(answered, ANSWERS_PER_S_MAX);
    strikes_release(&strikes);
}

static void
a_ban_outlives_a_crowd_of_strangers(void **state)
{
    (void)state;
    strikes_t strikes;
    assert_int_equal(strikes_init(&strikes, 8, NULL), 0);
    strikes_ban(&strikes, 7, 1000000);
    for (uint64_t key = 100; key < 1100; key++)
        strikes_add(&strikes, key, 2000000);
    assert_true(strikes_is_banned(&strikes, 7, 3000000));
    strikes_release(&strikes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_lies_within_an_eighth),
        cmocka_unit_test(small_durations_are_exact),
        cmocka_unit_test(old_samples_fade),
        cmocka_unit_test(a_rate_forgets_after_five_seconds),
        cmocka_unit_test(every_counter_has_its_name),
        cmocka_unit_test(the_third_strike_in_ten_seconds_is_the_last),
        cmocka_unit_test(strangers_are_answered_once_a_second),
        cmocka_unit_test(a_ban_outlives_a_crowd_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
