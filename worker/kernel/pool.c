/* Pooling, a plane at a time. */
#include "worker/kernel/pool.h"

#include <math.h>

enum { LANES = 8 };

/* True if the larger of the two, or the one that is no number, is b. */
static bool
s_wins(float a, float b)
{
    return b > a || b != b;
}

static float
s_max_of(const window_t *w, const float *x, int top, int left)
{
    int y0, y1, x0, x1;
    window_taps(top, w->dilation_y, w->kernel_y, w->height, &y0, &y1);
    window_taps(left, w->dilation_x, w->kernel_x, w->width, &x0, &x1);
    float best = -INFINITY;
    for (int i = y0; i < y1; i++) {
        const float *row = x + (ptrdiff_t)(top + i * w->dilation_y) * w->width;
        for (int j = x0; j < x1; j++) {
            float v = row[left + j * w->dilation_x];
            best = s_wins(best, v) ? v : best;
        }
    }
    return best;
}

/* The most frequent window: 2 x 2, step 2, nothing outside. */
static bool
s_is_halving(const window_t *w)
{
    return w->kernel_y == 2 && w->kernel_x == 2 && w->stride_y == 2 &&
           w->stride_x == 2 && w->dilation_y == 1 && w->dilation_x == 1 &&
           w->pad_top == 0 && w->pad_left == 0 &&
           2 * w->out_height <= w->height && 2 * w->out_width <= w->width;
}

static void
s_halve(const window_t *w, float *y, const float *x)
{
    for (int i = 0; i < w->out_height; i++) {
        const float *upper = x + (ptrdiff_t)2 * i * w->width;
        const float *lower = upper + w->width;
        for (int j = 0; j < w->out_width; j++) {
            float a = upper[2 * j], b = upper[2 * j + 1];
            float c = lower[2 * j], d = lower[2 * j + 1];
            a = s_wins(a, b) ? b : a;
            c = s_wins(c, d) ? d : c;
            y[j] = s_wins(a, c) ? c : a;
        }
        y += w->out_width;
    }
}

void
pool_max(const window_t *w, float *y, const float *x, size_t planes)
{
    bool halving = s_is_halving(w);
    for (size_t p = 0; p < planes; p++) {
        if (halving) {
            s_halve(w, y, x);
            y += (ptrdiff_t)w->out_height * w->out_width;
        } else {
            for (int i = 0; i < w->out_height; i++)
                for (int j = 0; j < w->out_width; j++)
                    *y++ = s_max_of(w, x, i * w->stride_y - w->pad_top,
                                    j * w->stride_x - w->pad_left);
        }
        x += (ptrdiff_t)w->height * w->width;
    }
}

/* How many taps of one axis count: those before the padded border's end. */
static int
s_taps_counted(int origin, int dilation, int kernel, int end)
{
    int within = origin >= end ? 0 : (end - 1 - origin) / dilation + 1;
    return within < kernel ? within : kernel;
}

static float
s_average_of(const window_t *w, bool count_padding, const float *x, int top,
             int left)
{
    int y0, y1, x0, x1;
    window_taps(top, w->dilation_y, w->kernel_y, w->height, &y0, &y1);
    window_taps(left, w->dilation_x, w->kernel_x, w->width, &x0, &x1);
    float sum = 0.0f;
    for (int i = y0; i < y1; i++) {
        const float *row = x + (ptrdiff_t)(top + i * w->dilation_y) * w->width;
        for (int j = x0; j < x1; j++)
            sum += row[left + j * w->dilation_x];
    }
    int count = (y1 - y0) * (x1 - x0);
    if (count_padding)
        count = s_taps_counted(top, w->dilation_y, w->kernel_y,
                               w->height + w->pad_bottom) *
                s_taps_counted(left, w->dilation_x, w->kernel_x,
                               w->width + w->pad_right);
    return count > 0 ? sum / (float)count : 0.0f;
}

void
pool_average(const window_t *w, bool count_padding, float *y, const float *x,
             size_t planes)
{
    for (size_t p = 0; p < planes; p++) {
        for (int i = 0; i < w->out_height; i++)
            for (int j = 0; j < w->out_width; j++)
                *y++ = s_average_of(w, count_padding, x,
                                    i * w->stride_y - w->pad_top,
                                    j * w->stride_x - w->pad_left);
        x += (ptrdiff_t)w->height * w->width;
    }
}

void
pool_mean(float *y, const float *x, size_t planes, size_t count)
{
    for (size_t p = 0; p < planes; p++) {
        double sums[LANES] = {0.0};
        size_t i = 0;
        for (; i + LANES <= count; i += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                sums[lane] += (double)x[i + lane];
        for (; i < count; i++)
            sums[0] += (double)x[i];
        double sum = 0.0;
        for (size_t lane = 0; lane < LANES; lane++)
            sum += sums[lane];
        y[p] = (float)(sum / (double)count);
        x += count;
    }
}

void
pool_largest(float *y, const float *x, size_t planes, size_t count)
{
    for (size_t p = 0; p < planes; p++) {
        float best = -INFINITY;
        for (size_t i = 0; i < count; i++)
            best = s_wins(best, x[i]) ? x[i] : best;
        y[p] = best;
        x += count;
    }
}
