/* The kernels' naive twins. */
#include "tests/support/naive.h"

#include <math.h>
#include <stdlib.h>

#include "worker/kernel/reduce.h"

uint64_t
naive_bits(naive_random_t *self)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = self->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int
naive_int(naive_random_t *self, int low, int high)
{
    return low + (int)(naive_bits(self) % (uint64_t)(high - low + 1));
}

float
naive_float(naive_random_t *self)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++)
        sum += (double)(naive_bits(self) >> 11) * 0x1p-53;
    return (float)sum;
}

float *
naive_floats(naive_random_t *self, size_t count)
{
    float *floats = malloc((count ? count : 1) * sizeof *floats);
    for (size_t i = 0; floats && i < count; i++)
        floats[i] = naive_float(self);
    return floats;
}

double
naive_error(const float *a, const float *b, size_t count)
{
    double difference = 0.0, norm = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(a[i]))
            return 1.0;
        double d = (double)a[i] - (double)b[i];
        difference += d * d;
        norm += (double)b[i] * (double)b[i];
    }
    if (norm == 0.0)
        return difference == 0.0 ? 0.0 : 1.0;
    return sqrt(difference / norm);
}

void
naive_matmul(float *c, const float *a, const float *b, size_t rows,
             size_t depth, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < depth; k++)
                sum += (double)a[i * depth + k] * (double)b[k * columns + j];
            c[i * columns + j] = (float)sum;
        }
}

static double
s_patch_sum(const window_t *w, const float *plane, const float *filter, int top,
            int left)
{
    double sum = 0.0;
    for (int i = 0; i < w->kernel_y; i++)
        for (int j = 0; j < w->kernel_x; j++) {
            int y = top + i * w->dilation_y, x = left + j * w->dilation_x;
            if (y >= 0 && y < w->height && x >= 0 && x < w->width)
                sum += (double)plane[y * w->width + x] *
                       (double)filter[i * w->kernel_x + j];
        }
    return sum;
}

void
naive_conv(const window_t *w, int channels_in, int channels_out, int groups,
           float *y, const float *x, const float *weights, const float *bias)
{
    int group_in = channels_in / groups, group_out = channels_out / groups;
    int taps = w->kernel_y * w->kernel_x, plane = w->height * w->width;
    for (int o = 0; o < channels_out; o++)
        for (int i = 0; i < w->out_height; i++)
            for (int j = 0; j < w->out_width; j++) {
                double sum = bias ? (double)bias[o] : 0.0;
                for (int c = 0; c < group_in; c++)
                    sum += s_patch_sum(
                        w, x + (o / group_out * group_in + c) * plane,
                        weights + (o * group_in + c) * taps,
                        i * w->stride_y - w->pad_top,
                        j * w->stride_x - w->pad_left);
                *y++ = (float)sum;
            }
}

/* The input that reaches an output by a tap, at `at` = output + pad - tap *
 * dilation; -1 if there is none. */
static int
s_source(int at, int stride, int size)
{
    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
}

/* What reaches output (i, j) of one plane from one plane. */
static double
s_reached_sum(const window_t *w, const float *x, const float *filter, int i,
              int j)
{
    double sum = 0.0;
    for (int k = 0; k < w->kernel_y; k++)
        for (int l = 0; l < w->kernel_x; l++) {
            int u = s_source(i + w->pad_top - k * w->dilation_y, w->stride_y,
                             w->height);
            int v = s_source(j + w->pad_left - l * w->dilation_x, w->stride_x,
                             w->width);
            if (u >= 0 && v >= 0)
                sum += (double)x[u * w->width + v] *
                       (double)filter[k * w->kernel_x + l];
        }
    return sum;
}

void
naive_conv_transpose(const window_t *w, int channels_in, int channels_out,
                     int groups, float *y, const float *x, const float *weights,
                     const float *bias)
{
    int group_in = channels_in / groups, group_out = channels_out / groups;
    int taps = w->kernel_y * w->kernel_x, plane = w->height * w->width;
    for (int o = 0; o < channels_out; o++)
        for (int i = 0; i < w->out_height; i++)
            for (int j = 0; j < w->out_width; j++) {
                double sum = bias ? (double)bias[o] : 0.0;
                for (int c = 0; c < group_in; c++) {
                    int in = o / group_out * group_in + c;
                    sum += s_reached_sum(
                        w, x + in * plane,
                        weights + (in * group_out + o % group_out) * taps, i,
                        j);
                }
                *y++ = (float)sum;
            }
}

