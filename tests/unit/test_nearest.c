/* "Did you mean". */
#include "tests/support/tests.h"

#include "common/nearest.h"

static const char *
s_nearest(const char *word)
{
    static const char *const known[] = {"GELU", "ReLU", "BatchNorm2d", "Gemm"};
    nearest_t nearest = {0};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        nearest_offer(&nearest, word, known[i]);
    return nearest_answer(&nearest);
}

static void
a_distance_counts_changed_and_swapped_characters(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("kernel", "kernel"), 0);
    assert_int_equal(nearest_distance("kenrel", "kernel"), 1);
    assert_int_equal(nearest_distance("kernl", "kernel"), 1);
    assert_int_equal(nearest_distance("colonel", "kernel"), 4);
}

static void
a_word_in_the_wrong_case_is_always_known(void **state)
{
    (void)state;
    assert_string_equal(s_nearest("Gelu"), "GELU");
    assert_string_equal(s_nearest("relu"), "ReLU");
    assert_string_equal(s_nearest("BATCHNORM2D"), "BatchNorm2d");
    assert_string_equal(s_nearest("batchnrom2D"), "BatchNorm2d");
}

static void
a_word_far_from_all_has_no_answer(void **state)
{
    (void)state;
    assert_null(s_nearest("Softmax"));
    assert_null(s_nearest(""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_distance_counts_changed_and_swapped_characters),
        cmocka_unit_test(a_word_in_the_wrong_case_is_always_known),
        cmocka_unit_test(a_word_far_from_all_has_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
