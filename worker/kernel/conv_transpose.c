/* Transposed convolution, tap by tap. */
#include "worker/kernel/conv_transpose.h"

/* The inputs whose output origin + i * stride lies in [0, size). */
static void
s_reaching(int origin, int stride, int inputs, int size, int *first, int *end)
{
    int low = origin >= 0 ? 0 : (-origin + stride - 1) / stride;
    int high = origin >= size ? 0 : (size - 1 - origin) / stride + 1;
    *end = high < inputs ? high : inputs;
    *first = low < *end ? low : *end;
}

static void
s_spread_row(float *y, const float *x, float weight, int stride, int count)
{
    if (stride == 1) {
        for (int j = 0; j < count; j++)
            y[j] += weight * x[j];
        return;
    }
    for (int j = 0; j < count; j++)
        y[(ptrdiff_t)j * stride] += weight * x[j];
}

static void
s_spread(const window_t *w, float *y, const float *x, const float *filter)
{
    for (int ky = 0; ky < w->kernel_y; ky++) {
        int top = ky * w->dilation_y - w->pad_top, i0, i1;
        s_reaching(top, w->stride_y, w->height, w->out_height, &i0, &i1);
        for (int kx = 0; kx < w->kernel_x; kx++) {
            int left = kx * w->dilation_x - w->pad_left, j0, j1;
            float weight = filter[ky * w->kernel_x + kx];
            s_reaching(left, w->stride_x, w->width, w->out_width, &j0, &j1);
            for (int i = i0; i < i1; i++)
                s_spread_row(
                    y + (ptrdiff_t)(top + i * w->stride_y) * w->out_width +
                        left + (ptrdiff_t)j0 * w->stride_x,
                    x + (ptrdiff_t)i * w->width + j0, weight, w->stride_x,
                    j1 - j0);
        }
    }
}

void
conv_transpose_plane(const window_t *w, float *y, const float *x,
                     size_t channels, const float *filters,
                     size_t filter_stride, float bias)
{
    size_t outputs = (size_t)w->out_height * (size_t)w->out_width;
    size_t inputs = (size_t)w->height * (size_t)w->width;
    for (size_t i = 0; i < outputs; i++)
        y[i] = bias;
    for (size_t c = 0; c < channels; c++)
        s_spread(w, y, x + c * inputs, filters + c * filter_stride);
}
