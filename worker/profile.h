/* Where the time of a model's runs goes, step by step.
 *
 *     profile_init(&profile, session, &fault);
 *     ... run, profile_add(&profile), run, profile_add(&profile) ...
 *     profile_settle(&profile, batch);
 *     profile_print(&profile, stdout);
 */
#ifndef CONVOY_WORKER_PROFILE_H
#define CONVOY_WORKER_PROFILE_H

#include <stdio.h>

#include <jansson.h>

#include "worker/engine/session.h"

typedef struct profile_row {
    const lap_t *lap;
    double ms;     /* the median of the runs */
    double share;  /* of all rows */
    double gflops; /* of the node itself, 2 a multiply-add, direct algorithm */
} profile_row_t;

/* Steps of one operator computed in one way. */
typedef struct profile_sum {
    const char *op, *way;
    int steps;
    double ms, share, gflops;
} profile_sum_t;

typedef struct profile {
    profile_row_t *rows; /* in the order they run */
    size_t rows_count;
    profile_sum_t *sums; /* the longest first */
    size_t sums_count;
    double ms; /* of all rows */

    int64_t *times_ns; /* [row][run] */
    size_t runs;
} profile_t;

/* For a session that session_watch was called for. FAULT_MEMORY. */
int profile_init(profile_t *self, const session_t *session, fault_t *fault);
void profile_release(profile_t *self);

/* Note the laps of the session's last run; of more than 1000 runs the first
 * ones count. */
void profile_add(profile_t *self);

/* Work out rows and sums from what was noted. */
void profile_settle(profile_t *self, int batch);

/* A table of the rows and one of the sums. */
void profile_print(const profile_t *self, FILE *file);

/* [{"node", "op", "way", "fused", "out", "ms", "share", "gflops"}], NULL where
 * memory ran out. */
json_t *profile_json(const profile_t *self);

/* As much of a node's name as a table has room for: its end, as names are
 * paths. */
const char *profile_tail(const char *node);

/* "Conv + residual + Relu" of a row, into text[size]; returns text. */
const char *profile_what(const profile_row_t *row, char *text, size_t size);

#endif
