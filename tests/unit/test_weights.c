/* Checkpoints of every format, whole and damaged. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/weights.h"
#include "tests/support/bytes.h"

/* A file of tests/data in memory. */
static uint8_t *
s_load(const char *name, size_t *size)
{
    uint8_t *bytes = tests_read(tests_data(name), size);
    assert_non_null(bytes);
    return bytes;
}

static weights_t *
s_read(const uint8_t *bytes, size_t size, fault_t *fault)
{
    blob_t *file = bytes_file(bytes, size);
    weights_t *weights = weights_read(file, NULL, NULL, fault);
    blob_release(&file);
    return weights;
}

/* The tensor of this name is the ramp `number` + i / 8 of dtype and shape. */
static void
s_check(weights_t *weights, const char *name, dtype_t dtype, double number,
        const char *shape)
{
    fault_t fault = {0};
    const weight_t *weight = weights_use(weights, name);
    if (!weight)
        fail_msg("%s is missing", name);
    char text[128];
    assert_string_equal(shape_text(&weight->shape, text, sizeof text), shape);
    assert_int_equal(weight->dtype, dtype);
    size_t count = (size_t)shape_elements(&weight->shape);
    char raw[512];
    double elements[64];
    assert_int_equal(blob_bytes(weight->blob), count * dtype_size(dtype));
    assert_ok(
        blob_read(weight->blob, 0, raw, count * dtype_size(dtype), &fault),
        &fault);
    tensor_convert(DTYPE_FLOAT64, elements, dtype, raw, count);
    for (size_t i = 0; i < count; i++)
        assert_true(elements[i] == number + (double)i / 8);
}

static void
s_check_state_dict(weights_t *weights)
{
    s_check(weights, "conv.weight", DTYPE_FLOAT32, 1, "[2, 1, 2, 2]");
    s_check(weights, "conv.bias", DTYPE_FLOAT16, 2, "[2]");
    s_check(weights, "fc.weight", DTYPE_FLOAT64, 3, "[2, 3]");
    size_t at = 0;
    if (weights_find(weights, "fc.bias"))
        s_check(weights, "fc.bias", DTYPE_BFLOAT16, 4, "[3]");
    assert_null(weights_unused(weights, &at));
    s_check(weights, "norm.num_batches_tracked", DTYPE_INT64, 7, "[]");
}

static void
s_note(void *context, const char *text)
{
    strncat(context, text, 900);
    strncat(context, "; ", 900);
}

