/* Parts on disk: found, damaged, unwritable, shared. */
#include "tests/support/tests.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/logger.h"
#include "worker/cache.h"

static const char PART[] = "the bytes of a part";

static digest_t
s_digest(const void *bytes, size_t size)
{
    digester_t digester;
    digest_t digest;
    digester_init(&digester);
    digester_add(&digester, bytes, size);
    digester_finish(&digester, &digest);
    return digest;
}

static cache_t *
s_open(const char *folder)
{
    fault_t fault;
    cache_t *cache = cache_open(folder, &fault);
    assert_non_null(cache);
    return cache;
}

static const char *
s_path(const cache_t *cache, const digest_t *digest)
{
    static char path[4096];
    char hex[DIGEST_HEX + 1];
    snprintf(path, sizeof path, "%s/%s", cache_folder(cache),
             digest_text(digest, hex, DIGEST_HEX));
    return path;
}

/* Through download and keep, as the worker does it. */
static blob_t *
s_fetch(cache_t *cache, const digest_t *digest, const char *bytes, size_t size,
        fault_t *fault)
{
    fault_clear(fault);
    download_t *download = cache_begin(cache, digest, size, fault);
    assert_non_null(download);
    size_t half = size / 2;
    assert_int_equal(download_write(download, 0, bytes, half, fault), 0);
    assert_int_equal(
        download_write(download, half, bytes + half, size - half, fault), 0);
    blob_t *blob = cache_keep(cache, &download, fault);
    assert_null(download);
    return blob;
}

static void
s_assert_bytes(blob_t *blob, const char *bytes, size_t size)
{
    assert_non_null(blob);
    assert_int_equal(blob_bytes(blob), size);
    char *found = malloc(size);
    fault_t fault;
    assert_ok(blob_read(blob, 0, found, size, &fault), &fault);
    assert_memory_equal(found, bytes, size);
    free(found);
}

static size_t
s_files(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return count;
}

static void
a_fetched_part_is_found_again(void **state)
{
    (void)state;
    cache_t *cache = s_open("kept/in/here");
    digest_t digest = s_digest(PART, sizeof PART);
    fault_t fault;
    assert_null(cache_find(cache, &digest, &fault));
    assert_int_equal(fault.code, FAULT_NONE);

    blob_t *blob = s_fetch(cache, &digest, PART, sizeof PART, &fault);
    s_assert_bytes(blob, PART, sizeof PART);
    blob_release(&blob);
    cache_close(&cache);

    cache = s_open("kept/in/here");
    blob = cache_find(cache, &digest, &fault);
    s_assert_bytes(blob, PART, sizeof PART);
    blob_release(&blob);
    assert_int_equal(s_files("kept/in/here"), 1);
    cache_remove(cache, &digest);
    assert_null(cache_find(cache, &digest, &fault));
    cache_close(&cache);
}

static void
a_damaged_entry_is_removed_and_counts_as_absent(void **state)
{
    (void)state;
    cache_t *cache = s_open("damaged");
    digest_t digest = s_digest(PART, sizeof PART);
    const char *damaged[] = {"the bytes of a Part", "", "the"};
    for (int i = 0; i < 3; i++) {
        tests_write(s_path(cache, &digest), damaged[i], strlen(damaged[i]));
        fault_t fault;
        assert_null(cache_find(cache, &digest, &fault));
        assert_int_equal(fault.code, FAULT_NONE);
        assert_int_equal(access(s_path(cache, &digest), F_OK), -1);
    }
    cache_close(&cache);
}

static void
something_else_than_a_file_is_no_entry(void **state)
{
    (void)state;
    cache_t *cache = s_open("odd");
    digest_t digest = s_digest(PART, sizeof PART);
    assert_int_equal(mkfifo(s_path(cache, &digest), 0600), 0);
    fault_t fault;
    assert_null(cache_find(cache, &digest, &fault));
    assert_int_equal(mkdir(s_path(cache, &digest), 0700), 0);
    assert_null(cache_find(cache, &digest, &fault));
    assert_int_equal(fault.code, FAULT_NONE);
    cache_close(&cache);
}

static void
a_download_of_other_bytes_is_refused_and_leaves_no_file(void **state)
{
    (void)state;
    cache_t *cache = s_open("refused");
    digest_t digest = s_digest(PART, sizeof PART);
    fault_t fault;
    assert_null(
        s_fetch(cache, &digest, "other bytes of a part", sizeof PART, &fault));
    assert_int_equal(fault.code, FAULT_DIGEST);
    assert_int_equal(s_files("refused"), 0);
    cache_close(&cache);
}

static void
an_abandoned_download_leaves_no_file(void **state)
{
    (void)state;
    cache_t *cache = s_open("abandoned");
    digest_t digest = s_digest(PART, sizeof PART);
    fault_t fault;
    download_t *download = cache_begin(cache, &digest, 1000, &fault);
    assert_int_equal(s_files("abandoned"), 1);
    download_destroy(&download);
    assert_int_equal(s_files("abandoned"), 0);
    cache_close(&cache);
}

