/* Moving elements without changing them: transpose and block copies. */
#ifndef CONVOY_WORKER_KERNEL_LAYOUT_H
#define CONVOY_WORKER_KERNEL_LAYOUT_H

#include <stddef.h>

enum { LAYOUT_RANK_MAX = 8 };

/* y = x with its axes in another order: y is dense over dims, and x's element
 * of y's index is at sum(index[i] * strides[i]). */
void layout_gather(float *y, const float *x, int rank, const size_t *dims,
                   const size_t *strides);

/* Copy `rows` rows of row_floats each from a dense x into y, whose rows begin
 * y_stride floats apart. */
void layout_rows(float *y, size_t y_stride, const float *x, size_t rows,
                 size_t row_floats);

#endif