static void
a_state_dict_of_torch_is_read(void **state)
{
    (void)state;
    fault_t fault = {0};
    weights_t *weights =
        weights_open(tests_data("state_dict.pth"), NULL, NULL, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    assert_int_equal(weights_count(weights), 5);
    assert_string_equal(weights_at(weights, 0)->name, "conv.weight");
    s_check_state_dict(weights);
    assert_null(weights_find(weights, "conv"));
    weights_destroy(&weights);
}

static void
a_legacy_state_dict_is_read(void **state)
{
    (void)state;
    fault_t fault = {0};
    weights_t *weights =
        weights_open(tests_data("legacy.pth"), NULL, NULL, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    s_check_state_dict(weights);
    weights_destroy(&weights);
}

static void
a_safetensors_file_is_read(void **state)
{
    (void)state;
    fault_t fault = {0};
    weights_t *weights =
        weights_open(tests_data("model.safetensors"), NULL, NULL, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    s_check_state_dict(weights);
    weights_destroy(&weights);
}

static void
wrapper_dicts_and_module_prefixes_are_taken_off_with_a_note(void **state)
{
    (void)state;
    fault_t fault = {0};
    char notes[2048] = "";
    weights_t *weights =
        weights_open(tests_data("wrapped.pth"), s_note, notes, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    assert_non_null(strstr(notes, "state_dict"));
    assert_non_null(strstr(notes, "module."));
    s_check_state_dict(weights);
    weights_destroy(&weights);
}

static void
what_is_no_tensor_is_left_out_with_a_note(void **state)
{
    (void)state;
    fault_t fault = {0};
    char notes[2048] = "";
    weights_t *weights =
        weights_open(tests_data("mixed.pth"), s_note, notes, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    assert_non_null(strstr(notes, "note is no tensor"));
    assert_int_equal(weights_count(weights), 1);
    s_check(weights, "w", DTYPE_FLOAT32, 1, "[2]");
    weights_destroy(&weights);
}

static void
checkpoints_of_other_ages_are_refused_with_a_hint(void **state)
{
    (void)state;
    fault_t fault = {0};
    uint8_t tar[512] = {0};
    memcpy(tar + 257, "ustar", 5);
    assert_null(s_read(tar, sizeof tar, &fault));
    assert_non_null(strstr(fault.text, "tar checkpoint"));
    assert_null(s_read((const uint8_t *)"PYTORCH1 old", 12, &fault));
    assert_non_null(strstr(fault.text, "torch.save"));
}

static void
tensors_may_share_a_storage(void **state)
{
    (void)state;
    fault_t fault = {0};
    weights_t *weights =
        weights_open(tests_data("little.pth"), NULL, NULL, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    s_check(weights, "all", DTYPE_FLOAT32, 1, "[8]");
    s_check(weights, "tail", DTYPE_FLOAT32, 1.5, "[2, 2]");
    s_check(weights, "parameter", DTYPE_FLOAT32, 1.25, "[2]");
    weights_destroy(&weights);
}

static void
unused_weights_are_found_but_not_counters(void **state)
{
    (void)state;
    fault_t fault = {0};
    weights_t *weights =
        weights_open(tests_data("state_dict.pth"), NULL, NULL, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    assert_non_null(weights_use(weights, "conv.weight"));
    assert_non_null(weights_use(weights, "fc.weight"));
    assert_null(weights_use(weights, "fc"));
    size_t at = 0;
    assert_string_equal(weights_unused(weights, &at)->name, "conv.bias");
    assert_string_equal(weights_unused(weights, &at)->name, "fc.bias");
    assert_null(weights_unused(weights, &at));
    weights_destroy(&weights);
}

/* The file is refused with a fault that holds `part`. */
static void
s_refused(const char *name, const char *part)
{
    fault_t fault = {0};
    weights_t *weights = weights_open(tests_data(name), NULL, NULL, &fault);
    assert_null(weights);
    assert_int_equal(fault.code, FAULT_INPUT);
    if (!strstr(fault.text, part) || !strstr(fault.text, name))
        fail_msg("%s", fault.text);
}

static void
what_is_no_plain_state_dict_is_refused_by_name(void **state)
{
    (void)state;
    s_refused("transposed.pth", "w: not contiguous");
    s_refused("module.pth", "torch.nn.modules.linear.Linear");
    s_refused("list.pth", "is no state_dict");
    s_refused("no_tensors.pth", "no tensors in the checkpoint");
    s_refused("numbered.pth", "name is a number");
    s_refused("big.pth", "byteorder \"big\" is not read");
    s_refused("script.pth", "TorchScript");
    s_refused("make_checkpoints.py", "not a checkpoint");
    s_refused("nothing.pth", "No such file");
}

static void
a_checkpoint_cut_short_at_any_byte_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"state_dict.pth", "legacy.pth",
                                        "model.safetensors", "wrapped.pth"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size;
        uint8_t *bytes = s_load(names[i], &size);
        for (size_t cut = 0; cut < size; cut++) {
            fault_t fault = {0};
            weights_t *weights = s_read(bytes, cut, &fault);
            if (weights)
                fail_msg("%s read at %zu of %zu bytes", names[i], cut, size);
            assert_true(fault.code != FAULT_NONE);
        }
        free(bytes);
    }
}

/* Flip every bit in turn: a zip archive has checksums, so either the flip is
 * in a part that means nothing, or the file is refused. No crash is what
 * counts; the elements must be the right ones whenever it is accepted. */
static void
a_flipped_bit_never_changes_a_weight_of_an_archive(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = s_load("shared.pth", &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        fault_t fault = {0};
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        weights_t *weights = s_read(bytes, size, &fault);
        if (weights)
            s_check(weights, "all", DTYPE_FLOAT32, 1, "[8]");
        weights_destroy(&weights);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(bytes);
}

static void
a_legacy_file_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = s_load("legacy.pth", &size);
    const uint8_t eight[8] = {8}, two[8] = {2};
    uint8_t *count = memmem(bytes, size, eight, 8);
    assert_non_null(count);
    memcpy(count, two, 8); /* two elements where the pickle says eight */
    fault_t fault = {0};
    assert_null(s_read(bytes, size, &fault));
    assert_non_null(strstr(fault.text, "has 2 elements, 8 expected"));
    memset(count, 0xff, 8);
    assert_null(s_read(bytes, size, &fault));
    assert_non_null(strstr(fault.text, "8 expected"));
    memcpy(count, eight, 8);
    uint8_t *order = memmem(bytes, size, "little_endian", 13);
    uint8_t *truth = memchr(order, 0x88, 32); /* True becomes False */
    assert_non_null(truth);
    *truth = 0x89;
    assert_null(s_read(bytes, size, &fault));
    assert_non_null(strstr(fault.text, "little endian"));
    free(bytes);
}

/* --- archives whose checksums are off, as torch.save can write them --- */

/* Zero what follows each magic at an offset: the checksum. */
static void
s_zero_checksums(uint8_t *bytes, size_t size, const char *magic, size_t offset)
{
    for (size_t i = 0; i + offset + 4 <= size; i++)
        if (memcmp(bytes + i, magic, 4) == 0)
            memset(bytes + i + offset, 0, 4);
}

/* A golden without checksums, one sequence of bytes replaced by another. */
static weights_t *
s_read_patched(const char *name, const char *from, const char *to,
               size_t patch_size, fault_t *fault)
{
    size_t size;
    uint8_t *bytes = s_load(name, &size);
    s_zero_checksums(bytes, size, "PK\001\002", 16);
    s_zero_checksums(bytes, size, "PK\007\010", 4);
    uint8_t *at = memmem(bytes, size, from, patch_size);
    assert_non_null(at);
    memcpy(at, to, patch_size);
    weights_t *weights = s_read(bytes, size, fault);
    free(bytes);
    return weights;
}

static void
an_archive_may_come_without_checksums(void **state)
{
    (void)state;
    fault_t fault = {0};
    weights_t *weights =
        s_read_patched("shared.pth", "tail", "head", 4, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    s_check(weights, "all", DTYPE_FLOAT32, 1, "[8]");
    s_check(weights, "head", DTYPE_FLOAT32, 1.5, "[2, 2]");
    weights_destroy(&weights);
}

static void
storages_and_the_pickle_must_agree(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        size_t size;
        const char *part;
    } rows[] = {
        {"K\x08tq", "K\x09tq", 4, "data/0 has 32 bytes for 9 elements"},
        {"K\x08tq", "K\x07tq", 4, "outside its storage"},
        {"FloatStorage", "ShortStorage", 12, "data/0 has 32 bytes"},
        {"X\x01\0\0\0"
         "0q",
         "X\x01\0\0\0"
         "1q",
         7, "storage data/1 is missing"},
        {"all", "\0ll", 3, "no name"},
        {"tail", "\0\0\0\0", 4, "no name"},
        {"3\n", "9\n", 2, "version \"9\" is not read"},
        {"data.pkl", "data.pkk", 8, "another name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fault_t fault = {0};
        weights_t *weights = s_read_patched("shared.pth", rows[i].from,
                                            rows[i].to, rows[i].size, &fault);
        assert_null(weights);
        if (!strstr(fault.text, rows[i].part))
            fail_msg("%s, where %s was expected", fault.text, rows[i].part);
    }
}

/* --- safetensors headers --- */

static weights_t *
s_read_header(const char *header, size_t data_bytes, fault_t *fault)
{
    uint8_t bytes[4096] = {0};
    size_t size = strlen(header);
    assert_true(8 + size + data_bytes <= sizeof bytes);
    bytes[0] = (uint8_t)size;
    bytes[1] = (uint8_t)(size >> 8);
    memcpy(bytes + 8, header, size);
    return s_read(bytes, 8 + size + data_bytes, fault);
}

static void
s_header_refused(const char *header, size_t data_bytes, const char *part)
{
    fault_t fault = {0};
    assert_null(s_read_header(header, data_bytes, &fault));
    if (!strstr(fault.text, part))
        fail_msg("%s: %s", header, fault.text);
}

#define ENTRY(dtype, shape, offsets)                                           \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void
safetensors_may_be_empty_or_hold_empty_tensors_and_scalars(void **state)
{
    (void)state;
    fault_t fault = {0};
    weights_t *weights =
        s_read_header("{\"a\":" ENTRY("F32", "[0]", "[0,0]") ",\"b\":" ENTRY(
                          "F32", "[]", "[0,4]") "}",
                      4, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    assert_int_equal(weights_count(weights), 2);
    weights_destroy(&weights);
    weights = s_read_header("{}", 0, &fault);
    assert_ok(weights ? 0 : -1, &fault);
    weights_destroy(&weights);
}

static void
odd_safetensors_headers_are_refused(void **state)
{
    (void)state;
    s_header_refused("{\"a\":" ENTRY("F32", "[1]", "[0,4]") "}", 3, "file");
    s_header_refused("{\"a\":" ENTRY("F32", "[1]", "[0,4]") "}", 5, "file");
    s_header_refused("{\"a\":" ENTRY("F32", "[1]", "[1,5]") "}", 5, "a begins");
    s_header_refused("{\"a\":" ENTRY("F32", "[2]", "[0,4]") "}", 4, "a: ");
    s_header_refused("{\"a\":" ENTRY("F32", "[-1]", "[0,4]") "}", 4, "size");
    s_header_refused(
        "{\"a\":" ENTRY("F32", "[4294967296,4294967296]", "[0,4]") "}", 4,
        "size");
    s_header_refused("{\"a\":" ENTRY("F32", "[1.0]", "[0,4]") "}", 4, "size");
    s_header_refused("{\"a\":" ENTRY("F8_E4M3", "[4]", "[0,4]") "}", 4,
                     "F8_E4M3");
    s_header_refused("{\"a\":" ENTRY("F32", "[1]", "[4,0]") "}", 4, "offsets");
    s_header_refused("{\"a\":" ENTRY("F32", "[1]", "[0,4]") ",\"a\":" ENTRY(
                         "F32", "[1]", "[0,4]") "}",
                     4, "duplicate");
    s_header_refused("{\"a\":" ENTRY("F32", "[1]", "[0,4]") ",\"b\":" ENTRY(
                         "F32", "[1]", "[0,4]") "}",
                     4, "b begins");
    s_header_refused("{\"__metadata__\":{\"a\":1}}", 0, "__metadata__");
    s_header_refused("{\"a\":1}", 0, "a: ");
    s_header_refused("{\"a\":" ENTRY("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}",
                     4, "axes");
    s_header_refused("{\"a\":", 0, "header");
    s_header_refused("{} x", 0, "header");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_dict_of_torch_is_read),
        cmocka_unit_test(a_legacy_state_dict_is_read),
        cmocka_unit_test(a_safetensors_file_is_read),
        cmocka_unit_test(
            wrapper_dicts_and_module_prefixes_are_taken_off_with_a_note),
        cmocka_unit_test(what_is_no_tensor_is_left_out_with_a_note),
        cmocka_unit_test(checkpoints_of_other_ages_are_refused_with_a_hint),
        cmocka_unit_test(a_legacy_file_that_contradicts_itself_is_refused),
        cmocka_unit_test(tensors_may_share_a_storage),
        cmocka_unit_test(unused_weights_are_found_but_not_counters),
        cmocka_unit_test(what_is_no_plain_state_dict_is_refused_by_name),
        cmocka_unit_test(a_checkpoint_cut_short_at_any_byte_is_refused),
        cmocka_unit_test(a_flipped_bit_never_changes_a_weight_of_an_archive),
        cmocka_unit_test(an_archive_may_come_without_checksums),
        cmocka_unit_test(storages_and_the_pickle_must_agree),
        cmocka_unit_test(
            safetensors_may_be_empty_or_hold_empty_tensors_and_scalars),
        cmocka_unit_test(odd_safetensors_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
