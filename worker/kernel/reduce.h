/* Sums, means, extrema and lengths along an axis. */
#ifndef CONVOY_WORKER_KERNEL_REDUCE_H
#define CONVOY_WORKER_KERNEL_REDUCE_H

#include <stddef.h>

typedef enum reduce_kind {
    REDUCE_SUM,
    REDUCE_MEAN,
    REDUCE_MAX, /* a NaN is larger and smaller than anything */
    REDUCE_MIN,
    REDUCE_LENGTH, /* sqrt of the sum of squares */
} reduce_kind_t;

/* y[r] of x[rows][count] over count. Sums are made in double. */
void reduce_rows(reduce_kind_t kind, float *y, const float *x, size_t rows,
                 size_t count);

/* y[i] of x[count][step] over count, for the first `columns` of step. */
void reduce_columns(reduce_kind_t kind, float *y, const float *x, size_t count,
                    size_t columns, size_t step);

#endif
