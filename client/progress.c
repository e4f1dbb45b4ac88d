/* A progress bar on standard error. */
#include "client/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_COLUMNS = 30 };

void
progress_init(progress_t *self, size_t total)
{
    *self = (progress_t){.total = total,
                         .shown = total >= PROGRESS_COUNT_MIN &&
                                  isatty(STDERR_FILENO)};
}

const char *
progress_line(char *line, size_t size, size_t done, size_t total, size_t failed)
{
    char bar[BAR_COLUMNS + 1];
    size_t full = total ? done * BAR_COLUMNS / total : 0;
    for (size_t i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_COLUMNS] = '\0';
    int wrote = snprintf(line, size, "[%s] %zu of %zu", bar, done, total);
    if (failed && wrote > 0 && (size_t)wrote < size)
        snprintf(line + wrote, size - (size_t)wrote, ", %zu failed", failed);
    return line;
}

void
progress_show(progress_t *self, size_t done, size_t failed, int64_t now)
{
    if (!self->shown ||
        (self->visible && now - self->drawn_ms < PROGRESS_INTERVAL_MS))
        return;
    char line[128];
    fprintf(stderr, "\r%s\033[K",
            progress_line(line, sizeof line, done, self->total, failed));
    fflush(stderr);
    self->visible = true;
    self->drawn_ms = now;
}

void
progress_hide(progress_t *self)
{
    if (!self->visible)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    self->visible = false;
}
