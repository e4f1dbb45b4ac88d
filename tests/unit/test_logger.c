/* Records and their limits. */
#include "tests/support/tests.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/logger.h"

static const int64_t wall_ms = 1795423876123; /* 2026-11-23T08:51:16.123Z */

static void
s_check(logger_format_t format, const char *message, const char *expected)
{
    char line[LOGGER_LINE_MAX];
    size_t size = logger_line(line, sizeof line, format, "broker",
                              LOGGER_WARNING, wall_ms, message);
    assert_string_equal(line, expected);
    assert_int_equal(size, strlen(expected));
}

/* What a call writes to stderr. */
static int s_saved;

static void
s_capture_begin(void)
{
    int file = open("captured", O_RDWR | O_CREAT | O_TRUNC, 0600);
    s_saved = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
}

static char *
s_capture_end(void)
{
    dup2(s_saved, STDERR_FILENO);
    close(s_saved);
    size_t size;
    char *text = tests_read("captured", &size);
    text = realloc(text, size + 1);
    text[size] = '\0';
    return text;
}

static void
a_record_is_one_line_in_each_format(void **state)
{
    (void)state;
    s_check(LOGGER_TEXT, "worker \"a\" left",
            "2026-11-23T08:51:16.123Z broker: warning: worker \"a\" left\n");
    s_check(LOGGER_BRIEF, "no", "broker: warning: no\n");
    s_check(LOGGER_JSON, "worker \"a\\b\" left",
            "{\"time\":\"2026-11-23T08:51:16.123Z\",\"level\":\"warning\","
            "\"program\":\"broker\",\"message\":\"worker \\\"a\\\\b\\\" "
            "left\"}\n");
}

static void
bytes_that_are_not_printable_become_question_marks(void **state)
{
    (void)state;
    s_check(LOGGER_BRIEF, "a\nb\x1b[2Jc\x7f", "broker: warning: a?b?[2Jc?\n");
    s_check(LOGGER_BRIEF, "caf\xc3\xa9", "broker: warning: caf\xc3\xa9\n");
    s_check(LOGGER_BRIEF, "\xc2\x9bz\xff\xc3", "broker: warning: ??z??\n");
    s_check(LOGGER_BRIEF, "\xed\xa0\x80", "broker: warning: ???\n");
}

static void
a_long_message_is_cut_and_stays_whole(void **state)
{
    (void)state;
    char message[4096], line[LOGGER_LINE_MAX];
    memset(message, '"', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    size_t size = logger_line(line, sizeof line, LOGGER_JSON, "b", LOGGER_ERROR,
                              wall_ms, message);
    assert_in_range(size, LOGGER_LINE_MAX - 16, LOGGER_LINE_MAX - 1);
    assert_string_equal(line + size - 3, "\"}\n");
    assert_int_equal(line[size - 4], '"');
    assert_int_equal(line[size - 5], '\\');
}

static void
records_below_the_level_are_not_written(void **state)
{
    (void)state;
    logger_setup("worker", LOGGER_WARNING, LOGGER_BRIEF);
    s_capture_begin();
    logger_info("quiet %d", 1);
    logger_warning("loud %d", 2);
    fault_t fault;
    fault_set(&fault, FAULT_INPUT, "cat.png: not there");
    logger_fault(&fault);
    char *text = s_capture_end();
    assert_string_equal(text, "worker: warning: loud 2\n"
                              "worker: error: cat.png: not there\n");
    free(text);
}

static void
a_limited_record_appears_once_in_ten_seconds(void **state)
{
    (void)state;
    logger_setup("broker", LOGGER_INFO, LOGGER_BRIEF);
    logger_limit_t limit = {0};
    s_capture_begin();
    for (int64_t now_ms = 0; now_ms <= LOGGER_LIMIT_MS; now_ms += 1000)
        logger_limited(&limit, now_ms, LOGGER_WARNING, "bad frame");
    char *text = s_capture_end();
    assert_string_equal(text, "broker: warning: bad frame\n"
                              "broker: warning: bad frame (and 9 more like "
                              "it)\n");
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_one_line_in_each_format),
        cmocka_unit_test(bytes_that_are_not_printable_become_question_marks),
        cmocka_unit_test(a_long_message_is_cut_and_stays_whole),
        cmocka_unit_test(records_below_the_level_are_not_written),
        cmocka_unit_test(a_limited_record_appears_once_in_ten_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
