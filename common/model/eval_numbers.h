/* Working on elements of any dtype: some at a time as float64 or int64, and
 * where operands of several shapes meet.
 *
 * A sum, difference, product, quotient or root of two float32 that is computed
 * in float64 and rounded is the one that float32 arithmetic gives (S.
 * Figueroa, "When is double rounding innocuous?", 1995), so one set of loops
 * is enough for floating point.
 */
#ifndef CONVOY_COMMON_MODEL_EVAL_NUMBERS_H
#define CONVOY_COMMON_MODEL_EVAL_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/eval.h"
#include "common/tensor.h"

enum { NUMBERS_MAX = 128 };

/* Some neighbouring elements of a tensor. */
typedef struct numbers {
    size_t count;
    bool whole; /* which of the two */
    union {
        double reals[NUMBERS_MAX];
        int64_t wholes[NUMBERS_MAX];
    };
} numbers_t;

/* Integers and bool. */
bool numbers_are_whole(dtype_t dtype);

/* The elements at + i * step, for i < count; step is 0 or 1. count and whole
 * are set before. */
void numbers_load(numbers_t *self, const array_t *from, size_t at, size_t step);

/* Write them as the elements from `at` on. Integers that do not fit wrap
 * around, reals that do not fit an integer saturate. */
void numbers_store(const numbers_t *self, const array_t *to, size_t at);

/* numpy's broadcasting as rows: along a row, an operand is either walked
 * (step 1) or repeats one element (step 0). */
typedef struct rows {
    size_t count;
    size_t length;
    int axes; /* of the output that are in front of a row */
} rows_t;

/* Rows as long as these operands allow (NULL ones are skipped). */
rows_t rows_find(const shape_t *output, const array_t *const *inputs,
                 int count);

/* Where an operand begins in a row of the output; *step as for numbers_load. */
size_t rows_start(const rows_t *self, const shape_t *output,
                  const shape_t *operand, size_t row, size_t *step);

#endif
