/* Zip archives of stored entries: our own directory reader, because libzip
 * does not tell where an entry's bytes lie (archive_check.c asks libzip too).
 *
 *   local header, name, extra, data    an entry each
 *   central directory                  names, sizes, checksums, offsets
 *   [zip64 end, zip64 locator] end     where the directory is
 *
 * Source: PKWARE APPNOTE 6.3.9, sections 4.3 to 4.5. */
#include "common/model/archive.h"

#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/mem.h"
#include "common/model/archive_check.h"

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30,
    DIRECTORY_BYTES_MAX = 32 << 20,
    FLAG_ENCRYPTED = 1,
    FLAG_PATCHED = 0x20,
    FLAG_STRONG = 0x40,
    FLAG_MASKED = 0x2000,
    EXTRA_ZIP64 = 1,
};

static const uint32_t end_magic = 0x06054b50, end64_magic = 0x06064b50,
                      locator64_magic = 0x07064b50, central_magic = 0x02014b50,
                      local_magic = 0x04034b50;

struct archive {
    archive_entry_t *entries; /* in the order of the directory */
    size_t count;
    archive_entry_t **sorted; /* by name */
    size_t prefix;            /* bytes of the top folder's name and slash */
};

/* Where the central directory is. */
typedef struct directory {
    uint64_t offset;
    uint64_t bytes;
    uint64_t count;
} directory_t;

static int
s_short(fault_t *fault)
{
    return fault_set(fault, FAULT_INPUT,
                     "the zip archive is cut short or damaged");
}

/* Read `size` bytes at offset into to and put a cursor over them. */
static int
s_load(blob_t *file, uint64_t offset, void *to, size_t size, cursor_t *cursor,
       fault_t *fault)
{
    if (offset > blob_bytes(file) || size > blob_bytes(file) - offset)
        return s_short(fault);
    if (blob_read(file, offset, to, size, fault))
        return -1;
    cursor_init(cursor, to, size);
    return 0;
}

/* --- finding the directory --- */

/* The zip64 end record; torch writes one always. Its offset goes into *end,
 * which is that of the plain end record before. 0 if there is none, 1 if it
 * was read, -1 with a fault. */
static int
s_find_end64(blob_t *file, uint64_t *end, directory_t *directory,
             fault_t *fault)
{
    uint8_t bytes[END64_BYTES];
    cursor_t in;
    if (*end < LOCATOR64_BYTES)
        return 0;
    uint64_t locator = *end - LOCATOR64_BYTES;
    if (s_load(file, locator, bytes, LOCATOR64_BYTES, &in, fault))
        return -1;
    if (cursor_u32le(&in) != locator64_magic)
        return 0;
    uint32_t disk = cursor_u32le(&in);
    uint64_t offset = cursor_u64le(&in);
    uint32_t disks = cursor_u32le(&in);
    if (disk != 0 || disks > 1 || offset > locator)
        return s_short(fault);
    if (s_load(file, offset, bytes, END64_BYTES, &in, fault))
        return -1;
    uint32_t magic = cursor_u32le(&in);
    uint64_t size = cursor_u64le(&in);
    cursor_u32le(&in); /* versions */
    disk = cursor_u32le(&in);
    disks = cursor_u32le(&in);
    directory->count = cursor_u64le(&in);
    uint64_t total = cursor_u64le(&in);
    directory->bytes = cursor_u64le(&in);
    directory->offset = cursor_u64le(&in);
    if (magic != end64_magic || disk != 0 || disks != 0 ||
        total != directory->count || size != locator - offset - 12)
        return s_short(fault);
    *end = offset;
    return 1;
}

/* A field of the plain end record and its wide twin: equal, or the plain one
 * says that the value does not fit. */
static bool
s_agree(uint64_t narrow, uint64_t wide, uint64_t saturated)
{
    return narrow == wide || narrow == saturated;
}

/* The end record must be the file's last bytes: torch writes no comment, and
 * a search for the record is how two readers come to differ. */
static int
s_find_directory(blob_t *file, directory_t *directory, fault_t *fault)
{
    uint8_t bytes[END_BYTES];
    cursor_t in;
    if (blob_bytes(file) < END_BYTES)
        return s_short(fault);
    uint64_t end = blob_bytes(file) - END_BYTES;
    if (s_load(file, end, bytes, sizeof bytes, &in, fault))
        return -1;
    uint32_t magic = cursor_u32le(&in);
    uint32_t disk = cursor_u16le(&in), first_disk = cursor_u16le(&in);
    uint64_t here = cursor_u16le(&in), total = cursor_u16le(&in);
    directory_t narrow = {.count = here};
    narrow.bytes = cursor_u32le(&in);
    narrow.offset = cursor_u32le(&in);
    uint16_t comment = cursor_u16le(&in);
    if (magic != end_magic || comment != 0 || disk != 0 || first_disk != 0 ||
        here != total)
        return s_short(fault);
    *directory = narrow;
    if (s_find_end64(file, &end, directory, fault) < 0)
        return -1;
    if (!s_agree(narrow.count, directory->count, UINT16_MAX) ||
        !s_agree(narrow.bytes, directory->bytes, UINT32_MAX) ||
        !s_agree(narrow.offset, directory->offset, UINT32_MAX) ||
        directory->offset > end ||
        directory->bytes != end - directory->offset ||
        directory->bytes / CENTRAL_BYTES < directory->count)
        return s_short(fault);
    if (directory->count == 0 || directory->count > ARCHIVE_ENTRIES_MAX ||
        directory->bytes > DIRECTORY_BYTES_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "a zip archive of %llu entries, 1 to %d are read",
                         (unsigned long long)directory->count,
                         ARCHIVE_ENTRIES_MAX);
    return 0;
}

