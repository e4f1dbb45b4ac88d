/* Checksums of tensor frames. */
#include "tests/support/tests.h"

#include "common/checksum.h"

static const job_id_t job = {{1, 2, 3}};

static void
the_place_of_a_frame_is_part_of_its_sum(void **state)
{
    (void)state;
    job_id_t other = job;
    other.bytes[15] = 1;
    uint64_t sum = checksum_frame(&job, 1, 2, "abc", 3);
    assert_true(sum == checksum_frame(&job, 1, 2, "abc", 3));
    assert_false(sum == checksum_frame(&other, 1, 2, "abc", 3));
    assert_false(sum == checksum_frame(&job, 2, 2, "abc", 3));
    assert_false(sum == checksum_frame(&job, 1, 3, "abc", 3));
    assert_false(sum == checksum_frame(&job, 2, 1, "abc", 3));
    assert_false(sum == checksum_frame(&job, 1, 2, "abd", 3));
    assert_false(sum == checksum_frame(&job, 1, 2, "ab", 2));
}

static void
no_sum_always_fits_and_a_wrong_one_never(void **state)
{
    (void)state;
    uint64_t sum = checksum_frame(&job, 0, 0, "", 0);
    assert_true(sum != 0);
    assert_true(checksum_fits(sum, &job, 0, 0, "", 0));
    assert_true(checksum_fits(0, &job, 0, 0, "", 0));
    assert_false(checksum_fits(sum ^ 1, &job, 0, 0, "", 0));
}

/* A value written down once: peers of another version must agree. */
static void
the_sum_does_not_change_between_versions(void **state)
{
    (void)state;
    uint8_t frame[300];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)i;
    assert_true(checksum_frame(&job, 3, 1, frame, sizeof frame) ==
                UINT64_C(0xbc8ae063a5cdb2a3));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_of_a_frame_is_part_of_its_sum),
        cmocka_unit_test(no_sum_always_fits_and_a_wrong_one_never),
        cmocka_unit_test(the_sum_does_not_change_between_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
