/* Weights beside an ONNX file: read from its folder, and from nowhere else. */
#include "tests/support/tests.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/model/onnx.h"
#include "tests/support/sketch.h"

static const float numbers[] = {1, 2, 3, 4, 5, 6, 7, 8};

/* The folder m with a model and things beside and around it. */
static int
s_setup(void **state)
{
    (void)state;
    mkdir("m", 0755);
    mkdir("m/sub", 0755);
    tests_write("outside.bin", numbers, sizeof numbers);
    tests_write("m/w.bin", numbers, sizeof numbers);
    tests_write("m/sub/w.bin", numbers, sizeof numbers);
    tests_write("m/named_twice.bin", numbers, sizeof numbers);
    return symlink("w.bin", "m/link.bin") || symlink("sub", "m/folder_link") ||
           symlink("/dev/zero", "m/device") ||
           link("m/named_twice.bin", "m/other_name.bin") ||
           mkfifo("m/pipe", 0644);
}

/* x + w, w being four numbers that are where entries say. */
static onnx_model_t *
s_open(const char *entries, fault_t *fault)
{
    char text[1024];
    size_t size;
    snprintf(text, sizeof text,
             "opset 17\nin x float32 [N,4]\nexternal w float32 [4] %s\n"
             "node Add x w -> y\nout y\n",
             entries);
    uint8_t *bytes = sketch_bytes(text, &size);
    tests_write("m/model.onnx", bytes, size);
    free(bytes);
    return onnx_open("m/model.onnx", fault);
}

static void
s_check(const char *entries, float first)
{
    fault_t fault = {0};
    float read[4];
    onnx_model_t *model = s_open(entries, &fault);
    assert_ok(model ? 0 : -1, &fault);
    int w = graph_find(model->graph, "w");
    assert_ok(graph_read_constant(model->graph, w, DTYPE_FLOAT32, read, &fault),
              &fault);
    for (int i = 0; i < 4; i++)
        assert_true(read[i] == first + (float)i);
    onnx_destroy(&model);
}

static void
s_refused(const char *entries, const char *part)
{
    fault_t fault = {0};
    assert_null(s_open(entries, &fault));
    assert_int_equal(fault.code, FAULT_INPUT);
    if (!strstr(fault.text, part) || !strstr(fault.text, "tensor w: "))
        fail_msg("%s, where %s was expected", fault.text, part);
}

static void
ranges_of_files_beside_the_model(void **state)
{
    (void)state;
    s_check("location=w.bin length=16", 1);
    s_check("location=w.bin offset=4 length=16", 2);
    s_check("location=w.bin offset=16", 5);
    s_check("location=sub/w.bin offset=8 length=16", 3);
    s_check("location=./w.bin length=16 checksum=any", 1);
}

static void
a_model_opened_from_its_own_folder(void **state)
{
    (void)state;
    fault_t fault = {0};
    onnx_model_t *model = s_open("location=w.bin length=16", &fault);
    onnx_destroy(&model);
    assert_int_equal(chdir("m"), 0);
    model = onnx_open("model.onnx", &fault);
    assert_int_equal(chdir(".."), 0);
    assert_ok(model ? 0 : -1, &fault);
    onnx_destroy(&model);
}

static void
ways_out_of_the_folder_are_refused(void **state)
{
    (void)state;
    char folder[512], absolute[600];
    assert_non_null(getcwd(folder, sizeof folder));
    snprintf(absolute, sizeof absolute, "location=%.480s/m/w.bin length=16",
             folder);
    s_refused(absolute, "not a path below");
    s_refused("location=/dev/zero length=16", "not a path below");
    s_refused("location=../outside.bin length=16", "not a path below");
    s_refused("location=sub/../../outside.bin length=16", "not a path below");
    s_refused("location=sub/../w.bin length=16", "not a path below");
    s_refused("location=sub/.. length=16", "not a path below");
    s_refused("location= length=16", "not a path below");
    s_refused("location=sub//w.bin length=16", "not a path below");
    s_refused("location=w.bin/ length=16", "not a path below");
    s_refused("location=link.bin length=16", "symbolic link");
    s_refused("location=folder_link/w.bin length=16", "Not a directory");
    s_refused("location=device length=16", "symbolic link");
    s_refused("location=named_twice.bin length=16", "hard links");
    s_refused("location=pipe length=16", "not a regular file");
    s_refused("location=sub length=16", "not a regular file");
    s_refused("location=none.bin length=16", "No such file");
}

static void
a_name_with_a_nul_is_refused(void **state)
{
    (void)state;
    fault_t fault = {0};
    size_t size;
    uint8_t *bytes =
        sketch_bytes("opset 17\nin x float32 [N,4]\nexternal w float32 [4] "
                     "location=w.binZZ length=16\nnode Add x w -> y\nout y\n",
                     &size);
    uint8_t *at = memmem(bytes, size, "ZZ", 2);
    memset(at, 0, 2);
    tests_write("m/model.onnx", bytes, size);
    free(bytes);
    assert_null(onnx_open("m/model.onnx", &fault));
    assert_non_null(strstr(fault.text, "no text"));
}

