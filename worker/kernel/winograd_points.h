/* The one-dimensional transforms of Winograd's convolutions F(m, 3).
 *
 *   y = A' [(G g) * (B' d)]   m outputs from m + 2 inputs d and 3 weights g
 *
 * for m = 2 with the points 0, 1, -1 and infinity, for m = 4 also 2 and -2:
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR
 * 2016, sections 4.1 and 4.2. Rows for points p and -p share their even and
 * their odd terms. G: worker/kernel/winograd.c.
 */
#ifndef CONVOY_WORKER_KERNEL_WINOGRAD_POINTS_H
#define CONVOY_WORKER_KERNEL_WINOGRAD_POINTS_H

#include "worker/kernel/vector.h"

static inline void
winograd_input_2(vector_t *t, const vector_t *d)
{
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
}

static inline void
winograd_input_4(vector_t *t, const vector_t *d)
{
    vector_t even = d[4] - 4.0f * d[2], odd = d[3] - 4.0f * d[1];
    vector_t even_2 = d[4] - d[2], odd_2 = d[3] - d[1];
    t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = even_2 + 2.0f * odd_2;
    t[4] = even_2 - 2.0f * odd_2;
    t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

static inline void
winograd_output_2(vector_t *y, const vector_t *t)
{
    y[0] = t[0] + t[1] + t[2];
    y[1] = t[1] - t[2] - t[3];
}

static inline void
winograd_output_4(vector_t *y, const vector_t *t)
{
    vector_t even = t[1] + t[2], odd = t[1] - t[2];
    vector_t even_2 = t[3] + t[4], odd_2 = t[3] - t[4];
    y[0] = t[0] + even + even_2;
    y[1] = odd + 2.0f * odd_2;
    y[2] = even + 4.0f * even_2;
    y[3] = odd + 8.0f * odd_2 + t[5];
}

/* t[m + 2] = B' d[m + 2]; m is a constant where this is inlined. */
static inline __attribute__((always_inline)) void
winograd_input_line(int m, vector_t *t, const vector_t *d)
{
    if (m == 2)
        winograd_input_2(t, d);
    else
        winograd_input_4(t, d);
}

/* y[m] = A' t[m + 2]. */
static inline __attribute__((always_inline)) void
winograd_output_line(int m, vector_t *y, const vector_t *t)
{
    if (m == 2)
        winograd_output_2(y, t);
    else
        winograd_output_4(y, t);
}

#endif
