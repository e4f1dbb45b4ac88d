/* Bytes in memory and in files. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/model/blob.h"

static void
s_check(blob_t *blob)
{
    fault_t fault = {0};
    char text[4] = "";
    assert_int_equal(blob_bytes(blob), 10);
    assert_ok(blob_read(blob, 3, text, 3, &fault), &fault);
    assert_string_equal(text, "345");
    blob_t *slice = blob_slice(blob, 2, 6, &fault);
    blob_t *inner = blob_slice(slice, 1, 5, &fault);
    assert_non_null(inner);
    blob_release(&slice);
    assert_null(slice);
    assert_int_equal(blob_bytes(inner), 5);
    assert_ok(blob_read(inner, 2, text, 3, &fault), &fault);
    assert_string_equal(text, "567");
    assert_int_equal(blob_read(inner, 3, text, 3, &fault), -1);
    assert_int_equal(fault.code, FAULT_INPUT);
    assert_int_equal(blob_read(inner, UINT64_MAX, text, 3, &fault), -1);
    assert_null(blob_slice(inner, 1, 5, &fault));
    assert_null(blob_slice(inner, 6, 0, &fault));
    assert_null(blob_slice(inner, 1, UINT64_MAX, &fault));
    blob_t *end = blob_slice(inner, 5, 0, &fault);
    assert_ok(blob_read(end, 0, text, 0, &fault), &fault);
    blob_release(&end);
    blob_release(&blob);
    assert_ok(blob_read(inner, 0, text, 3, &fault), &fault);
    assert_string_equal(text, "345");
    blob_release(&inner);
}

static void
slices_of_memory_outlive_the_whole(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_check(blob_take(strdup("0123456789"), 10, &fault));
}

static void
slices_of_a_file_outlive_the_whole(void **state)
{
    (void)state;
    fault_t fault = {0};
    tests_write("digits", "0123456789", 10);
    s_check(blob_open("digits", &fault));
}

static void
a_shared_blob_lives_until_its_last_release(void **state)
{
    (void)state;
    fault_t fault = {0};
    char text[2] = "";
    blob_t *blob = blob_take(strdup("ab"), 2, &fault);
    blob_t *shared = blob_share(blob);
    blob_release(&blob);
    assert_ok(blob_read(shared, 1, text, 1, &fault), &fault);
    assert_string_equal(text, "b");
    blob_release(&shared);
    blob_release(&shared);
}

static void
a_file_that_shrinks_is_a_fault(void **state)
{
    (void)state;
    fault_t fault = {0};
    char text[8];
    tests_write("shrinks", "0123456789", 10);
    blob_t *blob = blob_open("shrinks", &fault);
    assert_int_equal(truncate("shrinks", 4), 0);
    assert_int_equal(blob_read(blob, 0, text, 8, &fault), -1);
    assert_non_null(strstr(fault.text, "became shorter"));
    blob_release(&blob);
}

static void
what_is_no_regular_file_is_refused_at_once(void **state)
{
    (void)state;
    fault_t fault = {0};
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_null(blob_open("fifo", &fault));
    assert_string_equal(fault.text, "fifo: not a regular file");
    assert_null(blob_open(".", &fault));
    assert_string_equal(fault.text, ".: not a regular file");
    assert_null(blob_open("none", &fault));
    assert_string_equal(fault.text, "none: No such file or directory");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_of_memory_outlive_the_whole),
        cmocka_unit_test(slices_of_a_file_outlive_the_whole),
        cmocka_unit_test(a_shared_blob_lives_until_its_last_release),
        cmocka_unit_test(a_file_that_shrinks_is_a_fault),
        cmocka_unit_test(what_is_no_regular_file_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