/* --- its entries --- */

static bool
s_name_is_clean(const char *name, size_t size)
{
    if (size == 0 || size > ARCHIVE_NAME_MAX || name[0] == '/' ||
        memchr(name, '\0', size) || memchr(name, '\\', size))
        return false;
    for (size_t i = 0, start = 0; i <= size; i++) {
        if (i < size && name[i] != '/')
            continue;
        if (i - start == 2 && memcmp(name + start, "..", 2) == 0)
            return false;
        start = i + 1;
    }
    return true;
}

/* Replace the values that did not fit 32 bits by those of the extra field. */
static int
s_read_extra(cursor_t *extra, uint64_t *bytes, uint64_t *stored,
             uint64_t *offset)
{
    while (cursor_left(extra) >= 4) {
        uint16_t id = cursor_u16le(extra);
        size_t size = cursor_u16le(extra);
        const uint8_t *data = cursor_take(extra, size);
        if (!data)
            return -1;
        if (id != EXTRA_ZIP64)
            continue;
        cursor_t in;
        cursor_init(&in, data, size);
        uint64_t *fields[] = {bytes, stored, offset};
        for (int i = 0; i < 3; i++)
            if (*fields[i] == UINT32_MAX)
                *fields[i] = cursor_u64le(&in);
        return cursor_failed(&in) ? -1 : 0;
    }
    return 0;
}

static int
s_check_method(const archive_entry_t *entry, uint16_t flags, uint16_t method,
               fault_t *fault)
{
    if (flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED))
        return fault_set(fault, FAULT_INPUT, "%s is encrypted", entry->name);
    if (method != 0 || flags & FLAG_PATCHED)
        return fault_set(fault, FAULT_INPUT,
                         "%s is compressed, torch.save stores", entry->name);
    return 0;
}

static int
s_read_entry(archive_entry_t *entry, cursor_t *in, fault_t *fault)
{
    uint32_t magic = cursor_u32le(in);
    cursor_u32le(in); /* versions */
    uint16_t flags = cursor_u16le(in), method = cursor_u16le(in);
    cursor_u32le(in); /* time and date */
    entry->checksum = cursor_u32le(in);
    uint64_t stored = cursor_u32le(in);
    entry->bytes = cursor_u32le(in);
    entry->name_size = cursor_u16le(in);
    size_t extra_size = cursor_u16le(in), comment_size = cursor_u16le(in);
    uint16_t disk = cursor_u16le(in);
    cursor_take(in, 6); /* attributes */
    entry->offset = cursor_u32le(in);
    const char *name = (const char *)cursor_take(in, entry->name_size);
    const uint8_t *extra_bytes = cursor_take(in, extra_size);
    cursor_take(in, comment_size);
    if (cursor_failed(in) || magic != central_magic || disk != 0)
        return s_short(fault);
    if (!s_name_is_clean(name, entry->name_size))
        return fault_set(fault, FAULT_INPUT, "the zip entry name \"%.*s\"",
                         (int)(entry->name_size < 128 ? entry->name_size : 128),
                         name);
    entry->name = mem_text(name, entry->name_size, fault);
    if (!entry->name)
        return -1;
    cursor_t extra;
    cursor_init(&extra, extra_bytes, extra_size);
    if (s_read_extra(&extra, &entry->bytes, &stored, &entry->offset))
        return s_short(fault);
    if (s_check_method(entry, flags, method, fault))
        return -1;
    if (stored != entry->bytes)
        return s_short(fault);
    return 0;
}

