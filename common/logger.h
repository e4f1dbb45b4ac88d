/* Diagnostics: one line a record, to stderr, as text or as JSON.
 *
 * The configuration is the process's: set once at start, before any thread.
 * A record is written with one call, so lines of threads do not mix. Bytes
 * that are not printable become '?': quoted names of peers and files cannot
 * forge a line or drive a terminal.
 */
#ifndef CONVOY_COMMON_LOGGER_H
#define CONVOY_COMMON_LOGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

enum { LOGGER_LINE_MAX = 1024, LOGGER_LIMIT_MS = 10000 };

typedef enum logger_level {
    LOGGER_ERROR,
    LOGGER_WARNING,
    LOGGER_INFO,
    LOGGER_DEBUG,
} logger_level_t;

typedef enum logger_format {
    LOGGER_TEXT,  /* "2026-11-23T08:31:16.123Z broker: warning: the sentence" */
    LOGGER_JSON,  /* {"time","level","program","message"} */
    LOGGER_BRIEF, /* text without the time, for tools that people watch */
} logger_format_t;

/* Before the first call: program "convoy", LOGGER_INFO, LOGGER_TEXT. */
void logger_setup(const char *program, logger_level_t level,
                  logger_format_t format);

/* Would a record of this level be written? For costly arguments. */
bool logger_shows(logger_level_t level);

/* One record: a sentence without a newline. */
void logger_log(logger_level_t level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define logger_error(...) logger_log(LOGGER_ERROR, __VA_ARGS__)
#define logger_warning(...) logger_log(LOGGER_WARNING, __VA_ARGS__)
#define logger_info(...) logger_log(LOGGER_INFO, __VA_ARGS__)
#define logger_debug(...) logger_log(LOGGER_DEBUG, __VA_ARGS__)

/* The sentence of a fault, as an error. */
void logger_fault(const fault_t *fault);

/* For noise that peers cause: at most one record every LOGGER_LIMIT_MS for
 * each limit (a static of the call site, zeroed at first); the next one says
 * how many were kept back. now_ms is a monotonic clock. One thread uses a
 * limit. */
typedef struct logger_limit {
    bool used;
    int64_t last_ms;
    uint64_t kept_back;
} logger_limit_t;

void logger_limited(logger_limit_t *limit, int64_t now_ms, logger_level_t level,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same as pure text, for tests: the line (with its newline) that a record
 * becomes, at this wall time, into line[size]; returns its length. */
size_t logger_line(char *line, size_t size, logger_format_t format,
                   const char *program, logger_level_t level, int64_t wall_ms,
                   const char *message);

#endif
