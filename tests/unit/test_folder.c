/* The folders that Convoy makes. */
#include "tests/support/tests.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"

static char here[PATH_MAX / 2];

static int
s_at_home(void **state)
{
    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    setenv("TMPDIR", here, 1);
    return 0;
}

static void
missing_folders_above_are_made_too(void **state)
{
    (void)state;
    fault_t fault = {0};
    assert_ok(folder_make("one/two/three", &fault), &fault);
    assert_ok(folder_make("one/two/three/", &fault), &fault);
    struct stat status;
    assert_int_equal(stat("one/two/three", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void
a_file_in_the_way_is_named(void **state)
{
    (void)state;
    fault_t fault = {0};
    tests_write("file", "x", 1);
    assert_int_equal(folder_make("file", &fault), -1);
    assert_string_equal(fault.text, "file is not a folder");
    assert_int_equal(folder_make("file/below", &fault), -1);
    assert_non_null(strstr(fault.text, "file/below cannot be made"));
}

static void
the_cache_is_below_xdg_cache_home(void **state)
{
    (void)state;
    fault_t fault = {0};
    char text[PATH_MAX], wanted[PATH_MAX];
    snprintf(wanted, sizeof wanted, "%s/cache", here);
    setenv("XDG_CACHE_HOME", wanted, 1);
    assert_ok(folder_cache(text, sizeof text, &fault), &fault);
    snprintf(wanted, sizeof wanted, "%s/cache/convoy", here);
    assert_string_equal(text, wanted);
}

static void
without_it_the_cache_is_below_home(void **state)
{
    (void)state;
    fault_t fault = {0};
    char text[PATH_MAX], wanted[PATH_MAX];
    setenv("HOME", here, 1);
    setenv("XDG_CACHE_HOME", "relative", 1);
    assert_ok(folder_cache(text, sizeof text, &fault), &fault);
    snprintf(wanted, sizeof wanted, "%s/.cache/convoy", here);
    assert_string_equal(text, wanted);
}

static void
without_a_home_the_cache_is_a_private_temporary_folder(void **state)
{
    (void)state;
    fault_t fault = {0};
    char text[PATH_MAX], wanted[PATH_MAX];
    setenv("HOME", "/dev/null", 1);
    assert_ok(folder_cache(text, sizeof text, &fault), &fault);
    snprintf(wanted, sizeof wanted, "%s/convoy-%u", here, (unsigned)geteuid());
    assert_string_equal(text, wanted);

    assert_int_equal(chmod(text, 0777), 0);
    assert_int_equal(folder_cache(text, sizeof text, &fault), -1);
    assert_non_null(strstr(fault.text, "only we may write"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(missing_folders_above_are_made_too, s_at_home),
        cmocka_unit_test_setup(a_file_in_the_way_is_named, s_at_home),
        cmocka_unit_test_setup(the_cache_is_below_xdg_cache_home, s_at_home),
        cmocka_unit_test_setup(without_it_the_cache_is_below_home, s_at_home),
        cmocka_unit_test_setup(
            without_a_home_the_cache_is_a_private_temporary_folder, s_at_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
