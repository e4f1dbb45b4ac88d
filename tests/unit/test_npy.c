/* .npy files against NumPy's (tests/data/make_npy.py), and hostile ones. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/npy.h"

static const char *
s_path(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "npy/%s.npy", name);
    return tests_data(path);
}

static tensor_t
s_read(const char *name)
{
    tensor_t tensor;
    fault_t fault;
    assert_ok(npy_read(&tensor, s_path(name), &fault), &fault);
    return tensor;
}

static void
every_element_type_is_read_in_both_byte_orders(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        dtype_t dtype;
    } rows[] = {
        {"f4", DTYPE_FLOAT32},       {"f8", DTYPE_FLOAT64},
        {"f2", DTYPE_FLOAT16},       {"i8", DTYPE_INT64},
        {"i4", DTYPE_INT32},         {"i2", DTYPE_INT16},
        {"i1", DTYPE_INT8},          {"u1", DTYPE_UINT8},
        {"big_f4", DTYPE_FLOAT32},   {"big_f8", DTYPE_FLOAT64},
        {"big_f2", DTYPE_FLOAT16},   {"big_i8", DTYPE_INT64},
        {"big_i4", DTYPE_INT32},     {"big_i2", DTYPE_INT16},
        {"version2", DTYPE_FLOAT32}, {"version3", DTYPE_FLOAT32},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tensor_t tensor = s_read(rows[i].name);
        float values[6];
        assert_int_equal(tensor.dtype, rows[i].dtype);
        assert_int_equal(tensor.shape.rank, 2);
        assert_int_equal(tensor.shape.dims[0], 2);
        assert_int_equal(tensor.shape.dims[1], 3);
        tensor_convert(DTYPE_FLOAT32, values, tensor.dtype, tensor.data, 6);
        for (int j = 0; j < 6; j++)
            assert_true(values[j] == (float)j);
        tensor_release(&tensor);
    }
}

static void
scalars_truth_values_and_empty_arrays_are_read(void **state)
{
    (void)state;
    tensor_t tensor = s_read("scalar");
    assert_int_equal(tensor.shape.rank, 0);
    assert_true(*(float *)tensor.data == 7.0f);
    tensor_release(&tensor);
    tensor = s_read("b1");
    assert_int_equal(tensor.dtype, DTYPE_BOOL);
    assert_memory_equal(tensor.data, "\0\1\1", 3);
    tensor_release(&tensor);
    tensor = s_read("empty");
    assert_int_equal(tensor.bytes, 0);
    assert_int_equal(tensor.shape.dims[1], 3);
    tensor_release(&tensor);
    tensor = s_read("axes8");
    assert_int_equal(tensor.shape.rank, 8);
    tensor_release(&tensor);
}

static void
s_holds(const char *name, const int64_t *wanted, size_t count)
{
    tensor_t tensor = s_read(name);
    int64_t value;
    assert_int_equal(tensor.bytes, count * dtype_size(tensor.dtype));
    for (size_t i = 0; i < count; i++) {
        tensor_convert(DTYPE_INT64, &value, tensor.dtype,
                       (char *)tensor.data + i * dtype_size(tensor.dtype), 1);
        assert_int_equal(value, wanted[i]);
    }
    tensor_release(&tensor);
}

static void
fortran_order_becomes_c_order(void **state)
{
    (void)state;
    enum { COUNT = 120 };
    int64_t wanted[COUNT];
    for (int i = 0; i < COUNT; i++)
        wanted[i] = i;
    s_holds("fortran", wanted, 6);
    s_holds("big_fortran", wanted, COUNT);
    s_holds("transposed", (const int64_t[]){0, 2, 4, 1, 3, 5}, 6);
    s_holds("empty_inner", NULL, 0);
}

static void
s_file_refused(const char *name, const char *sentence)
{
    tensor_t tensor;
    fault_t fault;
    assert_int_equal(npy_read(&tensor, s_path(name), &fault), -1);
    assert_int_equal(fault.code, FAULT_INPUT);
    const char *at = strstr(fault.text, ".npy: ");
    assert_non_null(at);
    assert_string_equal(at + 6, sentence);
    assert_null(tensor.data);
}

static void
arrays_that_cannot_be_held_are_refused(void **state)
{
    (void)state;
    s_file_refused("complex", "elements of type '<c8' are not supported");
    s_file_refused("record", "records of several fields are not supported");
    s_file_refused("axes9", "more than 8 axes");
    s_file_refused("absent", "No such file or directory");
    tensor_t tensor;
    fault_t fault;
    assert_int_equal(npy_read(&tensor, ".", &fault), -1);
    assert_string_equal(fault.text, ".: not a file");
}

/* A 1.0 file with this dict, then `extra` bytes. */
static int
s_decode(const char *dict, size_t extra, fault_t *fault)
{
    size_t length = strlen(dict), size = 10 + length + extra;
    uint8_t *bytes = calloc(1, size);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (uint8_t)length;
    bytes[9] = (uint8_t)(length >> 8);
    memcpy(bytes + 10, dict, length);
    tensor_t tensor;
    int result = npy_decode(&tensor, bytes, size, "x", fault);
    if (result == 0)
        tensor_release(&tensor);
    free(bytes);
    return result;
}

static void
s_dict_refused(const char *dict, const char *sentence)
{
    fault_t fault;
    assert_int_equal(s_decode(dict, 4, &fault), -1);
    assert_string_equal(fault.text, sentence);
}

