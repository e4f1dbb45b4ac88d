/* Depthwise convolution, tap by tap along whole output rows. */
#include "worker/kernel/depthwise.h"

#include <string.h>

/* The outputs [*first, *end) of a row whose input column, for one tap, lies
 * inside the plane. */
static void
s_columns(const window_t *w, int offset, int *first, int *end)
{
    int low = offset >= 0 ? 0 : (-offset + w->stride_x - 1) / w->stride_x;
    int high =
        offset >= w->width ? 0 : (w->width - 1 - offset) / w->stride_x + 1;
    *end = high < w->out_width ? high : w->out_width;
    *first = low < *end ? low : *end;
}

static void
s_tap(const window_t *w, float *y, const float *row, int offset, float weight)
{
    int first, end;
    s_columns(w, offset, &first, &end);
    if (w->stride_x == 1) {
        const float *from = row + offset;
        for (int j = first; j < end; j++)
            y[j] += weight * from[j];
    } else {
        for (int j = first; j < end; j++)
            y[j] += weight * row[offset + j * w->stride_x];
    }
}

void
depthwise_plane(const window_t *w, float *y, const float *x,
                const float *filter)
{
    for (int i = 0; i < w->out_height; i++) {
        int top = i * w->stride_y - w->pad_top;
        int y0, y1;
        window_taps(top, w->dilation_y, w->kernel_y, w->height, &y0, &y1);
        memset(y, 0, (size_t)w->out_width * sizeof *y);
        for (int k = y0; k < y1; k++) {
            const float *row =
                x + (ptrdiff_t)(top + k * w->dilation_y) * w->width;
            for (int l = 0; l < w->kernel_x; l++)
                s_tap(w, y, row, l * w->dilation_x - w->pad_left,
                      filter[k * w->kernel_x + l]);
        }
        y += w->out_width;
    }
}
