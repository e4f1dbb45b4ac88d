/* Resizing rows of an image: an element is a weighted sum of a few others. */
#ifndef CONVOY_WORKER_KERNEL_RESIZE_H
#define CONVOY_WORKER_KERNEL_RESIZE_H

#include <stddef.h>

/* y[i] = sum of weights[t] * rows[at[t] * width + i] over `taps`: one row out
 * of a plane. */
void resize_rows(float *y, const float *rows, size_t width, int taps,
                 const size_t *at, const float *weights);

/* y[i] = sum of weights[i * taps + t] * x[at[i * taps + t]]: along a row. */
void resize_columns(float *y, const float *x, size_t count, int taps,
                    const size_t *at, const float *weights);

#endif
