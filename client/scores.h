/* From the last tensor to classes: softmax and the best K. */
#ifndef CONVOY_CLIENT_SCORES_H
#define CONVOY_CLIENT_SCORES_H

#include <stddef.h>

#include "common/fault.h"
#include "common/service.h"
#include "common/wire.h"

typedef struct score {
    size_t index;
    double probability;
} score_t;

/* In place; a value that is not finite is a fault (FAULT_INTERNAL). */
int scores_softmax(double *values, size_t count, fault_t *fault);

/* The best `top` of values in falling order, equal ones in order of index,
 * into best[top]; returns how many there are (at most count). */
size_t scores_top(const double *values, size_t count, score_t *best,
                  size_t top);

/* The best classes of a result's first tensor. *best is new (free it). -1 with
 * FAULT_INTERNAL for values that are no probabilities, FAULT_MEMORY. */
int scores_classify(const service_t *service, const payload_t *payload,
                    size_t top, score_t **best, size_t *count, fault_t *fault);

/* The label of a class, or its number as text; returns a borrowed text that is
 * valid as long as the service and text are. */
const char *scores_label(const service_t *service, size_t index, char *text,
                         size_t size);

#endif
