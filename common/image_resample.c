/* Antialiased filtering, as Pillow's Image.resize does it for 8 bits.
 *
 * Two passes, rows first. An output pixel is a weighted mean of the input
 * pixels under a curve stretched by the scale (at least 1): a triangle, or the
 * cubic of Keys (1981) with a = -1/2, some of whose weights are negative. They
 * are fixed point with WEIGHT_BITS fraction bits, and between the passes the
 * values are rounded to 8 bits. Only the asked-for window of the output is
 * computed, so cropping costs nothing and an extreme aspect no memory.
 */
#include "common/image_resample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/mem.h"

enum {
    WEIGHT_BITS = 32 - 8 - 2, /* 8 bits of value, 2 of headroom */
};

/* What weighs a pixel by its distance, and where that ends. */
typedef struct curve {
    double (*weight)(double x);
    double support;
} curve_t;

/* One axis: which input positions an output position mixes, and how. */
typedef struct axis {
    int count;        /* output positions of the window */
    int room;         /* weights an output position has at most */
    int *first;       /* [count] input position of the first weight */
    int *taken;       /* [count] weights that are used */
    int32_t *weights; /* [count][room] */
} axis_t;

static void
s_axis_release(axis_t *self)
{
    free(self->first);
    free(self->taken);
    free(self->weights);
}

static double
s_triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double
s_cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

static const curve_t curves[] = {
    [IMAGE_BILINEAR] = {s_triangle, 1.0},
    [IMAGE_BICUBIC] = {s_cubic, 2.0},
};

/* The weights of output position `at` of a whole axis. */
static void
s_axis_fill(axis_t *self, const curve_t *curve, int index, int at, int input,
            double scale, double *exact)
{
    double stretch = scale < 1.0 ? 1.0 : scale;
    double reach = curve->support * stretch;
    double centre = (at + 0.5) * scale, sum = 0.0;
    int first = (int)(centre - reach + 0.5);
    int end = (int)(centre + reach + 0.5);
    first = first < 0 ? 0 : first;
    end = end > input ? input : end;
    for (int i = first; i < end; i++) {
        exact[i - first] = curve->weight((i - centre + 0.5) * (1.0 / stretch));
        sum += exact[i - first];
    }
    int32_t *weights = self->weights + (size_t)index * (size_t)self->room;
    for (int i = 0; i < end - first; i++) {
        double weight = sum != 0.0 ? exact[i] / sum : exact[i];
        double fixed = weight * (1 << WEIGHT_BITS);
        weights[i] = (int32_t)(fixed < 0.0 ? fixed - 0.5 : fixed + 0.5);
    }
    self->first[index] = first;
    self->taken[index] = end - first;
}

static int
s_axis_init(axis_t *self, const curve_t *curve, int input, int output,
            int start, int count, fault_t *fault)
{
    double scale = (double)input / output;
    *self = (axis_t){.count = count};
    self->room =
        (int)ceil(curve->support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
    self->first = mem_new((size_t)count, sizeof *self->first, fault);
    self->taken = mem_new((size_t)count, sizeof *self->taken, fault);
    self->weights = mem_new((size_t)count * (size_t)self->room,
                            sizeof *self->weights, fault);
    double *exact = mem_new((size_t)self->room, sizeof *exact, fault);
    bool made = self->first && self->taken && self->weights && exact;
    for (int i = 0; made && i < count; i++)
        s_axis_fill(self, curve, i, start + i, input, scale, exact);
    free(exact);
    if (!made)
        s_axis_release(self);
    return made ? 0 : -1;
}

static uint8_t
s_round(int32_t sum)
{
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One output pixel: `step` bytes lie between neighbours of the axis. */
static void
s_mix_colours(const axis_t *axis, int index, const uint8_t *in, size_t step,
              uint8_t *out)
{
    const int32_t *weights = axis->weights + (size_t)index * (size_t)axis->room;
    int32_t half = 1 << (WEIGHT_BITS - 1);
    int32_t red = half, green = half, blue = half;
    in += (size_t)axis->first[index] * step;
    for (int i = 0; i < axis->taken[index]; i++, in += step) {
        red += in[0] * weights[i];
        green += in[1] * weights[i];
        blue += in[2] * weights[i];
    }
    out[0] = s_round(red);
    out[1] = s_round(green);
    out[2] = s_round(blue);
}

static void
s_mix_grey(const axis_t *axis, int index, const uint8_t *in, size_t step,
           uint8_t *out)
{
    const int32_t *weights = axis->weights + (size_t)index * (size_t)axis->room;
    int32_t grey = 1 << (WEIGHT_BITS - 1);
    in += (size_t)axis->first[index] * step;
    for (int i = 0; i < axis->taken[index]; i++, in += step)
        grey += in[0] * weights[i];
    out[0] = s_round(grey);
}

static void
s_mix(const axis_t *axis, int index, const uint8_t *in, size_t step,
      size_t channels, uint8_t *out)
{
    if (channels == 1)
        s_mix_grey(axis, index, in, step, out);
    else
        s_mix_colours(axis, index, in, step, out);
}

/* Rows first..first+rows of the image, filtered along x: [rows][count][C]. */
static uint8_t *
s_filter_rows(const image_t *image, const axis_t *x, int first, int rows,
              fault_t *fault)
{
    size_t channels = (size_t)image->channels;
    size_t stride = (size_t)image->width * channels;
    size_t row_bytes = (size_t)x->count * channels;
    uint8_t *out = mem_new((size_t)rows, row_bytes, fault);
    for (int y = 0; out && y < rows; y++) {
        const uint8_t *row = image->pixels + (size_t)(first + y) * stride;
        for (int i = 0; i < x->count; i++)
            s_mix(x, i, row, channels, channels,
                  out + (size_t)y * row_bytes + (size_t)i * channels);
    }
    return out;
}

static uint8_t *
s_filter(const image_t *image, const axis_t *x, axis_t *y, fault_t *fault)
{
    int first = y->first[0];
    int end = y->first[y->count - 1] + y->taken[y->count - 1];
    for (int j = 0; j < y->count; j++)
        y->first[j] -= first; /* rows of `middle` */
    uint8_t *middle = s_filter_rows(image, x, first, end - first, fault);
    size_t channels = (size_t)image->channels;
    size_t row_bytes = (size_t)x->count * channels;
    uint8_t *out = middle ? mem_new((size_t)y->count, row_bytes, fault) : NULL;
    for (int j = 0; out && j < y->count; j++)
        for (int i = 0; i < x->count; i++) {
            size_t column = (size_t)i * channels;
            s_mix(y, j, middle + column, row_bytes, channels,
                  out + (size_t)j * row_bytes + column);
        }
    free(middle);
    return out;
}

int
image_resample(const image_t *image, int width, int height,
               image_filter_t filter, const image_window_t *window,
               image_t *out, fault_t *fault)
{
    const curve_t *curve = &curves[filter];
    axis_t x, y;
    *out = (image_t){window->width, window->height, image->channels, NULL};
    if (s_axis_init(&x, curve, image->width, width, window->left, window->width,
                    fault) != 0)
        return -1;
    if (s_axis_init(&y, curve, image->height, height, window->top,
                    window->height, fault) == 0) {
        out->pixels = s_filter(image, &x, &y, fault);
        s_axis_release(&y);
    }
    s_axis_release(&x);
    return out->pixels ? 0 : -1;
}
