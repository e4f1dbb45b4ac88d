/* Predictions as lines: for people, or one JSON object each. */
#ifndef CONVOY_CLIENT_OUTPUT_H
#define CONVOY_CLIENT_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/outcome.h"
#include "client/scores.h"
#include "common/fault.h"
#include "common/service.h"

enum { OUTPUT_JSON_TOP = 5 };

/* What is known about one picture; nothing in it where fault.code is set. */
typedef struct prediction {
    fault_t fault;
    int part; /* where it failed, or -1 */
    job_id_t job;
    int64_t latency_us;
    score_t *best; /* owned */
    size_t best_count;
    path_step_t *path; /* owned */
    int path_count;
} prediction_t;

/* Out of the outcome of a job. */
void prediction_take(prediction_t *self, const service_t *service,
                     const outcome_t *outcome, size_t top);
void prediction_release(prediction_t *self);

/* "cat.png: cat 0.9294", a line each of the best. */
void output_text(FILE *file, const char *image, const service_t *service,
                 const prediction_t *prediction);

/* The object of the contract in one line, success or failure. */
void output_json(FILE *file, const char *image, const service_t *service,
                 const prediction_t *prediction);

/* "part 0 by left: waited 1.2 ms, computed 3.4 ms; ..." into text[size];
 * returns text. */
const char *output_path(char *text, size_t size,
                        const prediction_t *prediction);

#endif