void
naive_pool_max(const window_t *w, float *y, const float *x, size_t planes)
{
    for (size_t p = 0; p < planes; p++, x += w->height * w->width)
        for (int i = 0; i < w->out_height; i++)
            for (int j = 0; j < w->out_width; j++) {
                float best = -INFINITY;
                for (int k = 0; k < w->kernel_y; k++)
                    for (int l = 0; l < w->kernel_x; l++) {
                        int u =
                            i * w->stride_y - w->pad_top + k * w->dilation_y;
                        int v =
                            j * w->stride_x - w->pad_left + l * w->dilation_x;
                        if (u >= 0 && u < w->height && v >= 0 && v < w->width &&
                            x[u * w->width + v] > best)
                            best = x[u * w->width + v];
                    }
                *y++ = best;
            }
}

void
naive_pool_average(const window_t *w, bool count_padding, float *y,
                   const float *x, size_t planes)
{
    for (size_t p = 0; p < planes; p++, x += w->height * w->width)
        for (int i = 0; i < w->out_height; i++)
            for (int j = 0; j < w->out_width; j++) {
                double sum = 0.0;
                int inside = 0, padded = 0;
                for (int k = 0; k < w->kernel_y; k++)
                    for (int l = 0; l < w->kernel_x; l++) {
                        int u =
                            i * w->stride_y - w->pad_top + k * w->dilation_y;
                        int v =
                            j * w->stride_x - w->pad_left + l * w->dilation_x;
                        padded += u < w->height + w->pad_bottom &&
                                  v < w->width + w->pad_right;
                        if (u < 0 || u >= w->height || v < 0 || v >= w->width)
                            continue;
                        inside++;
                        sum += (double)x[u * w->width + v];
                    }
                int count = count_padding ? padded : inside;
                *y++ = count ? (float)(sum / count) : 0.0f;
            }
}

void
naive_reduce(int kind, float *y, const float *x, size_t outer, size_t count,
             size_t inner)
{
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i++) {
            double sum = 0.0, squares = 0.0, most = -INFINITY, least = INFINITY;
            for (size_t c = 0; c < count; c++) {
                double value = (double)x[(o * count + c) * inner + i];
                sum += value;
                squares += value * value;
                most = fmax(most, value);
                least = fmin(least, value);
            }
            const double results[] = {
                [REDUCE_SUM] = sum,
                [REDUCE_MEAN] = sum / (double)count,
                [REDUCE_MAX] = most,
                [REDUCE_MIN] = least,
                [REDUCE_LENGTH] = sqrt(squares),
            };
            *y++ = (float)results[kind];
        }
}

static void
s_softmax(float *y, const float *x, size_t outer, size_t count, size_t inner,
          bool logarithm)
{
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i++) {
            const float *from = x + o * count * inner + i;
            float *to = y + o * count * inner + i;
            double largest = -INFINITY, sum = 0.0;
            for (size_t c = 0; c < count; c++)
                largest = fmax(largest, (double)from[c * inner]);
            for (size_t c = 0; c < count; c++)
                sum += exp((double)from[c * inner] - largest);
            for (size_t c = 0; c < count; c++) {
                double above = (double)from[c * inner] - largest;
                to[c * inner] =
                    (float)(logarithm ? above - log(sum) : exp(above) / sum);
            }
        }
}

void
naive_softmax(float *y, const float *x, size_t outer, size_t count,
              size_t inner)
{
    s_softmax(y, x, outer, count, inner, false);
}

void
naive_log_softmax(float *y, const float *x, size_t outer, size_t count,
                  size_t inner)
{
    s_softmax(y, x, outer, count, inner, true);
}

void
naive_norm(float *y, const float *x, const float *scale, const float *shift,
           size_t rows, size_t count, size_t channels, size_t inner,
           double epsilon)
{
    for (size_t r = 0; r < rows; r++) {
        const float *from = x + r * count;
        double mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < count; i++)
            mean += (double)from[i] / (double)count;
        for (size_t i = 0; i < count; i++) {
            double d = (double)from[i] - mean;
            variance += d * d / (double)count;
        }
        for (size_t i = 0; i < count; i++) {
            size_t c = (r * count + i) / inner % channels;
            double value = ((double)from[i] - mean) / sqrt(variance + epsilon);
            value *= scale ? (double)scale[c] : 1.0;
            y[r * count + i] = (float)(value + (shift ? (double)shift[c] : 0));
        }
    }
}

void
naive_lrn(float *y, const float *x, int channels, size_t inner, int size,
          double alpha, double beta, double bias)
{
    for (int c = 0; c < channels; c++)
        for (size_t i = 0; i < inner; i++) {
            double sum = 0.0;
            for (int k = c - (size - 1) / 2; k <= c + size / 2; k++)
                if (k >= 0 && k < channels) {
                    double value = (double)x[(size_t)k * inner + i];
                    sum += value * value;
                }
            size_t at = (size_t)c * inner + i;
            y[at] =
                (float)((double)x[at] / pow(bias + alpha / size * sum, beta));
        }
}
