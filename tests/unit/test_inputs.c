/* Operands: pictures of --image, files of --tensor and --output. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/binding.h"
#include "client/inputs.h"
#include "common/npy.h"

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

static const tensor_spec_t specs[] = {
    {"ids", DTYPE_INT64, {2, {DIM_BATCH, 3}}},
    {"mask", DTYPE_FLOAT32, {1, {DIM_BATCH}}},
};

static void
files_are_matched_by_name_and_position(void **state)
{
    (void)state;
    bindings_t bindings;
    fault_t fault;
    const char *const texts[] = {"a=b.npy", "ids=x.npy"};
    tests_write("a=b.npy", "", 0); /* a file may be called that */
    assert_ok(
        bindings_init(&bindings, BINDING_INPUT, texts, 2, specs, 2, &fault),
        &fault);
    assert_int_equal(bindings.count, 2);
    assert_string_equal(bindings.items[0].path, "x.npy");
    assert_string_equal(bindings.items[1].path, "a=b.npy");

    const char *const twice[] = {"ids=x.npy", "ids=y.npy"};
    assert_int_equal(
        bindings_init(&bindings, BINDING_INPUT, twice, 2, specs, 2, &fault),
        -1);
    assert_int_equal(fault.code, FAULT_USAGE);
    assert_int_equal(
        bindings_init(&bindings, BINDING_INPUT, texts, 2, specs, 1, &fault),
        -1);
}

static void
a_name_that_no_tensor_has_is_refused(void **state)
{
    (void)state;
    bindings_t bindings;
    fault_t fault;
    const char *const wrong[] = {"foo=x.npy"};
    assert_int_equal(
        bindings_init(&bindings, BINDING_INPUT, wrong, 1, specs, 1, &fault),
        -1);
    assert_int_equal(fault_exit_status(fault.code), 65);
    assert_string_equal(fault.text, "--tensor foo=x.npy: there is no tensor "
                                    "foo, the input is 'ids'");
    tests_write("foo=x.npy", "", 0);
    assert_int_equal(
        bindings_init(&bindings, BINDING_OUTPUT, wrong, 1, specs, 2, &fault),
        -1);
    assert_string_equal(fault.text, "--output foo=x.npy: there is no tensor "
                                    "foo, the first output is 'ids'");
    const char *const path[] = {"./foo=x.npy"};
    assert_ok(
        bindings_init(&bindings, BINDING_OUTPUT, path, 1, specs, 2, &fault),
        &fault);
    assert_string_equal(bindings.items[0].path, "./foo=x.npy");
}

static void
s_write(const char *path, dtype_t dtype, shape_t shape)
{
    tensor_t tensor;
    fault_t fault;
    assert_ok(tensor_init(&tensor, dtype, &shape, &fault), &fault);
    assert_ok(npy_write(&tensor, path, &fault), &fault);
    tensor_release(&tensor);
}

static int
s_read(const char *ids, const char *mask, int64_t *rows, bool *bare,
       fault_t *fault)
{
    bindings_t bindings;
    const char *const texts[] = {ids, mask};
    assert_ok(
        bindings_init(&bindings, BINDING_INPUT, texts, 2, specs, 2, fault),
        fault);
    int result = bindings_read(&bindings, rows, bare, fault);
    bindings_release(&bindings);
    return result;
}

static void
inputs_hold_the_same_number_of_rows(void **state)
{
    (void)state;
    int64_t rows;
    bool bare;
    fault_t fault = {0};
    s_write("ids5.npy", DTYPE_INT64, (shape_t){2, {5, 3}});
    s_write("ids1.npy", DTYPE_INT64, (shape_t){1, {3}});
    s_write("mask5.npy", DTYPE_FLOAT32, (shape_t){1, {5}});
    s_write("mask1.npy", DTYPE_FLOAT32, (shape_t){0, {0}});
    s_write("wrong.npy", DTYPE_INT64, (shape_t){2, {5, 4}});
    s_write("none.npy", DTYPE_INT64, (shape_t){2, {0, 3}});
    assert_ok(s_read("ids5.npy", "mask5.npy", &rows, &bare, &fault), &fault);
    assert_int_equal(rows, 5);
    assert_false(bare);
    assert_ok(s_read("ids1.npy", "mask1.npy", &rows, &bare, &fault), &fault);
    assert_int_equal(rows, 1);
    assert_true(bare);

    const struct {
        const char *ids, *mask, *why;
    } cases[] = {
        {"ids1.npy", "mask5.npy", "rows"},
        {"mask5.npy", "mask5.npy", "float32"},
        {"wrong.npy", "mask5.npy", "[5, 4]"},
        {"none.npy", "mask5.npy", "[0, 3]"},
        {"absent.npy", "mask5.npy", "absent.npy"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            s_read(cases[i].ids, cases[i].mask, &rows, &bare, &fault), -1);
        assert_int_equal(fault.code, FAULT_INPUT);
        if (!strstr(fault.text, cases[i].why))
            fail_msg("case %zu: %s", i, fault.text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_its_pictures_in_name_order),
        cmocka_unit_test(a_folder_without_pictures_is_named),
        cmocka_unit_test(standard_input_can_be_read_once_only),
        cmocka_unit_test(files_are_matched_by_name_and_position),
        cmocka_unit_test(a_name_that_no_tensor_has_is_refused),
        cmocka_unit_test(inputs_hold_the_same_number_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