#define F4 "{'descr': '<f4', 'fortran_order': False, 'shape': "

static void
crooked_headers_are_refused_in_a_sentence(void **state)
{
    (void)state;
    fault_t fault;
    assert_ok(s_decode(F4 "(1,), }", 4, &fault), &fault);
    assert_ok(
        s_decode("{'descr': '<f4', 'fortran_order': True, 'shape': (2,0)}", 0,
                 &fault),
        &fault);
    assert_ok(s_decode("{\"shape\":(1L,),'fortran_order':False,'descr':"
                       "'<f4'}\n",
                       4, &fault),
              &fault);
    s_dict_refused(F4 "(2,), }", "x: shape [2] takes 8 bytes, the file holds "
                                 "4");
    s_dict_refused(F4 "(), }{", "x: not a sound .npy header: something follows "
                                "it");
    s_dict_refused(F4 "(1 }", "x: not a sound .npy header: the shape has no "
                              "end");
    s_dict_refused(F4 "(-1,), }", "x: not a sound .npy header: a size is "
                                  "expected");
    s_dict_refused(F4 "(99999999999999999999,), }",
                   "x: not a sound .npy header: a size is too large");
    s_dict_refused(F4 "(4611686018427387904,4), }",
                   "x: shape [4611686018427387904, 4] is too large");
    s_dict_refused(F4 "(1099511627776,), }",
                   "x: shape [1099511627776] is too large");
    s_dict_refused("{'descr': '<f4'}", "x: not a sound .npy header: descr, "
                                       "fortran_order or shape is missing");
    s_dict_refused("{'zebra': 1}", "x: not a sound .npy header: a key is not "
                                   "known");
    s_dict_refused("{'descr': '<f4", "x: not a sound .npy header: a text has "
                                     "no end");
    s_dict_refused("{'fortran_order': 3}",
                   "x: not a sound .npy header: fortran_order is neither True "
                   "nor False");
    s_dict_refused("", "x: not a sound .npy header: a brace is expected");
}

static void
a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = tests_read(s_path("version3"), &size);
    assert_non_null(bytes);
    for (size_t cut = 0; cut < size; cut++) {
        tensor_t tensor;
        fault_t fault;
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, bytes, cut);
        assert_int_equal(npy_decode(&tensor, copy, cut, "x", &fault), -1);
        assert_int_equal(fault.code, FAULT_INPUT);
        free(copy);
    }
    free(bytes);
}

static void
s_round_trip(dtype_t dtype, const shape_t *shape)
{
    tensor_t tensor, again;
    fault_t fault;
    assert_ok(tensor_init(&tensor, dtype, shape, &fault), &fault);
    memset(tensor.data, 1, tensor.bytes);
    assert_ok(npy_write(&tensor, "out.npy", &fault), &fault);
    assert_ok(npy_read(&again, "out.npy", &fault), &fault);
    assert_int_equal(again.dtype, dtype);
    assert_true(shape_equal(&again.shape, shape));
    assert_memory_equal(again.data, tensor.data, tensor.bytes);
    tensor_release(&tensor);
    tensor_release(&again);
}

static void
what_was_written_is_read_again(void **state)
{
    (void)state;
    s_round_trip(DTYPE_FLOAT32, &(shape_t){2, {3, 4}});
    s_round_trip(DTYPE_INT64, &(shape_t){1, {5}});
    s_round_trip(DTYPE_BOOL, &(shape_t){0, {0}});
    s_round_trip(DTYPE_FLOAT16, &(shape_t){3, {1, 2, 3}});
    tensor_t tensor, again;
    fault_t fault;
    shape_t shape = {1, {2}};
    assert_ok(tensor_init(&tensor, DTYPE_BFLOAT16, &shape, &fault), &fault);
    memcpy(tensor.data, "\x80\x3f\x00\x40", 4); /* 1.0 and 2.0 */
    assert_ok(npy_write(&tensor, "out.npy", &fault), &fault);
    assert_ok(npy_read(&again, "out.npy", &fault), &fault);
    assert_int_equal(again.dtype, DTYPE_FLOAT32);
    assert_true(((float *)again.data)[1] == 2.0f);
    assert_int_equal(npy_write(&tensor, "absent/out.npy", &fault), -1);
    assert_int_equal(fault.code, FAULT_SYSTEM);
    assert_string_equal(fault.text,
                        "absent/out.npy: No such file or directory");
    tensor_release(&tensor);
    tensor_release(&again);
}

static void
numpy_wrote_the_same_bytes(void **state)
{
    (void)state;
    tensor_t tensor = s_read("f4");
    fault_t fault;
    assert_ok(npy_write(&tensor, "out.npy", &fault), &fault);
    size_t size, expected_size;
    uint8_t *bytes = tests_read("out.npy", &size);
    uint8_t *expected = tests_read(s_path("f4"), &expected_size);
    assert_int_equal(size, expected_size);
    assert_memory_equal(bytes, expected, size);
    free(bytes);
    free(expected);
    tensor_release(&tensor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_element_type_is_read_in_both_byte_orders),
        cmocka_unit_test(scalars_truth_values_and_empty_arrays_are_read),
        cmocka_unit_test(fortran_order_becomes_c_order),
        cmocka_unit_test(arrays_that_cannot_be_held_are_refused),
        cmocka_unit_test(crooked_headers_are_refused_in_a_sentence),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(what_was_written_is_read_again),
        cmocka_unit_test(numpy_wrote_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
