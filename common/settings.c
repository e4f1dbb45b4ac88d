/* Config files: libconfig's syntax copied into a read-only tree. */
#include "common/settings.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/logger.h"
#include "common/mem.h"
#include "common/settings_scan.h"
#include "common/settings_tree.h"

static const char *const kind_names[] = {
    [SETTING_GROUP] = "a group { }",  [SETTING_LIST] = "a list ( )",
    [SETTING_INT] = "a whole number", [SETTING_FLOAT] = "a number",
    [SETTING_BOOL] = "true or false", [SETTING_TEXT] = "a text in quotes",
};

/* --- from libconfig --- */

static int
s_copy_scalar(setting_t *self, config_setting_t *from, fault_t *fault)
{
    switch (config_setting_type(from)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        self->kind = SETTING_INT;
        self->integer = config_setting_get_int64(from);
        return 0;
    case CONFIG_TYPE_FLOAT:
        self->kind = SETTING_FLOAT;
        self->number = config_setting_get_float(from);
        return 0;
    case CONFIG_TYPE_BOOL:
        self->kind = SETTING_BOOL;
        self->integer = config_setting_get_bool(from);
        return 0;
    default:
        break;
    }
    const char *text = config_setting_get_string(from);
    self->kind = SETTING_TEXT;
    self->text = mem_text(text ? text : "", text ? strlen(text) : 0, fault);
    return self->text ? 0 : -1;
}

/* The depth was checked on the text, so the recursion is bounded. */
static int
s_copy(setting_t *self, setting_t *parent, config_setting_t *from,
       fault_t *fault)
{
    const char *name = config_setting_name(from);
    self->parent = parent;
    self->line = (int)config_setting_source_line(from);
    if (parent && (self->line == 0 || self->line < parent->line))
        self->line = parent->line;
    if (name && parent) {
        self->name = mem_text(name, strlen(name), fault);
        if (!self->name)
            return -1;
    }
    if (!config_setting_is_aggregate(from))
        return s_copy_scalar(self, from, fault);

    self->kind = config_setting_is_group(from) ? SETTING_GROUP : SETTING_LIST;
    size_t count = (size_t)config_setting_length(from);
    self->children = mem_new(count, sizeof *self->children, fault);
    if (!self->children)
        return -1;
    for (size_t i = 0; i < count; i++) {
        setting_t *child = &self->children[self->count++];
        child->file = self->file;
        if (s_copy(child, self, config_setting_get_elem(from, (unsigned)i),
                   fault) != 0)
            return -1;
    }
    return 0;
}

static void
s_release(setting_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        s_release(&self->children[i]);
    free(self->children);
    free(self->name);
    free(self->text);
}

static int
s_load(settings_t *self, const char *text, fault_t *fault)
{
    config_t config;
    config_init(&config);
    int result;
    if (config_read_string(&config, text) == CONFIG_TRUE)
        result = s_copy(&self->root, NULL, config_root_setting(&config), fault);
    else
        result =
            fault_set(fault, FAULT_CONFIG, "%s:%d: %s", self->path,
                      config_error_line(&config), config_error_text(&config));
    config_destroy(&config);
    return result;
}

settings_t *
settings_parse(const char *text, size_t size, const char *path, fault_t *fault)
{
    if (size > SETTINGS_FILE_BYTES_MAX)
        return fault_null(fault, FAULT_CONFIG, "%s: larger than %d KiB", path,
                          SETTINGS_FILE_BYTES_MAX >> 10);
    if (settings_scan(text, size, path, fault) != 0)
        return NULL;
    settings_t *self = mem_new(1, sizeof *self, fault);
    char *copy = mem_text(text, size, fault);
    if (self) {
        self->root.file = self;
        self->path = mem_text(path, strlen(path), fault);
    }
    if (!self || !copy || !self->path || s_load(self, copy, fault) != 0)
        settings_destroy(&self);
    free(copy);
    return self;
}

/* --- from a file --- */

static int
s_check_file(int file, const char *path, fault_t *fault)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return fault_set(fault, FAULT_CONFIG, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fault_set(fault, FAULT_CONFIG, "%s: not a file", path);
    if (status.st_mode & S_IWOTH)
        return fault_set(fault, FAULT_CONFIG,
                         "%s: anyone may write this file; chmod o-w it", path);
    if (status.st_mode & S_IWGRP)
        logger_warning("%s: its group may write this file", path);
    return 0;
}

static char *
s_read_file(int file, size_t *size, const char *path, fault_t *fault)
{
    size_t room = SETTINGS_FILE_BYTES_MAX + 1;
    char *text = mem_new(room, 1, fault);
    *size = 0;
    while (text && *size < room) {
        ssize_t got = read(file, text + *size, room - *size);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR) {
            fault_set(fault, FAULT_CONFIG, "%s: %s", path, strerror(errno));
            free(text);
            return NULL;
        }
        *size += got > 0 ? (size_t)got : 0;
    }
    return text;
}

settings_t *
settings_open(const char *path, fault_t *fault)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fault_null(fault, FAULT_CONFIG, "%s: %s", path, strerror(errno));
    size_t size = 0;
    char *text = NULL;
    if (s_check_file(file, path, fault) == 0)
        text = s_read_file(file, &size, path, fault);
    close(file);
    settings_t *self = text ? settings_parse(text, size, path, fault) : NULL;
    free(text);
    return self;
}

