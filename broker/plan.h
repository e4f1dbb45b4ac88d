/* --plan: what the cut costs and what to expect of it, before any machine is
 * started.
 *
 * A simple model, in the rates of common/model/cut.h:
 *
 *   part k        compute_k = max(FLOP / flop rate, bytes / memory rate)
 *                 seconds_k = compute_k / share_k + (in_k + out_k) / link rate
 *   throughput    1 / the longest of all seconds_k and of what the broker's
 *                 link carries a sample in one direction
 *   latency       in_0 / link + sum of seconds_k + out_last / link
 *   one machine   sum of compute_k / the largest share, no link
 *
 * One worker a part, batch 1. What software adds to a hop is left out.
 */
#ifndef CONVOY_BROKER_PLAN_H
#define CONVOY_BROKER_PLAN_H

#include <stdio.h>

#include <jansson.h>

#include "common/fault.h"
#include "common/model/model.h"

enum {
    PLAN_WARNING_MAX = 512,
    PLAN_NOTES_MAX = 2 * CUT_PARTS_MAX + 2,
};

typedef struct plan_part {
    double seconds; /* computing and the link */
    double link_s;  /* of them, the link */
    double share;   /* of all computing, 0 to 1 */
} plan_part_t;

typedef struct plan {
    cut_rates_t rates;
    plan_part_t parts[CUT_PARTS_MAX];
    double broker_s; /* of the broker's link, a request */
    double requests_per_s;
    double latency_s;
    double single_s;                              /* one machine alone */
    char warning[PLAN_WARNING_MAX];               /* a sentence, or "" */
    char notes[PLAN_NOTES_MAX][PLAN_WARNING_MAX]; /* what else to know */
    int notes_count;
} plan_t;

void plan_init(plan_t *self, const model_t *model, const cut_rates_t *rates);

/* A table for people, and a bar a part. */
void plan_print(const plan_t *self, const model_t *model, FILE *file);

/* The object of `broker --plan --json`, or NULL with FAULT_MEMORY. */
json_t *plan_encode(const plan_t *self, const model_t *model, fault_t *fault);

#endif
