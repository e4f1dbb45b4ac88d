/* The part files a broker hands out. */
#include "tests/support/tests.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/store.h"

/* How many entries of a folder begin like this. */
static int
s_entries(const char *folder, const char *prefix)
{
    int count = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
                 entry->d_name[strspn(entry->d_name, ".")] != '\0';
    closedir(listing);
    return count;
}

/* A store with parts of these texts. */
static store_t *
s_store(const char *const *texts, int count)
{
    fault_t fault = {0};
    char path[512];
    store_t *store = store_new("cache", &fault);
    assert_ok(store ? 0 : -1, &fault);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/part%d", store_folder(store), i);
        tests_write(path, texts[i], strlen(texts[i]));
        assert_int_equal(store_add(store, path, strlen(texts[i]), &fault), i);
    }
    return store;
}

static void
parts_are_read_at_any_offset(void **state)
{
    (void)state;
    static const char *const texts[] = {"the first part", "another"};
    fault_t fault = {0};
    char bytes[16] = {0};
    store_t *store = s_store(texts, 2);
    assert_int_equal(store_bytes(store, 0), 14);
    assert_int_equal(store_bytes(store, 1), 7);
    assert_ok(store_read(store, 0, 4, bytes, 5, &fault), &fault);
    assert_string_equal(bytes, "first");
    assert_ok(store_read(store, 1, 0, bytes, 7, &fault), &fault);
    assert_memory_equal(bytes, "another", 7);
    store_destroy(&store);
    assert_null(store);
}

static void
a_sealed_store_leaves_nothing_behind_and_still_serves(void **state)
{
    (void)state;
    static const char *const texts[] = {"bytes"};
    fault_t fault = {0};
    char bytes[8] = {0};
    store_t *store = s_store(texts, 1);
    assert_int_equal(s_entries("cache", ""), 1);
    store_seal(store);
    assert_int_equal(s_entries("cache", ""), 0);
    assert_ok(store_read(store, 0, 0, bytes, 5, &fault), &fault);
    assert_string_equal(bytes, "bytes");
    store_destroy(&store);
}

static void
reading_behind_the_end_is_a_fault(void **state)
{
    (void)state;
    static const char *const texts[] = {"short"};
    fault_t fault = {0};
    char bytes[8];
    store_t *store = s_store(texts, 1);
    assert_int_equal(store_read(store, 0, 0, bytes, 6, &fault), -1);
    assert_string_equal(fault.text,
                        "the file of part 0 cannot be read at 5: it ends "
                        "there");
    store_destroy(&store);
}

static void
a_file_of_another_size_is_not_taken(void **state)
{
    (void)state;
    fault_t fault = {0};
    store_t *store = store_new("cache", &fault);
    tests_write("file", "12345", 5);
    assert_int_equal(store_add(store, "file", 6, &fault), -1);
    assert_non_null(strstr(fault.text, "file is not the file of 6 bytes"));
    assert_int_equal(store_add(store, "nothing", 6, &fault), -1);
    assert_non_null(strstr(fault.text, "nothing cannot be opened"));
    store_destroy(&store);
}

