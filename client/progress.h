/* A progress bar on standard error, for people who wait. */
#ifndef CONVOY_CLIENT_PROGRESS_H
#define CONVOY_CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_COUNT_MIN = 8, PROGRESS_INTERVAL_MS = 100 };

typedef struct progress {
    bool shown; /* standard error is a terminal and there is enough to do */
    size_t total;
    int64_t drawn_ms;
    bool visible;
} progress_t;

void progress_init(progress_t *self, size_t total);

/* Draw, at most every PROGRESS_INTERVAL_MS. */
void progress_show(progress_t *self, size_t done, size_t failed, int64_t now);

/* Take the bar away before other lines are written. */
void progress_hide(progress_t *self);

/* The bar itself into line[size]; returns line. */
const char *progress_line(char *line, size_t size, size_t done, size_t total,
                          size_t failed);

#endif
