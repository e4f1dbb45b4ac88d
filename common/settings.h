/* Config files: libconfig's syntax behind a read-only tree with line numbers,
 * and a table-driven reader of it.
 *
 * Every fault is FAULT_CONFIG and its sentence begins with FILE:LINE. Refused
 * are: files that anyone may write, files over 1 MiB, @include, integers that
 * do not fit 32 bits (libconfig wraps them silently; with the suffix L 64 bits
 * are fine), nesting deeper than 16. [ ] and ( ) are both lists.
 *
 * Texts and nodes are borrowed from the tree until settings_destroy.
 */
#ifndef CONVOY_COMMON_SETTINGS_H
#define CONVOY_COMMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/fault.h"

enum {
    SETTINGS_FILE_BYTES_MAX = 1 << 20,
    SETTINGS_DEPTH_MAX = 16,
    SETTINGS_VECTOR_MAX = 64,
    SETTINGS_PATH_MAX = 128, /* bytes of "model.layers[0][1].padding" */
};

typedef enum setting_kind {
    SETTING_GROUP, /* { name = value; } */
    SETTING_LIST,  /* ( ) or [ ] */
    SETTING_INT,
    SETTING_FLOAT,
    SETTING_BOOL,
    SETTING_TEXT,
} setting_kind_t;

typedef struct setting setting_t;   /* a node */
typedef struct settings settings_t; /* a file */

/* --- the tree --- */

settings_t *settings_open(const char *path, fault_t *fault);

/* The same from memory; `path` stands for the file in sentences and gives the
 * folder of relative paths. */
settings_t *settings_parse(const char *text, size_t size, const char *path,
                           fault_t *fault);
void settings_destroy(settings_t **self);

const setting_t *settings_root(const settings_t *self);
const char *settings_path(const settings_t *self);

/* A path in the config, relative to the folder of the file; absolute ones stay
 * as they are. NULL with FAULT_MEMORY. The tree owns it. */
const char *settings_resolve(settings_t *self, const char *path,
                             fault_t *fault);

const char *setting_name(const setting_t *self); /* NULL in a list */
int setting_line(const setting_t *self);
setting_kind_t setting_kind(const setting_t *self);

/* Children of a group or list, in the file's order; 0 for the others. */
size_t setting_count(const setting_t *self);
const setting_t *setting_at(const setting_t *self, size_t index);
const setting_t *setting_find(const setting_t *group, const char *name);

/* The value of a node of that kind (asserted); setting_float takes an int too.
 */
int64_t setting_int(const setting_t *self);
double setting_float(const setting_t *self);
bool setting_bool(const setting_t *self);
const char *setting_text(const setting_t *self);

/* "model.layers[0][1].padding" into text[SETTINGS_PATH_MAX]; returns text. */
const char *setting_path_text(const setting_t *self, char *text);

/* FAULT_CONFIG, "FILE:LINE: PATH: " and a sentence. Returns -1. */
int setting_fault(const setting_t *self, fault_t *fault, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));

/* The value, with a fault for another kind or outside of min..max. */
int setting_get_int(const setting_t *self, int64_t min, int64_t max,
                    int64_t *value, fault_t *fault);
int setting_get_float(const setting_t *self, double min, double max,
                      double *value, fault_t *fault);
int setting_get_bool(const setting_t *self, bool *value, fault_t *fault);
int setting_get_text(const setting_t *self, const char **value, fault_t *fault);
/* One of the words of "stretch|crop": its position. */
int setting_get_choice(const setting_t *self, const char *choices, int *value,
                       fault_t *fault);

/* A fault naming the first child of a group whose name is not among names[],
 * and the nearest that is. */
int setting_only(const setting_t *group, const char *const *names, size_t count,
                 fault_t *fault);

/* --- the table-driven reader --- */

typedef struct settings_ints {
    size_t count;
    int64_t items[SETTINGS_VECTOR_MAX];
} settings_ints_t;

typedef struct settings_floats {
    size_t count;
    double items[SETTINGS_VECTOR_MAX];
} settings_floats_t;

typedef struct settings_texts {
    size_t count;
    const char *items[SETTINGS_VECTOR_MAX];
} settings_texts_t;

/* What is stored at the offset of the values. */
typedef enum settings_type {
    SETTINGS_INT,    /* int64_t */
    SETTINGS_FLOAT,  /* double */
    SETTINGS_BOOL,   /* bool */
    SETTINGS_TEXT,   /* const char *, NULL where absent without a default */
    SETTINGS_PATH,   /* the same, resolved against the file's folder */
    SETTINGS_CHOICE, /* int: position among the choices */
    SETTINGS_INTS,   /* settings_ints_t, count_min..count_max of them */
    SETTINGS_FLOATS, /* settings_floats_t */
    SETTINGS_TEXTS,  /* settings_texts_t; one text alone is a list of one */
    SETTINGS_TREE,   /* const setting_t *: any list or group, passed through */
} settings_type_t;

typedef struct settings_key {
    const char *path; /* "broker.memory_mib"; keys of a group stand together */
    settings_type_t type;
    size_t offset;
    const char *fallback; /* the default as written in a file, or NULL */
    bool required;
    double min, max;             /* of numbers and of a vector's items */
    size_t count_min, count_max; /* of vectors */
    const char *choices;         /* "stretch|crop" */
    const char *example;         /* for the reference where no default is */
    const char *help;
} settings_key_t;

/* Fill *values by the table: unknown keys (with the nearest known one), wrong
 * types, ranges, counts and words, missing required keys are faults. given[i]
 * (may be NULL) tells whether keys[i] stood in the file. */
int settings_read(settings_t *self, const settings_key_t *keys, size_t count,
                  void *values, bool *given, fault_t *fault);

/* The documented config file that shows every key: etc/reference.cfg. `intro`
 * becomes its first comment. */
int settings_write_reference(FILE *file, const char *intro,
                             const settings_key_t *keys, size_t count,
                             fault_t *fault);

#endif