static void
leftovers_of_the_dead_are_swept_and_the_living_are_spared(void **state)
{
    (void)state;
    static const char *const texts[] = {"bytes"};
    fault_t fault = {0};
    pid_t child = fork();
    if (child == 0) {
        store_t *dying = s_store(texts, 1);
        (void)dying;
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(s_entries("cache", "broker-parts-"), 1);

    store_t *living = s_store(texts, 1);
    assert_int_equal(s_entries("cache", "broker-parts-"), 1);
    store_t *other = store_new("cache", &fault);
    assert_int_equal(s_entries("cache", "broker-parts-"), 2);
    assert_int_equal(s_entries(store_folder(living), "part0"), 1);
    store_destroy(&living);
    store_destroy(&other);
    assert_int_equal(s_entries("cache", "broker-parts-"), 0);
}

static void
a_cache_that_is_no_folder_is_named(void **state)
{
    (void)state;
    fault_t fault = {0};
    tests_write("plain", "x", 1);
    assert_null(store_new("plain", &fault));
    assert_non_null(strstr(fault.text, "plain"));
}

static void
exported_parts_are_the_bytes_of_the_parts(void **state)
{
    (void)state;
    static const char *const texts[] = {"one", "two"};
    fault_t fault = {0};
    size_t size = 0;
    store_t *store = s_store(texts, 2);
    store_seal(store);
    assert_ok(store_export(store, "out/deep", &fault), &fault);
    char *bytes = tests_read("out/deep/part-1.onnx", &size);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "two", 3);
    free(bytes);
    assert_int_equal(s_entries("out/deep", "part-"), 2);
    store_destroy(&store);
}

static void
an_earlier_export_is_replaced_as_a_whole(void **state)
{
    (void)state;
    static const char *const before[] = {"a", "b", "c"};
    static const char *const after[] = {"one", "two"};
    fault_t fault = {0};
    size_t size = 0;
    store_t *store = s_store(before, 3);
    assert_ok(store_export(store, "again", &fault), &fault);
    store_destroy(&store);
    tests_write("again/part-0.onnx.partial", "half", 4);
    store = s_store(after, 2);
    assert_ok(store_export(store, "again", &fault), &fault);
    assert_int_equal(s_entries("again", ""), 2);
    char *bytes = tests_read("again/part-0.onnx", &size);
    assert_memory_equal(bytes, "one", 3);
    free(bytes);
    store_destroy(&store);
}

static void
a_folder_of_other_files_is_no_place_to_export(void **state)
{
    (void)state;
    static const char *const texts[] = {"one"};
    static const char *const others[] = {"part-1.onnx.txt", "part-01.onnx",
                                         "part-.onnx",      "notes",
                                         ".hidden",         "part-99999.onnx"};
    fault_t fault = {0};
    char path[64];
    store_t *store = s_store(texts, 1);
    assert_int_equal(mkdir("mixed", 0700), 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        snprintf(path, sizeof path, "mixed/%s", others[i]);
        tests_write(path, "mine", 4);
        assert_int_equal(store_export(store, "mixed", &fault), -1);
        assert_int_equal(fault.code, FAULT_USAGE);
        assert_non_null(strstr(fault.text, others[i]));
        assert_int_equal(s_entries("mixed", ""), 1);
        unlink(path);
    }
    assert_ok(store_export(store, "mixed", &fault), &fault);
    store_destroy(&store);
}

/* No room, as the kernel says it for a file that may not grow. */
static void
a_full_disk_is_a_sentence_and_no_half_file(void **state)
{
    (void)state;
    static const char *const texts[] = {"0123456789"};
    fault_t fault = {0};
    store_t *store = s_store(texts, 1);
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = (struct rlimit){.rlim_cur = 4, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int result = store_export(store, "full", &fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, -1);
    assert_non_null(strstr(fault.text, "full/part-0.onnx cannot be written"));
    assert_int_equal(s_entries("full", ""), 0);
    store_destroy(&store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_read_at_any_offset),
        cmocka_unit_test(a_sealed_store_leaves_nothing_behind_and_still_serves),
        cmocka_unit_test(reading_behind_the_end_is_a_fault),
        cmocka_unit_test(a_file_of_another_size_is_not_taken),
        cmocka_unit_test(
            leftovers_of_the_dead_are_swept_and_the_living_are_spared),
        cmocka_unit_test(a_cache_that_is_no_folder_is_named),
        cmocka_unit_test(exported_parts_are_the_bytes_of_the_parts),
        cmocka_unit_test(an_earlier_export_is_replaced_as_a_whole),
        cmocka_unit_test(a_folder_of_other_files_is_no_place_to_export),
        cmocka_unit_test(a_full_disk_is_a_sentence_and_no_half_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
