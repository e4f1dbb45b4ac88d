/* Norms: moments in double, side by side, then one pass in float. */
#include "worker/kernel/norm.h"

#include <math.h>

enum { LANES = 16, COLUMNS = 64 };

/* The sum of (x - from)^power. */
static inline __attribute__((always_inline)) double
s_moment(const float *x, size_t count, double from, int power)
{
    double sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            double d = (double)x[i + l] - from;
            sums[l] += power == 2 ? d * d : d;
        }
    for (size_t l = 0; i < count; i++, l++) {
        double d = (double)x[i] - from;
        sums[l] += power == 2 ? d * d : d;
    }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sums[l] += sums[l + half];
    return sums[0];
}

/* Two passes: a variance as the difference of two large numbers would lose
 * the digits that matter. */
static void
s_moments(const float *x, size_t count, float epsilon, float *mean,
          float *inverse)
{
    double middle = s_moment(x, count, 0.0, 1) / (double)count;
    double variance = s_moment(x, count, middle, 2) / (double)count;
    *mean = (float)middle;
    *inverse = (float)(1.0 / sqrt(variance + (double)epsilon));
}

void
norm_rows(float *y, const float *x, const float *scale, const float *shift,
          size_t rows, size_t count, float epsilon)
{
    for (size_t r = 0; r < rows; r++, x += count, y += count) {
        float mean, inverse;
        s_moments(x, count, epsilon, &mean, &inverse);
        if (shift)
            for (size_t i = 0; i < count; i++)
                y[i] = (x[i] - mean) * inverse * scale[i] + shift[i];
        else
            for (size_t i = 0; i < count; i++)
                y[i] = (x[i] - mean) * inverse * scale[i];
    }
}

void
norm_group(float *y, const float *x, const float *scale, const float *shift,
           size_t channels, size_t inner, float epsilon)
{
    float mean, inverse;
    s_moments(x, channels * inner, epsilon, &mean, &inverse);
    for (size_t c = 0; c < channels; c++, x += inner, y += inner) {
        float a = inverse * scale[c], b = shift[c];
        for (size_t i = 0; i < inner; i++)
            y[i] = (x[i] - mean) * a + b;
    }
}

/* base^-beta; the usual one by two roots. */
static void
s_divide(float *y, const float *x, const float *base, float beta, size_t count)
{
    if (beta == 0.75f)
        for (size_t i = 0; i < count; i++) {
            float root = sqrtf(base[i]);
            y[i] = x[i] / (root * sqrtf(root));
        }
    else
        for (size_t i = 0; i < count; i++)
            y[i] = x[i] / powf(base[i], beta);
}

void
norm_channels(const norm_window_t *window, float *y, const float *x,
              size_t channels, size_t columns, size_t inner)
{
    size_t before = (window->size - 1) / 2, after = window->size / 2;
    float factor = window->alpha / (float)window->size;
    for (size_t done = 0; done < columns; done += COLUMNS) {
        size_t width = columns - done < COLUMNS ? columns - done : COLUMNS;
        for (size_t c = 0; c < channels; c++) {
            size_t first = c > before ? c - before : 0;
            size_t last = c + after < channels ? c + after : channels - 1;
            float base[COLUMNS] = {0};
            for (size_t k = first; k <= last; k++) {
                const float *from = x + k * inner + done;
                for (size_t i = 0; i < width; i++)
                    base[i] += from[i] * from[i];
            }
            for (size_t i = 0; i < width; i++)
                base[i] = window->bias + factor * base[i];
            s_divide(y + c * inner + done, x + c * inner + done, base,
                     window->beta, width);
        }
    }
}