/* The local header says where the data starts; its sizes may be zero. */
static int
s_read_local(archive_entry_t *entry, blob_t *file, const directory_t *directory,
             fault_t *fault)
{
    uint8_t bytes[LOCAL_BYTES + ARCHIVE_NAME_MAX];
    cursor_t in;
    if (s_load(file, entry->offset, bytes, LOCAL_BYTES + entry->name_size, &in,
               fault))
        return -1;
    uint32_t magic = cursor_u32le(&in);
    cursor_u16le(&in);
    uint16_t flags = cursor_u16le(&in), method = cursor_u16le(&in);
    cursor_take(&in, 16); /* time, date, checksum, sizes */
    size_t name_size = cursor_u16le(&in), extra_size = cursor_u16le(&in);
    const uint8_t *name = cursor_take(&in, entry->name_size);
    if (magic != local_magic || name_size != entry->name_size ||
        memcmp(name, entry->name, name_size) != 0)
        return fault_set(fault, FAULT_INPUT,
                         "%s has another name in its own header", entry->name);
    if (s_check_method(entry, flags, method, fault))
        return -1;
    entry->data = entry->offset + LOCAL_BYTES + name_size + extra_size;
    if (entry->data > directory->offset ||
        entry->bytes > directory->offset - entry->data)
        return fault_set(fault, FAULT_INPUT, "%s lies outside the file",
                         entry->name);
    entry->blob = blob_slice(file, entry->data, entry->bytes, fault);
    return entry->blob ? 0 : -1;
}

static int
s_compare_offsets(const void *a, const void *b)
{
    const archive_entry_t *const *left = a;
    const archive_entry_t *const *right = b;
    return ((*left)->offset > (*right)->offset) -
           ((*left)->offset < (*right)->offset);
}

static int
s_compare_names(const void *a, const void *b)
{
    const archive_entry_t *const *left = a;
    const archive_entry_t *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* One top folder, no overlap, no name twice; leaves sorted by name. */
static int
s_check_together(archive_t *self, fault_t *fault)
{
    const char *top = self->entries[0].name;
    const char *slash = strchr(top, '/');
    self->prefix = slash ? (size_t)(slash - top) + 1 : 0;
    for (size_t i = 0; i < self->count; i++) {
        self->sorted[i] = &self->entries[i];
        if (!self->prefix ||
            strncmp(self->entries[i].name, top, self->prefix) != 0)
            return fault_set(fault, FAULT_INPUT,
                             "%s is outside the archive's one top folder",
                             self->entries[i].name);
    }
    qsort(self->sorted, self->count, sizeof(archive_entry_t *),
          s_compare_offsets);
    for (size_t i = 1; i < self->count; i++)
        if (self->sorted[i]->offset <
            self->sorted[i - 1]->data + self->sorted[i - 1]->bytes)
            return fault_set(fault, FAULT_INPUT, "%s and %s overlap",
                             self->sorted[i - 1]->name, self->sorted[i]->name);
    qsort(self->sorted, self->count, sizeof(archive_entry_t *),
          s_compare_names);
    for (size_t i = 1; i < self->count; i++)
        if (strcmp(self->sorted[i - 1]->name, self->sorted[i]->name) == 0)
            return fault_set(fault, FAULT_INPUT, "%s is there twice",
                             self->sorted[i]->name);
    return 0;
}

static int
s_read_directory(archive_t *self, blob_t *file, fault_t *fault)
{
    directory_t directory;
    if (s_find_directory(file, &directory, fault))
        return -1;
    size_t count = (size_t)directory.count, bytes = (size_t)directory.bytes;
    uint8_t *central = mem_new(1, bytes, fault);
    self->entries = mem_new(count, sizeof(archive_entry_t), fault);
    self->sorted = mem_new(count, sizeof(archive_entry_t *), fault);
    cursor_t in;
    int result =
        central && self->entries && self->sorted
            ? s_load(file, directory.offset, central, bytes, &in, fault)
            : -1;
    while (result == 0 && self->count < count) {
        archive_entry_t *entry = &self->entries[self->count++];
        result = s_read_entry(entry, &in, fault);
        if (result == 0)
            result = s_read_local(entry, file, &directory, fault);
    }
    if (result == 0 && cursor_left(&in))
        result = s_short(fault);
    free(central);
    return result ? -1 : s_check_together(self, fault);
}

archive_t *
archive_read(blob_t *file, fault_t *fault)
{
    archive_t *self = mem_new(1, sizeof *self, fault);
    if (self && (s_read_directory(self, file, fault) ||
                 archive_check(file, self->entries, self->count, fault)))
        archive_destroy(&self);
    return self;
}

void
archive_destroy(archive_t **self)
{
    archive_t *archive = *self;
    *self = NULL;
    if (!archive)
        return;
    for (size_t i = 0; i < archive->count; i++) {
        free(archive->entries[i].name);
        blob_release(&archive->entries[i].blob);
    }
    free(archive->entries);
    free(archive->sorted);
    free(archive);
}

static int
s_compare_key(const void *key, const void *element)
{
    const archive_entry_t *const *entry = element;
    return strcmp(key, (*entry)->name);
}

blob_t *
archive_find(const archive_t *self, const char *name)
{
    char whole[ARCHIVE_NAME_MAX + 1];
    size_t size = strlen(name);
    if (self->prefix + size > ARCHIVE_NAME_MAX)
        return NULL;
    memcpy(whole, self->entries[0].name, self->prefix);
    memcpy(whole + self->prefix, name, size + 1);
    archive_entry_t **found = bsearch(whole, self->sorted, self->count,
                                      sizeof(archive_entry_t *), s_compare_key);
    return found ? (*found)->blob : NULL;
}
