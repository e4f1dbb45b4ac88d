/* Operands: pictures of --image. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/inputs.h"

static void
a_folder_is_its_pictures_in_name_order(void **state)
{
    (void)state;
    inputs_t inputs;
    fault_t fault;
    mkdir("folder", 0700);
    mkdir("folder/deeper.png", 0700);
    const char *const files[] = {"folder/b.jpeg", "folder/a.PNG",
                                 "folder/c.txt",  "folder/.hidden.png",
                                 "folder/B.jpg",  "folder/png"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        tests_write(files[i], "x", 1);
    rmdir("folder/deeper.png");
    const char *const operands[] = {"one.png", "folder", "-", "folder/"};
    assert_ok(inputs_init(&inputs, operands, 4, &fault), &fault);
    const char *const wanted[] = {
        "one.png", "folder/B.jpg", "folder/a.PNG", "folder/b.jpeg",
        "-",       "folder/B.jpg", "folder/a.PNG", "folder/b.jpeg"};
    assert_int_equal(inputs.count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(inputs.paths[i], wanted[i]);
    inputs_release(&inputs);
}

static void
a_folder_without_pictures_is_named(void **state)
{
    (void)state;
    inputs_t inputs;
    fault_t fault;
    mkdir("empty", 0700);
    const char *const operands[] = {"x.png", "empty"};
    assert_int_equal(inputs_init(&inputs, operands, 2, &fault), -1);
    assert_int_equal(fault.code, FAULT_INPUT);
    assert_non_null(strstr(fault.text, "empty"));
}

static void
standard_input_can_be_read_once_only(void **state)
{
    (void)state;
    inputs_t inputs;
    fault_t fault;
    const char *const operands[] = {"-", "x.png", "-"};
    assert_int_equal(inputs_init(&inputs, operands, 3, &fault), -1);
    assert_int_equal(fault.code, FAULT_USAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_its_pictures_in_name_order),
        cmocka_unit_test(a_folder_without_pictures_is_named),
        cmocka_unit_test(standard_input_can_be_read_once_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
