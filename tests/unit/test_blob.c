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

/* Every range of bytes of numbers stored in a dtype, three of which have one
 * factor, the next three another, and so on. */
static void
a_scaled_blob_is_computed_as_it_is_read(void **state)
{
    (void)state;
    enum { COUNT = 14 };
    static const dtype_t dtypes[] = {DTYPE_FLOAT32, DTYPE_FLOAT16,
                                     DTYPE_FLOAT64};
    const double factors[] = {1.0 / 3.0, -2.5};
    fault_t fault = {0};
    double numbers[COUNT];
    float expected[COUNT];
    for (int i = 0; i < COUNT; i++) {
        numbers[i] = i + 0.5;
        expected[i] = (float)(numbers[i] * factors[i / 3 % 2]);
    }
    for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++) {
        size_t size = dtype_size(dtypes[d]);
        void *memory = calloc(COUNT, size);
        tensor_convert(dtypes[d], memory, DTYPE_FLOAT64, numbers, COUNT);
        blob_t *plain = blob_take(memory, COUNT * size, &fault);
        blob_t *blob = blob_scale(plain, dtypes[d], 3, factors, 2, &fault);
        blob_release(&plain);
        assert_int_equal(blob_bytes(blob), sizeof expected);
        for (size_t from = 0; from <= sizeof expected; from++)
            for (size_t to = from; to <= sizeof expected; to++) {
                char got[sizeof expected];
                assert_ok(blob_read(blob, from, got, to - from, &fault),
                          &fault);
                assert_memory_equal(got, (const char *)expected + from,
                                    to - from);
            }
        char past[8];
        assert_int_equal(blob_read(blob, sizeof expected - 4, past, 8, &fault),
                         -1);
        blob_release(&blob);
    }
}

/* As deep as anybody likes, across the border of blocks. */
static void
scaled_blobs_are_scaled_again(void **state)
{
    (void)state;
    enum { COUNT = 5000, TIMES = 1000 };
    fault_t fault = {0};
    float *floats = calloc(COUNT, sizeof *floats);
    for (int i = 0; i < COUNT; i++)
        floats[i] = (float)i;
    blob_t *blob = blob_take(floats, COUNT * sizeof *floats, &fault);
    for (int t = 0; t < TIMES; t++) {
        const double factors[] = {t % 2 ? 0.25 : 4.0, t % 2 ? 2.0 : 0.5};
        blob_t *scaled =
            blob_scale(blob, DTYPE_FLOAT32, 2500, factors, 2, &fault);
        assert_non_null(scaled);
        blob_release(&blob);
        blob = scaled;
    }
    float got[4];
    blob_t *slice = blob_slice(blob, 2498 * sizeof *got, sizeof got, &fault);
    assert_ok(blob_read(slice, 0, got, sizeof got, &fault), &fault);
    for (int i = 0; i < 4; i++)
        assert_true(got[i] == (float)(2498 + i));
    blob_release(&slice);
    blob_release(&blob);
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
        cmocka_unit_test(a_scaled_blob_is_computed_as_it_is_read),
        cmocka_unit_test(scaled_blobs_are_scaled_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
