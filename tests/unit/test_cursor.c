/* The bounded reader. */
#include "tests/support/tests.h"

#include "common/cursor.h"

static void
integers_are_read_in_both_orders(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    cursor_t cursor;
    cursor_init(&cursor, bytes, sizeof bytes);
    assert_int_equal(cursor_u16le(&cursor), 0x0201);
    assert_int_equal(cursor_u16be(&cursor), 0x0304);
    assert_int_equal(cursor_u32le(&cursor), 0x08070605);
    assert_int_equal(cursor_left(&cursor), 0);
    assert_false(cursor_failed(&cursor));
}

static void
a_cursor_that_ran_short_stays_failed(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3};
    cursor_t cursor;
    cursor_init(&cursor, bytes, sizeof bytes);
    assert_int_equal(cursor_u32le(&cursor), 0);
    assert_true(cursor_failed(&cursor));
    assert_int_equal(cursor_u8(&cursor), 0);
    assert_int_equal(cursor_left(&cursor), 0);
}

static void
a_giant_length_does_not_wrap(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3};
    cursor_t cursor;
    cursor_init(&cursor, bytes, sizeof bytes);
    cursor_u8(&cursor);
    assert_null(cursor_take(&cursor, SIZE_MAX));
    assert_true(cursor_failed(&cursor));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_in_both_orders),
        cmocka_unit_test(a_cursor_that_ran_short_stays_failed),
        cmocka_unit_test(a_giant_length_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
