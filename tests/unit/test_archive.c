/* Zip archives that torch.save would never have written. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <string.h>

#include "common/model/archive.h"
#include "tests/support/bytes.h"

/* One entry of an archive in the making; zeroes are what torch writes. */
typedef struct entry {
    const char *name;
    const char *data;
    const char *local_name; /* NULL: name */
    size_t name_size;       /* 0: strlen */
    uint16_t flags;
    uint16_t method;
    uint32_t checksum_error; /* added to the right one */
    int no_checksum;
    int32_t size_error;   /* added to the size in the directory */
    int32_t offset_error; /* added to the offset there */
    int shares;           /* the local header of the entry before */
} entry_t;

typedef struct draft {
    uint8_t bytes[8192];
    size_t size;
} draft_t;

static draft_t draft;

static void
s_put(const void *bytes, size_t size)
{
    assert_true(draft.size + size <= sizeof draft.bytes);
    memcpy(draft.bytes + draft.size, bytes, size);
    draft.size += size;
}

static void
s_number(uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        uint8_t byte = i < 8 ? (uint8_t)(value >> 8 * i) : 0;
        s_put(&byte, 1);
    }
}

/* CRC-32 of ISO 3309, a bit at a time. */
static uint32_t
s_checksum(const char *data, size_t size)
{
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        sum ^= (uint8_t)data[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
    }
    return ~sum;
}

static size_t
s_name_size(const entry_t *entry)
{
    return entry->name_size ? entry->name_size : strlen(entry->name);
}

static void
s_put_local(const entry_t *entry)
{
    const char *name = entry->local_name ? entry->local_name : entry->name;
    size_t size = entry->local_name ? strlen(name) : s_name_size(entry);
    s_number(0x04034b50, 4);
    s_number(0, 2);
    s_number(entry->flags, 2);
    s_number(entry->method, 2);
    s_number(0, 4);
    s_number(entry->no_checksum ? 0
                                : s_checksum(entry->data, strlen(entry->data)) +
                                      entry->checksum_error,
             4);
    s_number(strlen(entry->data), 4);
    s_number(strlen(entry->data), 4);
    s_number(size, 2);
    s_number(0, 2);
    s_put(name, size);
    s_put(entry->data, strlen(entry->data));
}

static void
s_put_central(const entry_t *entry, size_t offset)
{
    size_t size = (size_t)((int64_t)strlen(entry->data) + entry->size_error);
    s_number(0x02014b50, 4);
    s_number(0, 4);
    s_number(entry->flags, 2);
    s_number(entry->method, 2);
    s_number(0, 4);
    s_number(entry->no_checksum ? 0
                                : s_checksum(entry->data, strlen(entry->data)) +
                                      entry->checksum_error,
             4);
    s_number(size, 4);
    s_number(size, 4);
    s_number(s_name_size(entry), 2);
    s_number(0, 12);
    s_number((uint64_t)((int64_t)offset + entry->offset_error), 4);
    s_put(entry->name, s_name_size(entry));
}

static void
s_build(const entry_t *entries, size_t count)
{
    size_t offsets[8];
    assert_true(count <= 8);
    draft.size = 0;
    for (size_t i = 0; i < count; i++) {
        offsets[i] = entries[i].shares ? offsets[i - 1] : draft.size;
        if (!entries[i].shares)
            s_put_local(&entries[i]);
    }
    size_t directory = draft.size;
    for (size_t i = 0; i < count; i++)
        s_put_central(&entries[i], offsets[i]);
    size_t bytes = draft.size - directory;
    s_number(0x06054b50, 4);
    s_number(0, 4);
    s_number(count, 2);
    s_number(count, 2);
    s_number(bytes, 4);
    s_number(directory, 4);
    s_number(0, 2);
}

static archive_t *
s_read(fault_t *fault)
{
    blob_t *file = bytes_file(draft.bytes, draft.size);
    archive_t *archive = archive_read(file, fault);
    blob_release(&file);
    return archive;
}

static void
s_refused(const char *part)
{
    fault_t fault = {0};
    assert_null(s_read(&fault));
    assert_int_equal(fault.code, FAULT_INPUT);
    if (!strstr(fault.text, part))
        fail_msg("%s, where %s was expected", fault.text, part);
}

