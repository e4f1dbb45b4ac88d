/* Faults: codes, their names, and one bounded sentence. */
#include "common/fault.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

typedef struct fault_row {
    fault_code_t code;
    const char *name;
    int exit_status;
} fault_row_t;

static const fault_row_t fault_rows[] = {
    {FAULT_NONE, "NONE", 0},
    {FAULT_WORKER_LOST, "WORKER_LOST", 1},
    {FAULT_STALLED, "STALLED", 1},
    {FAULT_OOM, "OOM", 1},
    {FAULT_CHECKSUM, "CHECKSUM", 1},
    {FAULT_INTERNAL, "INTERNAL", 1},
    {FAULT_BAD_SHAPE, "BAD_SHAPE", 1},
    {FAULT_BAD_DTYPE, "BAD_DTYPE", 1},
    {FAULT_DIGEST, "DIGEST", 1},
    {FAULT_BAD_FRAME, "BAD_FRAME", 1},
    {FAULT_UNSUPPORTED, "UNSUPPORTED", 1},
    {FAULT_TOO_LARGE, "TOO_LARGE", 1},
    {FAULT_BAD_VALUE, "BAD_VALUE", 1},
    {FAULT_DEADLINE, "DEADLINE", 1},
    {FAULT_CANCELLED, "CANCELLED", 1},
    {FAULT_POISON, "POISON", 1},
    {FAULT_ATTEMPTS, "ATTEMPTS", 1},
    {FAULT_NO_WORKER, "NO_WORKER", 1},
    {FAULT_SHUTDOWN, "SHUTDOWN", 1},
    {FAULT_AUTH, "AUTH", 77},
    {FAULT_OWNER, "OWNER", 77},
    {FAULT_QUOTA, "QUOTA", 1},
    {FAULT_SLOW_CLIENT, "SLOW_CLIENT", 1},
    {FAULT_BUSY_MEMORY, "MEMORY", 75},
    {FAULT_BUSY_QUEUE, "QUEUE", 75},
    {FAULT_BUSY_WINDOW, "WINDOW", 75},
    {FAULT_BUSY_NO_WORKER, "NO_WORKER", 75},
    {FAULT_BUSY_DRAINING, "DRAINING", 75},
    {FAULT_REJECT_VERSION, "VERSION", 65},
    {FAULT_REJECT_DIGEST, "DIGEST", 65},
    {FAULT_REJECT_PART, "PART", 65},
    {FAULT_REJECT_AUTH, "AUTH", 77},
    {FAULT_REJECT_FULL, "FULL", 75},
    {FAULT_REJECT_BANNED, "BANNED", 77},
    {FAULT_REJECT_DRAINING, "DRAINING", 75},
    {FAULT_USAGE, "USAGE", 64},
    {FAULT_INPUT, "INPUT", 65},
    {FAULT_CONFIG, "CONFIG", 78},
    {FAULT_NO_BROKER, "NO_BROKER", 69},
    {FAULT_TIMEOUT, "TIMEOUT", 75},
    {FAULT_SYSTEM, "SYSTEM", 1},
    {FAULT_MEMORY, "MEMORY", 1},
};

static const fault_row_t *
s_row(fault_code_t code)
{
    for (size_t i = 0; i < sizeof fault_rows / sizeof fault_rows[0]; i++)
        if (fault_rows[i].code == code)
            return &fault_rows[i];
    return NULL;
}

/* As much of `more` as fits behind the text. */
static void
s_append(char *text, const char *more)
{
    size_t used = strlen(text);
    while (*more && used < FAULT_TEXT_MAX)
        text[used++] = *more++;
    text[used] = '\0';
}

int
fault_set(fault_t *fault, fault_code_t code, const char *format, ...)
{
    if (!fault)
        return -1;
    assert(code != FAULT_NONE);

    va_list arguments;
    va_start(arguments, format);
    fault->code = code;
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    utf8_clean(fault->text);
    return -1;
}

int
fault_prefix(fault_t *fault, const char *format, ...)
{
    if (!fault)
        return -1;

    char old[sizeof fault->text];
    memcpy(old, fault->text, sizeof old);

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    s_append(fault->text, ": ");
    s_append(fault->text, old);
    utf8_clean(fault->text);
    return -1;
}

void
fault_clear(fault_t *fault)
{
    if (fault) {
        fault->code = FAULT_NONE;
        fault->text[0] = '\0';
    }
}

const char *
fault_name(fault_code_t code)
{
    const fault_row_t *row = s_row(code);
    return row ? row->name : "UNKNOWN";
}

fault_code_t
fault_from_wire(uint16_t code)
{
    return code == FAULT_NONE || code >= FAULT_USAGE ? FAULT_INTERNAL
                                                     : (fault_code_t)code;
}

bool
fault_is_retriable(fault_code_t code)
{
    return code >= 100 && code < 200;
}

int
fault_exit_status(fault_code_t code)
{
    const fault_row_t *row = s_row(code);
    return row ? row->exit_status : 1;
}
