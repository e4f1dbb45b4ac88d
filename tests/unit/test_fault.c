/* Codes, sentences and exit statuses. */
#include "tests/support/tests.h"

#include <string.h>

#include "common/fault.h"
#include "common/pack.h"

static void
a_sentence_is_printable_and_bounded(void **state)
{
    (void)state;
    fault_t fault;
    assert_int_equal(fault_set(&fault, FAULT_INPUT, "a\n%s\x7f", "\x1b"), -1);
    assert_int_equal(fault.code, FAULT_INPUT);
    assert_string_equal(fault.text, "a???");
    char text[2 * FAULT_TEXT_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fault_set(&fault, FAULT_INPUT, "%s", text);
    assert_int_equal(strlen(fault.text), FAULT_TEXT_MAX);
}

/* Sentences travel in messages, where broken UTF-8 makes the message one. */
static void
a_sentence_is_utf8_wherever_it_was_cut(void **state)
{
    (void)state;
    fault_t fault;
    char text[2 * FAULT_TEXT_MAX];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    for (const char *before = "abcd"; *before; before++) {
        fault_set(&fault, FAULT_INPUT, "%s%s", before, text);
        assert_true(pack_printable(fault.text, strlen(fault.text)));
        assert_true(strlen(fault.text) >= FAULT_TEXT_MAX - 1);
        fault_prefix(&fault, "%s", before);
        assert_true(pack_printable(fault.text, strlen(fault.text)));
    }
    fault_set(&fault, FAULT_INPUT, "%s", "\xff \xc2\x85 \xe2\x82 \xe2\x82\xac");
    assert_string_equal(fault.text, "? ?? ?? \xe2\x82\xac");
}

static void
a_prefix_goes_in_front_of_the_sentence(void **state)
{
    (void)state;
    fault_t fault;
    fault_set(&fault, FAULT_INPUT, "cut short");
    assert_int_equal(fault_prefix(&fault, "%s.%s", "cat", "png"), -1);
    assert_string_equal(fault.text, "cat.png: cut short");
    assert_int_equal(fault.code, FAULT_INPUT);
    for (int i = 0; i < 100; i++)
        fault_prefix(&fault, "again");
    assert_int_equal(strlen(fault.text), FAULT_TEXT_MAX);
    fault_clear(&fault);
    assert_int_equal(fault.code, FAULT_NONE);
    assert_string_equal(fault.text, "");
}

static void
nobody_has_to_ask_for_the_sentence(void **state)
{
    (void)state;
    assert_int_equal(fault_set(NULL, FAULT_INPUT, "x"), -1);
    assert_int_equal(fault_prefix(NULL, "x"), -1);
    assert_null(fault_null(NULL, FAULT_INPUT, "x"));
    fault_clear(NULL);
}

static void
exit_statuses_are_those_of_the_contract(void **state)
{
    (void)state;
    static const struct {
        fault_code_t code;
        int status;
        const char *name;
    } rows[] = {
        {FAULT_NONE, 0, "NONE"},           {FAULT_DEADLINE, 1, "DEADLINE"},
        {FAULT_POISON, 1, "POISON"},       {FAULT_BAD_VALUE, 1, "BAD_VALUE"},
        {FAULT_USAGE, 64, "USAGE"},        {FAULT_INPUT, 65, "INPUT"},
        {FAULT_REJECT_PART, 65, "PART"},   {FAULT_NO_BROKER, 69, "NO_BROKER"},
        {FAULT_BUSY_MEMORY, 75, "MEMORY"}, {FAULT_TIMEOUT, 75, "TIMEOUT"},
        {FAULT_AUTH, 77, "AUTH"},          {FAULT_CONFIG, 78, "CONFIG"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(fault_exit_status(rows[i].code), rows[i].status);
        assert_string_equal(fault_name(rows[i].code), rows[i].name);
    }
    assert_string_equal(fault_name((fault_code_t)199), "UNKNOWN");
}

static void
codes_of_a_process_do_not_come_from_a_peer(void **state)
{
    (void)state;
    assert_int_equal(fault_from_wire(FAULT_CHECKSUM), FAULT_CHECKSUM);
    assert_int_equal(fault_from_wire(0), FAULT_INTERNAL);
    assert_int_equal(fault_from_wire(FAULT_USAGE), FAULT_INTERNAL);
    assert_int_equal(fault_from_wire(UINT16_MAX), FAULT_INTERNAL);
}

static void
only_failed_attempts_are_tried_again(void **state)
{
    (void)state;
    assert_true(fault_is_retriable(FAULT_WORKER_LOST));
    assert_true(fault_is_retriable(FAULT_CHECKSUM));
    assert_false(fault_is_retriable(FAULT_BAD_SHAPE));
    assert_false(fault_is_retriable(FAULT_BUSY_QUEUE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_printable_and_bounded),
        cmocka_unit_test(a_sentence_is_utf8_wherever_it_was_cut),
        cmocka_unit_test(a_prefix_goes_in_front_of_the_sentence),
        cmocka_unit_test(nobody_has_to_ask_for_the_sentence),
        cmocka_unit_test(exit_statuses_are_those_of_the_contract),
        cmocka_unit_test(codes_of_a_process_do_not_come_from_a_peer),
        cmocka_unit_test(only_failed_attempts_are_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
