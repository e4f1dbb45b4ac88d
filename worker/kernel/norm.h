/* Normalising by mean and variance, or by the channels around. */
#ifndef CONVOY_WORKER_KERNEL_NORM_H
#define CONVOY_WORKER_KERNEL_NORM_H

#include <stddef.h>

/* y[r][i] = (x[r][i] - mean) / sqrt(variance + epsilon) * scale[i] + shift[i]
 * with mean and variance of row r of x[rows][count]; shift may be NULL, y may
 * be x. Both moments are made in double, the variance around the mean. */
void norm_rows(float *y, const float *x, const float *scale, const float *shift,
               size_t rows, size_t count, float epsilon);

/* The same for x[channels][inner] as one row, with a scale and a shift a
 * channel: a group of a group norm; an instance norm has groups of one. */
void norm_group(float *y, const float *x, const float *scale,
                const float *shift, size_t channels, size_t inner,
                float epsilon);

typedef struct norm_window {
    size_t size; /* channels, itself included; more behind if even */
    float alpha, beta, bias;
} norm_window_t;

/* y[c][i] = x[c][i] / (bias + alpha / size * sum)^beta with the sum of squares
 * of the channels around c, for the first `columns` of x[channels][inner]
 * (Krizhevsky et al. 2012); y is not x. */
void norm_channels(const norm_window_t *window, float *y, const float *x,
                   size_t channels, size_t columns, size_t inner);

#endif
