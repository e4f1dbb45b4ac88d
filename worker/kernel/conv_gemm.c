/* Convolution as a matrix product: patches packed straight into panels. */
#include "worker/kernel/conv_gemm.h"

#include <string.h>

#include "worker/kernel/gemm.h"

size_t
conv_gemm_channel_floats(const conv_shape_t *shape)
{
    return (size_t)shape->channels_in * (size_t)shape->window.kernel_y *
           (size_t)shape->window.kernel_x;
}

size_t
conv_gemm_weights_floats(const conv_shape_t *shape)
{
    return gemm_packed_floats(gemm_rows(), (size_t)shape->channels_out,
                              conv_gemm_channel_floats(shape));
}

void
conv_gemm_pack(const conv_shape_t *shape, const float *weights, size_t channel,
               size_t channels, float *packed)
{
    size_t depth = conv_gemm_channel_floats(shape);
    gemm_pack_items(gemm_rows(), weights, depth, 1, channel, channels,
                    (size_t)shape->channels_out, depth, packed);
}

/* A line of pixels, then the panels. */
size_t
conv_gemm_scratch_floats(void)
{
    return CONV_PIXELS_MAX +
           gemm_packed_floats(gemm_columns(), CONV_PIXELS_MAX, GEMM_DEPTH);
}

/* Pixels [x0, x0 + count) of one output row as one tap sees them. */
static void
s_row_of_tap(const window_t *w, const float *plane, int top, int offset, int x0,
             int count, float *line)
{
    if (top < 0 || top >= w->height) {
        memset(line, 0, (size_t)count * sizeof *line);
        return;
    }
    const float *row = plane + (ptrdiff_t)top * w->width;
    int step = w->stride_x;
    int begin = x0 * step + offset; /* the first pixel's input column */
    int first = begin >= 0 ? 0 : (-begin + step - 1) / step;
    int end = begin >= w->width ? 0 : (w->width - 1 - begin) / step + 1;
    end = end < count ? end : count;
    first = first < end ? first : end;

    for (int j = 0; j < first; j++)
        line[j] = 0.0f;
    if (step == 1)
        memcpy(line + first, row + begin + first,
               (size_t)(end - first) * sizeof *line);
    else
        for (int j = first; j < end; j++)
            line[j] = row[begin + j * step];
    for (int j = end; j < count; j++)
        line[j] = 0.0f;
}

/* A block of pixels as one tap of one channel sees them. */
static void
s_line_of_tap(const window_t *w, const float *plane, int tap_y, int tap_x,
              size_t pixel, size_t pixels, float *line)
{
    int y = (int)(pixel / (size_t)w->out_width);
    int x = (int)(pixel % (size_t)w->out_width);
    for (int left = (int)pixels; left > 0; y++, x = 0) {
        int count = w->out_width - x < left ? w->out_width - x : left;
        s_row_of_tap(w, plane,
                     y * w->stride_y - w->pad_top + tap_y * w->dilation_y,
                     tap_x * w->dilation_x - w->pad_left, x, count, line);
        line += count;
        left -= count;
    }
}

/* Where the patches are the image itself, nothing needs to be gathered. */
static int
s_is_pointwise(const window_t *w)
{
    return w->kernel_y == 1 && w->kernel_x == 1 && w->stride_y == 1 &&
           w->stride_x == 1 && w->pad_top == 0 && w->pad_left == 0 &&
           w->out_height == w->height && w->out_width == w->width;
}

static void
s_spread(const gemm_side_t *side, const float *line, size_t pixels,
         float *panel, size_t panel_floats)
{
    size_t width = (size_t)side->width, stride = (size_t)side->stride;
    size_t i = 0;
    if (width == 16 && stride == 16) /* constant sizes make vector moves */
        for (; i + 16 <= pixels; i += 16, panel += panel_floats)
            memcpy(panel, line + i, 16 * sizeof *panel);
    for (; i < pixels; i += width, panel += panel_floats) {
        size_t count = pixels - i < width ? pixels - i : width;
        memcpy(panel, line + i, count * sizeof *panel);
        memset(panel + count, 0, (stride - count) * sizeof *panel);
    }
}

static void
s_pack_patches(const conv_shape_t *shape, const conv_range_t *range,
               const float *x, size_t first, size_t steps, float *line,
               float *panels)
{
    const window_t *w = &shape->window;
    const gemm_side_t *side = gemm_columns();
    size_t plane = (size_t)w->height * (size_t)w->width;
    if (s_is_pointwise(w)) {
        gemm_pack_block(side, x + first * plane + range->pixel, 1, plane,
                        range->pixels, steps, panels);
        return;
    }

    size_t taps = (size_t)w->kernel_y * (size_t)w->kernel_x;
    size_t panel_floats = gemm_panel_floats(side, steps);
    for (size_t k = 0; k < steps; k++) {
        size_t channel = (first + k) / taps;
        int tap = (int)((first + k) % taps);
        s_line_of_tap(w, x + channel * plane, tap / w->kernel_x,
                      tap % w->kernel_x, range->pixel, range->pixels, line);
        s_spread(side, line, range->pixels, panels + k * (size_t)side->stride,
                 panel_floats);
    }
}

void
conv_gemm(const conv_shape_t *shape, const conv_range_t *range,
          const conv_end_t *end, float *y, const float *x, const float *packed,
          float *scratch)
{
    const gemm_side_t *rows = gemm_rows();
    size_t depth = conv_gemm_channel_floats(shape);
    size_t pixels =
        (size_t)shape->window.out_height * (size_t)shape->window.out_width;
    size_t first_panel = range->channel / (size_t)rows->width;
    float *panels = scratch + CONV_PIXELS_MAX;
    float *corner = y + range->channel * pixels + range->pixel;

    size_t step = gemm_step(depth);
    for (size_t k = 0; k < depth; k += step) {
        size_t steps = depth - k < step ? depth - k : step;
        s_pack_patches(shape, range, x, k, steps, scratch, panels);
        const float *block =
            packed +
            gemm_block_offset(rows, (size_t)shape->channels_out, depth, k);
        gemm_block(steps, block + first_panel * gemm_panel_floats(rows, steps),
                   panels, corner, pixels, range->channels, range->pixels,
                   k > 0);
    }
    for (size_t c = 0; c < range->channels; c++)
        activate_row(&end->activation, corner + c * pixels,
                     end->bias[range->channel + c],
                     end->residual ? end->residual + (corner - y) + c * pixels
                                   : NULL,
                     range->pixels);
}