static void
entries_are_found_below_the_top_folder(void **state)
{
    (void)state;
    const entry_t entries[] = {
        {.name = "m/data.pkl", .data = "one"},
        {.name = "m/data/0", .data = ""},
        {.name = "m/plain", .data = "three", .no_checksum = 1}};
    fault_t fault = {0};
    s_build(entries, 3);
    archive_t *archive = s_read(&fault);
    assert_ok(archive ? 0 : -1, &fault);
    char text[6] = "";
    blob_t *blob = archive_find(archive, "plain");
    assert_non_null(blob);
    assert_ok(blob_read(blob, 0, text, 5, &fault), &fault);
    assert_string_equal(text, "three");
    assert_int_equal(blob_bytes(archive_find(archive, "data/0")), 0);
    assert_null(archive_find(archive, "data"));
    assert_null(archive_find(archive, "m/plain"));
    assert_null(archive_find(archive, ""));
    archive_destroy(&archive);
}

static void
odd_entries_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        entry_t second; /* behind m/first */
        const char *part;
    } rows[] = {
        {{.name = "m/b", .data = "x", .method = 8}, "m/b is compressed"},
        {{.name = "m/b", .data = "x", .flags = 1}, "m/b is encrypted"},
        {{.name = "m/b", .data = "x", .flags = 0x40}, "m/b is encrypted"},
        {{.name = "m/b", .data = "x", .flags = 0x2000}, "m/b is encrypted"},
        {{.name = "m/b", .data = "x", .flags = 0x20}, "m/b is compressed"},
        {{.name = "m/b", .data = "x", .local_name = "m/c"},
         "m/b has another name"},
        {{.name = "m/b", .data = "x", .local_name = "m/bb"},
         "m/b has another name"},
        {{.name = "m/b", .data = "x", .checksum_error = 1},
         "m/b: the checksum"},
        {{.name = "m/b", .data = "x", .size_error = 1}, "m/b lies outside"},
        {{.name = "m/b", .data = "x", .size_error = -1}, "inconsistent"},
        {{.name = "m/b", .data = "x", .offset_error = 1},
         "m/b has another name"},
        {{.name = "m/b", .data = "x", .offset_error = 100000},
         "cut short or damaged"},
        {{.name = "m/first", .data = "x", .shares = 1}, "overlap"},
        {{.name = "m/first", .data = "x"}, "m/first is there twice"},
        {{.name = "n/b", .data = "x"}, "n/b is outside"},
        {{.name = "b", .data = "x"}, "b is outside"},
        {{.name = "m/../b", .data = "x"}, "entry name \"m/../b\""},
        {{.name = "m/..", .data = "x"}, "entry name"},
        {{.name = "../m", .data = "x"}, "entry name"},
        {{.name = "/m/b", .data = "x"}, "entry name"},
        {{.name = "m\\b", .data = "x"}, "entry name"},
        {{.name = "m/b\0c", .data = "x", .name_size = 5}, "entry name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const entry_t entries[] = {{.name = "m/first", .data = "one"},
                                   rows[i].second};
        s_build(entries, 2);
        s_refused(rows[i].part);
    }
}

static void
an_entry_may_not_reach_into_the_next(void **state)
{
    (void)state;
    const entry_t entries[] = {
        {.name = "m/a", .data = "one", .size_error = 8, .no_checksum = 1},
        {.name = "m/b", .data = "two"}};
    s_build(entries, 2);
    s_refused("m/a and m/b overlap");
}

static void
the_end_record_is_the_end(void **state)
{
    (void)state;
    const entry_t entries[] = {{.name = "m/a", .data = "one"}};
    s_build(entries, 1);
    s_put("", 1);
    s_refused("cut short or damaged");
    s_build(entries, 1);
    draft.bytes[draft.size - 2] = 1; /* a comment of one byte */
    s_put("x", 1);
    s_refused("cut short or damaged");
    s_build(entries, 1);
    draft.bytes[draft.size - 18] = 1; /* this is disk 1 */
    s_refused("cut short or damaged");
    s_build(entries, 1);
    draft.bytes[draft.size - 14] = 2; /* two entries on this disk */
    s_refused("cut short or damaged");
    s_build(entries, 1);
    draft.bytes[draft.size - 14] = draft.bytes[draft.size - 12] = 2;
    s_refused("cut short or damaged");
    s_build(entries, 0);
    s_refused("archive of 0 entries");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found_below_the_top_folder),
        cmocka_unit_test(odd_entries_are_refused_by_name),
        cmocka_unit_test(an_entry_may_not_reach_into_the_next),
        cmocka_unit_test(the_end_record_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