static void
leftovers_of_dead_workers_are_swept_after_a_day(void **state)
{
    (void)state;
    cache_t *cache = s_open("swept");
    digest_t digest = s_digest(PART, sizeof PART);
    char hex[DIGEST_HEX + 1], old[100], young[100];
    digest_text(&digest, hex, DIGEST_HEX);
    snprintf(old, sizeof old, "swept/.%s.1.0", hex);
    snprintf(young, sizeof young, "swept/.%s.2.0", hex);
    tests_write(old, "x", 1);
    tests_write(young, "x", 1);
    tests_write("swept/.not-ours", "x", 1);
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, "swept/.not-ours", times, 0), 0);
    cache_close(&cache);
    cache = s_open("swept");
    assert_int_equal(access(old, F_OK), -1);
    assert_int_equal(s_files("swept"), 2);
    cache_close(&cache);
}

static void
two_workers_may_fetch_the_same_part_into_one_folder(void **state)
{
    (void)state;
    cache_t *one = s_open("shared"), *two = s_open("shared");
    digest_t digest = s_digest(PART, sizeof PART);
    fault_t fault;
    download_t *first = cache_begin(one, &digest, sizeof PART, &fault);
    blob_t *second = s_fetch(two, &digest, PART, sizeof PART, &fault);
    s_assert_bytes(second, PART, sizeof PART);
    assert_ok(download_write(first, 0, PART, sizeof PART, &fault), &fault);
    blob_t *blob = cache_keep(one, &first, &fault);
    s_assert_bytes(blob, PART, sizeof PART);
    s_assert_bytes(second, PART, sizeof PART);
    blob_release(&blob);
    blob_release(&second);
    assert_int_equal(s_files("shared"), 1);
    cache_close(&one);
    cache_close(&two);
}

static void
a_folder_that_cannot_be_used_keeps_parts_in_memory(void **state)
{
    (void)state;
    tests_write("a-file", "x", 1);
    cache_t *cache = s_open("a-file/below");
    assert_null(cache_folder(cache));
    digest_t digest = s_digest(PART, sizeof PART);
    fault_t fault;
    assert_null(cache_find(cache, &digest, &fault));
    blob_t *blob = s_fetch(cache, &digest, PART, sizeof PART, &fault);
    s_assert_bytes(blob, PART, sizeof PART);
    blob_release(&blob);
    cache_close(&cache);
}

/* Make the temporary file in a folder unwritable under the feet of whoever
 * has it open: it stands for a disk that fills up half-way. */
static void
s_break_disk(const char *folder)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[300], target[4096] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, target, sizeof target - 1) < 0 ||
            !strstr(target, folder))
            continue;
        int readable = open(path, O_RDONLY);
        assert_true(dup2(readable, atoi(entry->d_name)) >= 0);
        close(readable);
    }
    closedir(dir);
}

static void
a_disk_that_fills_up_moves_the_part_to_memory(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    char *bytes = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7);
    cache_t *cache = s_open("full");
    digest_t digest = s_digest(bytes, SIZE);
    fault_t fault;
    download_t *download = cache_begin(cache, &digest, SIZE, &fault);
    assert_ok(download_write(download, 0, bytes, SIZE / 2, &fault), &fault);
    assert_int_equal(s_files("full"), 1);
    s_break_disk("full/.");
    assert_ok(
        download_write(download, SIZE / 2, bytes + SIZE / 2, SIZE / 2, &fault),
        &fault);
    assert_int_equal(s_files("full"), 0);
    blob_t *blob = cache_keep(cache, &download, &fault);
    s_assert_bytes(blob, bytes, SIZE);
    blob_release(&blob);
    cache_close(&cache);
    free(bytes);
}

static void
without_a_home_there_is_still_a_place(void **state)
{
    (void)state;
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    setenv("TMPDIR", here, 1);
    cache_t *cache = s_open(NULL);
    assert_non_null(cache_folder(cache));
    struct stat status;
    assert_int_equal(stat(cache_folder(cache), &status), 0);
    assert_int_equal(status.st_mode & 077, 0);
    cache_close(&cache);
}

int
main(void)
{
    logger_setup("test", LOGGER_ERROR, LOGGER_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fetched_part_is_found_again),
        cmocka_unit_test(a_damaged_entry_is_removed_and_counts_as_absent),
        cmocka_unit_test(something_else_than_a_file_is_no_entry),
        cmocka_unit_test(
            a_download_of_other_bytes_is_refused_and_leaves_no_file),
        cmocka_unit_test(an_abandoned_download_leaves_no_file),
        cmocka_unit_test(leftovers_of_dead_workers_are_swept_after_a_day),
        cmocka_unit_test(two_workers_may_fetch_the_same_part_into_one_folder),
        cmocka_unit_test(a_folder_that_cannot_be_used_keeps_parts_in_memory),
        cmocka_unit_test(a_disk_that_fills_up_moves_the_part_to_memory),
        cmocka_unit_test(without_a_home_there_is_still_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
