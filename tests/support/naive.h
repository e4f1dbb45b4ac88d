/* What the kernels compute, said in the plainest way and in double precision:
 * the oracle of their tests. Also numbers to test with, and the error. */
#ifndef CONVOY_TESTS_SUPPORT_NAIVE_H
#define CONVOY_TESTS_SUPPORT_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/kernel/window.h"

/* Reproducible random numbers. */
typedef struct naive_random {
    uint64_t state;
} naive_random_t;

uint64_t naive_bits(naive_random_t *self);
/* low..high, both possible. */
int naive_int(naive_random_t *self, int low, int high);
/* About normal: mean 0, variance 1. */
float naive_float(naive_random_t *self);
/* New array of such numbers; free it. */
float *naive_floats(naive_random_t *self, size_t count);

/* The relative error of a against b: ||a - b|| / ||b||; 1 if a is not finite
 * somewhere. */
double naive_error(const float *a, const float *b, size_t count);

/* c[rows][columns] = a[rows][depth] b[depth][columns]. */
void naive_matmul(float *c, const float *a, const float *b, size_t rows,
                  size_t depth, size_t columns);

/* y[channels_out][oh][ow] from x[channels_in][h][w] and
 * w[channels_out][channels_in / groups][ky][kx]; bias may be NULL. */
void naive_conv(const window_t *window, int channels_in, int channels_out,
                int groups, float *y, const float *x, const float *weights,
                const float *bias);

/* The transpose, with weights[channels_in][channels_out / groups][ky][kx]; the
 * window is as in worker/kernel/conv_transpose.h. */
void naive_conv_transpose(const window_t *window, int channels_in,
                          int channels_out, int groups, float *y,
                          const float *x, const float *weights,
                          const float *bias);

void naive_pool_max(const window_t *window, float *y, const float *x,
                    size_t planes);
void naive_pool_average(const window_t *window, bool count_padding, float *y,
                        const float *x, size_t planes);

/* y[o][i] of x[outer][count][inner] over count; kind is one of the kernel's. */
void naive_reduce(int kind, float *y, const float *x, size_t outer,
                  size_t count, size_t inner);

/* Softmax of x[outer][count][inner] over count. */
void naive_softmax(float *y, const float *x, size_t outer, size_t count,
                   size_t inner);

/* Its logarithm. */
void naive_log_softmax(float *y, const float *x, size_t outer, size_t count,
                       size_t inner);

/* Mean and variance of x[rows][count] go, scale[i / inner % channels] and
 * shift come; either may be NULL. */
void naive_norm(float *y, const float *x, const float *scale,
                const float *shift, size_t rows, size_t count, size_t channels,
                size_t inner, double epsilon);

/* Local response normalisation of x[channels][inner]. */
void naive_lrn(float *y, const float *x, int channels, size_t inner, int size,
               double alpha, double beta, double bias);

#endif
