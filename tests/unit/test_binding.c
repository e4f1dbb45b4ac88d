/* Files of --tensor and --output: which tensor, which type, how many rows. */
#include "tests/support/tests.h"

#include <string.h>

#include "common/binding.h"
#include "common/npy.h"

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
    assert_string_equal(fault.text,
                        "--tensor: 2 files are given, the network has 1");
}

static void
every_input_and_no_output_twice(void **state)
{
    (void)state;
    bindings_t bindings;
    fault_t fault;
    const char *const few[] = {"mask=x.npy"};
    assert_int_equal(
        bindings_init(&bindings, BINDING_INPUT, few, 1, specs, 2, &fault), -1);
    assert_int_equal(fault.code, FAULT_USAGE);
    assert_string_equal(fault.text,
                        "the network's input 'ids' needs a --tensor");
    assert_ok(
        bindings_init(&bindings, BINDING_OUTPUT, few, 1, specs, 2, &fault),
        &fault);
    assert_int_equal(bindings.count, 1);
    assert_ptr_equal(bindings.items[0].spec, &specs[1]);
    assert_true(bindings.items[0].named);

    const char *const same[] = {"mask=x.npy", "x.npy"};
    assert_ok(
        bindings_init(&bindings, BINDING_INPUT, same, 2, specs, 2, &fault),
        &fault);
    assert_false(bindings.items[0].named);
    assert_int_equal(
        bindings_init(&bindings, BINDING_OUTPUT, same, 2, specs, 2, &fault),
        -1);
    assert_int_equal(fault.code, FAULT_USAGE);
    assert_string_equal(fault.text, "--output: x.npy is given twice, for 'ids' "
                                    "and for 'mask'");
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
    int result = bindings_read(&bindings, fault);
    if (result == 0)
        result = bindings_rows(&bindings, rows, bare, fault);
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
    s_write("none1.npy", DTYPE_FLOAT32, (shape_t){1, {0}});
    s_write("bool5.npy", DTYPE_BOOL, (shape_t){2, {5, 3}});
    assert_ok(s_read("ids5.npy", "mask5.npy", &rows, &bare, &fault), &fault);
    assert_int_equal(rows, 5);
    assert_false(bare);
    assert_ok(s_read("ids1.npy", "mask1.npy", &rows, &bare, &fault), &fault);
    assert_int_equal(rows, 1);
    assert_true(bare);
    assert_ok(s_read("none.npy", "none1.npy", &rows, &bare, &fault), &fault);
    assert_int_equal(rows, 0);
    assert_false(bare);

    const struct {
        const char *ids, *mask, *why;
    } cases[] = {
        {"ids1.npy", "mask5.npy", "rows"},
        {"mask5.npy", "mask5.npy", "float32"},
        {"wrong.npy", "mask5.npy", "[5, 4]"},
        {"none.npy", "mask5.npy", "mask5.npy holds 5 rows, none.npy holds 0"},
        {"absent.npy", "mask5.npy", "absent.npy"},
        {"bool5.npy", "mask5.npy",
         "bool5.npy holds bool, the input 'ids' takes int64: save "
         "x.astype('int64')"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            s_read(cases[i].ids, cases[i].mask, &rows, &bare, &fault), -1);
        assert_int_equal(fault.code, FAULT_INPUT);
        if (!strstr(fault.text, cases[i].why))
            fail_msg("case %zu: %s", i, fault.text);
    }
}

static void
numbers_of_one_kind_stand_for_each_other(void **state)
{
    (void)state;
    int64_t rows;
    bool bare;
    fault_t fault = {0};
    s_write("ids.npy", DTYPE_UINT8, (shape_t){2, {1, 3}});
    s_write("mask.npy", DTYPE_FLOAT64, (shape_t){1, {1}});
    assert_ok(s_read("ids.npy", "mask.npy", &rows, &bare, &fault), &fault);

    tensor_t large;
    assert_ok(tensor_init(&large, DTYPE_FLOAT64, &(shape_t){1, {1}}, &fault),
              &fault);
    *(double *)large.data = 1e40;
    assert_ok(npy_write(&large, "large.npy", &fault), &fault);
    tensor_release(&large);
    assert_int_equal(s_read("ids.npy", "large.npy", &rows, &bare, &fault), -1);
    assert_string_equal(fault.text,
                        "large.npy holds float64, the input 'mask' takes "
                        "float32: 1e+40 is too large for float32");
}

static void
a_batch_of_one_may_be_left_out(void **state)
{
    (void)state;
    static const tensor_spec_t fixed[] = {
        {"x", DTYPE_FLOAT32, {2, {1, 3}}},
        {"y", DTYPE_FLOAT32, {2, {2, 3}}},
    };
    bindings_t bindings;
    fault_t fault = {0};
    const char *const texts[] = {"row.npy", "row.npy"};
    s_write("row.npy", DTYPE_FLOAT32, (shape_t){1, {3}});
    assert_ok(
        bindings_init(&bindings, BINDING_INPUT, texts, 1, fixed, 1, &fault),
        &fault);
    assert_ok(bindings_read(&bindings, &fault), &fault);
    assert_int_equal(bindings.items[0].rows, 1);
    assert_int_equal(bindings.items[0].tensor.shape.rank, 2);
    bindings_release(&bindings);
    assert_ok(
        bindings_init(&bindings, BINDING_INPUT, texts, 2, fixed, 2, &fault),
        &fault);
    assert_int_equal(bindings_read(&bindings, &fault), -1);
    assert_string_equal(fault.text,
                        "row.npy has shape [3], the input 'y' takes [2, 3]");
    bindings_release(&bindings);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_matched_by_name_and_position),
        cmocka_unit_test(every_input_and_no_output_twice),
        cmocka_unit_test(a_name_that_no_tensor_has_is_refused),
        cmocka_unit_test(inputs_hold_the_same_number_of_rows),
        cmocka_unit_test(numbers_of_one_kind_stand_for_each_other),
        cmocka_unit_test(a_batch_of_one_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
