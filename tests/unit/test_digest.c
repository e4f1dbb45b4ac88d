/* SHA-256, checked against the examples of FIPS 180-2. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/digest.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MILLION                                                                \
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void
s_check(const digest_t *digest, const char *expected)
{
    char text[DIGEST_HEX + 1];
    assert_string_equal(digest_text(digest, text, DIGEST_HEX), expected);
}

static void
the_standard_examples_come_out(void **state)
{
    (void)state;
    digester_t digester;
    digest_t digest;
    digester_init(&digester);
    digester_finish(&digester, &digest);
    s_check(&digest, EMPTY);
    digester_init(&digester);
    digester_add(&digester, "a", 1);
    digester_add(&digester, "bc", 2);
    digester_finish(&digester, &digest);
    s_check(&digest, ABC);
}

static void
a_file_is_read_in_blocks(void **state)
{
    (void)state;
    char *bytes = malloc(1000000);
    memset(bytes, 'a', 1000000);
    tests_write("million", bytes, 1000000);
    free(bytes);
    digest_t digest;
    fault_t fault;
    assert_ok(digest_file(&digest, "million", &fault), &fault);
    s_check(&digest, MILLION);
    assert_int_equal(digest_file(&digest, "absent", &fault), -1);
    assert_int_equal(fault.code, FAULT_SYSTEM);
    assert_string_equal(fault.text, "absent: No such file or directory");
    assert_int_equal(digest_file(&digest, ".", &fault), -1);
}

static void
text_and_digest_are_inverse(void **state)
{
    (void)state;
    digest_t digest, other;
    char text[DIGEST_HEX + 1];
    assert_true(digest_parse(&digest, ABC));
    s_check(&digest, ABC);
    assert_string_equal(digest_text(&digest, text, 12), "ba7816bf8f01");
    assert_true(digest_parse(&other, EMPTY));
    assert_false(digest_equal(&digest, &other));
    assert_true(digest_parse(&other, ABC));
    assert_true(digest_equal(&digest, &other));
}

static void
what_is_not_64_hex_digits_is_refused(void **state)
{
    (void)state;
    digest_t digest;
    assert_false(digest_parse(&digest, ""));
    assert_false(digest_parse(&digest, ABC "0"));
    char text[] = ABC;
    text[63] = 'g';
    assert_false(digest_parse(&digest, text));
    text[63] = 'D';
    assert_false(digest_parse(&digest, text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_examples_come_out),
        cmocka_unit_test(a_file_is_read_in_blocks),
        cmocka_unit_test(text_and_digest_are_inverse),
        cmocka_unit_test(what_is_not_64_hex_digits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
