/* Resizing rows of an image. */
#include "worker/kernel/resize.h"

void
resize_rows(float *y, const float *rows, size_t width, int taps,
            const size_t *at, const float *weights)
{
    const float *x = rows + at[0] * width;
    float weight = weights[0];
    for (size_t i = 0; i < width; i++)
        y[i] = weight * x[i];
    for (int t = 1; t < taps; t++) {
        x = rows + at[t] * width;
        weight = weights[t];
        for (size_t i = 0; i < width; i++)
            y[i] += weight * x[i];
    }
}

void
resize_columns(float *y, const float *x, size_t count, int taps,
               const size_t *at, const float *weights)
{
    for (size_t i = 0; taps == 1 && i < count; i++)
        y[i] = x[at[i]];
    for (size_t i = 0; taps > 1 && i < count;
         i++, at += taps, weights += taps) {
        float sum = weights[0] * x[at[0]];
        for (int t = 1; t < taps; t++)
            sum += weights[t] * x[at[t]];
        y[i] = sum;
    }
}
