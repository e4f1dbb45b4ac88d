/* Command lines: one const table yields the parser, the environment variables,
 * the defaults and --help.
 *
 *     typedef struct flags { int64_t timeout_ms; options_list_t brokers; } ...
 *     static const option_t options[] = {
 *         {.name = "timeout", .kind = OPTION_INT, .value = "MS",
 *          .environment = "CONVOY_TIMEOUT", .fallback = "30000", .min = 1,
 *          .max = 86400000, .offset = offsetof(flags_t, timeout_ms),
 *          .belongs = "image|tensor", .help = "give up after this long"},
 *         ...
 *
 * Precedence: option, environment, the table's default. --help, --version,
 * --log-level and --log-format are added to every table; parsing sets up the
 * logger. `--name VALUE`, `--name=VALUE` and, for an option with a letter,
 * `-n VALUE` and `-nVALUE` all work; `--` ends the options.
 */
#ifndef CONVOY_COMMON_OPTIONS_H
#define CONVOY_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

typedef struct options_list {
    const char **items;
    size_t count;
} options_list_t;

/* What is stored at the offset of the values. */
typedef enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_INT,      /* int64_t, within min..max */
    OPTION_TEXT,     /* const char *, NULL where nothing was given */
    OPTION_LIST,     /* options_list_t: one value each time it is given; in
                      * the environment separated by commas */
    OPTION_OPERANDS, /* options_list_t: one or more values; bare words later on
                      * the line also belong to the last such option */
} option_kind_t;

typedef struct option_row {
    const char *name; /* without dashes */
    char letter;      /* 'c' for -c, or 0 */
    option_kind_t kind;
    const char *value;       /* its name in --help: "MS" */
    const char *environment; /* "CONVOY_TIMEOUT" or NULL */
    const char *fallback;    /* the default as text, or NULL */
    int64_t min, max;    /* of an OPTION_LIST: max values, 0 for any number */
    const char *choices; /* "a|b|c": the words an OPTION_TEXT may be */
    const char *belongs; /* "image|bench": its commands; NULL for all */
    size_t offset;
    const char *group; /* heading in --help from this row on, or NULL */
    const char *help;
} option_t;

typedef struct program {
    const char *name;          /* "broker" */
    const char *summary;       /* one line */
    const char *const *usages; /* lines after the name, ended by NULL */
    const option_t *options;
    size_t count;
    bool brief; /* a tool, not a server: text logs go without the time */
    const char *log_level; /* its default, where that is not info */
} program_t;

/* Storage behind the parsed values; zero it, release it after use. */
typedef struct options {
    void **owned;
    size_t owned_count, owned_capacity;
    const char **given; /* names found on the command line */
    size_t given_count, given_capacity;
} options_t;

/* Fill *values. 0: go on. 1: --help or --version was answered on stdout, exit
 * with 0. -1: FAULT_USAGE with a sentence that names the option. Texts are
 * borrowed from argv, the environment and self. */
int options_parse(options_t *self, const program_t *program, void *values,
                  int argc, char **argv, fault_t *fault);

/* True if the option stood on the command line itself. */
bool options_given(const options_t *self, const char *name);

/* -1 with FAULT_USAGE where an option on the command line belongs to other
 * commands than this one ("image" for --image). The environment may hold
 * values for any command. */
int options_check(const options_t *self, const program_t *program,
                  const char *command, fault_t *fault);

void options_release(options_t *self);

/* The rows of a program: its own, then those that every program has. */
size_t options_rows(const program_t *program);
const option_t *options_row(const program_t *program, size_t index);

/* The default of a row, as text, or NULL. */
const char *options_fallback(const program_t *program, const option_t *option);

/* The text of --help, wrapped to 80 columns; NULL with FAULT_MEMORY. Free it.
 */
char *options_help(const program_t *program, fault_t *fault);

#endif
