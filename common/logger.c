/* Diagnostics: one line a record, to stderr, as text or as JSON. */
#include "common/logger.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 512, TIME_MAX = 32 };

static struct {
    const char *program;
    logger_level_t level;
    logger_format_t format;
} logger = {"convoy", LOGGER_INFO, LOGGER_TEXT};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void
logger_setup(const char *program, logger_level_t level, logger_format_t format)
{
    logger.program = program;
    logger.level = level;
    logger.format = format;
}

bool
logger_shows(logger_level_t level)
{
    return level <= logger.level;
}

/* Bytes of the UTF-8 character at `at` that may be shown: control characters,
 * C1 controls included, and broken sequences are 0. */
static size_t
s_shown(const unsigned char *at)
{
    if (at[0] < 0x80)
        return at[0] >= 0x20 && at[0] != 0x7f;
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool control = at[0] == 0xc2 && at[1] < 0xa0;
    bool overlong =
        (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool outside =
        (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return control || overlong || outside ? 0 : size;
}

/* Append text to line[size], keeping room for the end of a record. */
static size_t
s_append(char *line, size_t size, size_t used, const char *text, bool json)
{
    enum { END_MAX = 8 };
    const unsigned char *at = (const unsigned char *)text;
    while (*at && used + END_MAX < size) {
        size_t shown = s_shown(at);
        if (json && (*at == '"' || *at == '\\'))
            line[used++] = '\\';
        if (shown == 0)
            line[used++] = '?';
        for (size_t i = 0; i < shown; i++)
            line[used++] = (char)at[i];
        at += shown ? shown : 1;
    }
    return used;
}

static void
s_time(char text[TIME_MAX], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm date;
    gmtime_r(&seconds, &date);
    size_t used = strftime(text, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &date);
    snprintf(text + used, TIME_MAX - used, ".%03dZ", (int)(wall_ms % 1000));
}

size_t
logger_line(char *line, size_t size, logger_format_t format,
            const char *program, logger_level_t level, int64_t wall_ms,
            const char *message)
{
    assert(size >= 160);
    bool json = format == LOGGER_JSON;
    char head[128], at[TIME_MAX];
    s_time(at, wall_ms);
    if (json)
        snprintf(head, sizeof head,
                 "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%.32s\","
                 "\"message\":\"",
                 at, level_names[level], program);
    else
        snprintf(head, sizeof head,
                 "%s%s%.32s: %s: ", format == LOGGER_TEXT ? at : "",
                 format == LOGGER_TEXT ? " " : "", program, level_names[level]);
    size_t used = strlen(head);
    memcpy(line, head, used);
    used = s_append(line, size, used, message, json);
    const char *end = json ? "\"}\n" : "\n";
    memcpy(line + used, end, strlen(end) + 1);
    return used + strlen(end);
}

static void
s_write(logger_level_t level, const char *message)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t wall_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    char line[LOGGER_LINE_MAX];
    size_t size = logger_line(line, sizeof line, logger.format, logger.program,
                              level, wall_ms, message);
    /* A log that cannot be written has nowhere to be reported. */
    ssize_t ignored = write(STDERR_FILENO, line, size);
    (void)ignored;
}

void
logger_log(logger_level_t level, const char *format, ...)
{
    if (!logger_shows(level))
        return;
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    s_write(level, message);
}

void
logger_fault(const fault_t *fault)
{
    logger_log(LOGGER_ERROR, "%s", fault->text);
}

void
logger_limited(logger_limit_t *limit, int64_t now_ms, logger_level_t level,
               const char *format, ...)
{
    if (!logger_shows(level))
        return;
    if (limit->used && now_ms - limit->last_ms < LOGGER_LIMIT_MS) {
        limit->kept_back++;
        return;
    }
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (limit->kept_back && wrote >= 0 && wrote < MESSAGE_MAX)
        snprintf(message + wrote, sizeof message - (size_t)wrote,
                 " (and %llu more like it)",
                 (unsigned long long)limit->kept_back);
    *limit = (logger_limit_t){.used = true, .last_ms = now_ms};
    s_write(level, message);
}