void
settings_destroy(settings_t **self)
{
    if (!*self)
        return;
    settings_destroy(&(*self)->defaults);
    s_release(&(*self)->root);
    for (size_t i = 0; i < (*self)->owned_count; i++)
        free((*self)->owned[i]);
    free((*self)->owned);
    free((*self)->path);
    free(*self);
    *self = NULL;
}

const setting_t *
settings_root(const settings_t *self)
{
    return &self->root;
}

const char *
settings_path(const settings_t *self)
{
    return self->path;
}

const char *
settings_resolve(settings_t *self, const char *path, fault_t *fault)
{
    const char *slash = strrchr(self->path, '/');
    size_t folder =
        slash && path[0] != '/' ? (size_t)(slash - self->path) + 1 : 0;
    size_t size = strlen(path);
    char *full = mem_new(folder + size + 1, 1, fault);
    if (!full)
        return NULL;
    memcpy(full, self->path, folder);
    memcpy(full + folder, path, size);
    if (mem_grow(&self->owned, &self->owned_capacity, self->owned_count + 1,
                 sizeof *self->owned, fault) != 0) {
        free(full);
        return NULL;
    }
    self->owned[self->owned_count++] = full;
    return full;
}

/* --- nodes --- */

const char *
setting_name(const setting_t *self)
{
    return self->name;
}

int
setting_line(const setting_t *self)
{
    return self->line;
}

setting_kind_t
setting_kind(const setting_t *self)
{
    return self->kind;
}

size_t
setting_count(const setting_t *self)
{
    return self->count;
}

const setting_t *
setting_at(const setting_t *self, size_t index)
{
    assert(index < self->count);
    return &self->children[index];
}

const setting_t *
setting_find(const setting_t *group, const char *name)
{
    for (size_t i = 0; group->kind == SETTING_GROUP && i < group->count; i++)
        if (strcmp(group->children[i].name, name) == 0)
            return &group->children[i];
    return NULL;
}

int64_t
setting_int(const setting_t *self)
{
    assert(self->kind == SETTING_INT);
    return self->integer;
}

double
setting_float(const setting_t *self)
{
    assert(self->kind == SETTING_FLOAT || self->kind == SETTING_INT);
    return self->kind == SETTING_INT ? (double)self->integer : self->number;
}

bool
setting_bool(const setting_t *self)
{
    assert(self->kind == SETTING_BOOL);
    return self->integer != 0;
}

const char *
setting_text(const setting_t *self)
{
    assert(self->kind == SETTING_TEXT);
    return self->text;
}

/* Appends the steps from the root; the depth was bounded at parsing. Returns
 * the length that the whole path would have. */
static size_t
s_path(const setting_t *self, char *text)
{
    if (!self->parent) {
        text[0] = '\0';
        return 0;
    }
    size_t used = s_path(self->parent, text);
    if (used >= SETTINGS_PATH_MAX)
        return used;
    size_t room = SETTINGS_PATH_MAX - used;
    int wrote;
    if (self->name)
        wrote =
            snprintf(text + used, room, "%s%s", used ? "." : "", self->name);
    else
        wrote = snprintf(text + used, room, "[%zu]",
                         (size_t)(self - self->parent->children));
    return used + (size_t)wrote;
}

const char *
setting_path_text(const setting_t *self, char *text)
{
    s_path(self, text);
    return text;
}

int
setting_fault(const setting_t *self, fault_t *fault, const char *format, ...)
{
    char sentence[FAULT_TEXT_MAX], path[SETTINGS_PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    setting_path_text(self, path);
    return fault_set(fault, FAULT_CONFIG, "%s:%d: %s%s%s", self->file->path,
                     self->line, path, *path ? ": " : "", sentence);
}

/* --- values with faults --- */

static int
s_expect(const setting_t *self, setting_kind_t kind, fault_t *fault)
{
    if (self->kind == kind ||
        (kind == SETTING_FLOAT && self->kind == SETTING_INT))
        return 0;
    return setting_fault(self, fault, "%s is expected, not %s",
                         kind_names[kind], kind_names[self->kind]);
}

int
setting_get_int(const setting_t *self, int64_t min, int64_t max, int64_t *value,
                fault_t *fault)
{
    if (s_expect(self, SETTING_INT, fault) != 0)
        return -1;
    if (self->integer < min || self->integer > max)
        return setting_fault(self, fault, "%lld is not within %lld to %lld",
                             (long long)self->integer, (long long)min,
                             (long long)max);
    *value = self->integer;
    return 0;
}

int
setting_get_float(const setting_t *self, double min, double max, double *value,
                  fault_t *fault)
{
    if (s_expect(self, SETTING_FLOAT, fault) != 0)
        return -1;
    double number = setting_float(self);
    if (!(number >= min && number <= max))
        return setting_fault(self, fault, "%g is not within %g to %g", number,
                             min, max);
    *value = number;
    return 0;
}

int
setting_get_bool(const setting_t *self, bool *value, fault_t *fault)
{
    if (s_expect(self, SETTING_BOOL, fault) != 0)
        return -1;
    *value = self->integer != 0;
    return 0;
}

int
setting_get_text(const setting_t *self, const char **value, fault_t *fault)
{
    if (s_expect(self, SETTING_TEXT, fault) != 0)
        return -1;
    *value = self->text;
    return 0;
}