static void
odd_entries_are_refused(void **state)
{
    (void)state;
    s_refused("length=16", "no location");
    s_refused("location=w.bin location=w.bin", "location comes twice");
    s_refused("location=w.bin basepath=/", "no key 'basepath'");
    s_refused("location=w.bin offset=-4 length=16", "offset '-4' is no number");
    s_refused("location=w.bin offset=+4 length=16", "offset '+4'");
    s_refused("location=w.bin offset=0x4 length=16", "offset '0x4'");
    s_refused("location=w.bin offset=99999999999999999999 length=16", "offset");
    s_refused("location=w.bin length=", "length ''");
    s_refused("location=w.bin length=15", "15 bytes of 'w.bin' where");
    s_refused("location=w.bin", "32 bytes of 'w.bin' where");
    s_refused("location=w.bin offset=20 length=16", "lie outside the 32");
    s_refused("location=w.bin offset=18446744073709551615 length=16",
              "lie outside");
}

static void
a_model_without_a_folder_has_no_files(void **state)
{
    (void)state;
    fault_t fault = {0};
    assert_null(
        sketch_read("opset 17\nin x float32 [N,4]\nexternal w float32 [4] "
                    "location=w.bin length=16\nnode Add x w -> y\nout y\n",
                    &fault));
    assert_non_null(strstr(fault.text, "tensor w: its weights are in another"));
}

/* A sparse file: no byte of it is on the disk. */
static void
weights_over_2_gib_in_all_are_read(void **state)
{
    (void)state;
    static const off_t far = (off_t)5 << 30;
    int file = open("m/w.bin", O_WRONLY);
    assert_int_equal(ftruncate(file, far), 0);
    assert_int_equal(pwrite(file, numbers, 16, far), 16);
    close(file);
    s_check("location=w.bin offset=5368709120 length=16", 1);
    s_check("location=w.bin offset=5368709120", 1);
    tests_write("m/w.bin", numbers, sizeof numbers);
}

static void
a_model_over_2_gib_is_refused(void **state)
{
    (void)state;
    fault_t fault = {0};
    tests_write("large.onnx", "\x08\x08", 2);
    assert_int_equal(truncate("large.onnx", ((off_t)2 << 30) + 1), 0);
    assert_null(onnx_open("large.onnx", &fault));
    assert_non_null(strstr(fault.text, "large.onnx: an ONNX file over 2 GiB"));
    unlink("large.onnx");
}

/* As exporters write large models: a file for each tensor. */
static void
so_many_files_and_no_more(void **state)
{
    (void)state;
    enum { MAX = 512 };
    for (int files = MAX; files <= MAX + 1; files++) {
        fault_t fault = {0};
        size_t size, at = 0;
        char *text = malloc((MAX + 1) * 120 + 200), path[64];
        at += (size_t)sprintf(text, "opset 17\nin x float32 [N,4]\n");
        for (int i = 0; i < files; i++) {
            snprintf(path, sizeof path, "m/w%d.bin", i);
            tests_write(path, numbers, 16);
            at += (size_t)sprintf(text + at,
                                  "external w%d float32 [4] location=w%d.bin\n"
                                  "external v%d float32 [4] location=w%d.bin\n",
                                  i, i, i, i);
        }
        sprintf(text + at, "node Add x w0 -> y\nout y\n");
        uint8_t *bytes = sketch_bytes(text, &size);
        tests_write("m/model.onnx", bytes, size);
        free(bytes);
        free(text);
        onnx_model_t *model = onnx_open("m/model.onnx", &fault);
        if (files == MAX)
            assert_ok(model ? 0 : -1, &fault);
        else
            assert_non_null(strstr(fault.text, "more than 512 files"));
        onnx_destroy(&model);
    }
}

/* Descriptors are not left behind. */
static void
files_are_closed_with_the_model(void **state)
{
    (void)state;
    fault_t fault = {0};
    int before = dup(0);
    onnx_model_t *model = s_open("location=w.bin length=16", &fault);
    assert_ok(model ? 0 : -1, &fault);
    onnx_destroy(&model);
    int after = dup(0);
    assert_int_equal(before + 1, after);
    close(before);
    close(after);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_files_beside_the_model),
        cmocka_unit_test(a_model_opened_from_its_own_folder),
        cmocka_unit_test(ways_out_of_the_folder_are_refused),
        cmocka_unit_test(a_name_with_a_nul_is_refused),
        cmocka_unit_test(odd_entries_are_refused),
        cmocka_unit_test(a_model_without_a_folder_has_no_files),
        cmocka_unit_test(weights_over_2_gib_in_all_are_read),
        cmocka_unit_test(a_model_over_2_gib_is_refused),
        cmocka_unit_test(so_many_files_and_no_more),
        cmocka_unit_test(files_are_closed_with_the_model),
    };
    return cmocka_run_group_tests(tests, s_setup, NULL);
}
