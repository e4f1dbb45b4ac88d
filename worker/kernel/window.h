/* A window that slides over planes: what convolution and pooling share. */
#ifndef CONVOY_WORKER_KERNEL_WINDOW_H
#define CONVOY_WORKER_KERNEL_WINDOW_H

#include <stddef.h>

/* Output (y, x) sees the input rows y * stride_y - pad_top + i * dilation_y
 * for i < kernel_y, and columns likewise; what lies outside is padding. */
typedef struct window {
    int height, width;         /* of an input plane */
    int out_height, out_width; /* of an output plane */
    int kernel_y, kernel_x;
    int stride_y, stride_x;
    int dilation_y, dilation_x;
    int pad_top, pad_left, pad_bottom, pad_right;
} window_t;

/* The taps i of one axis whose input position origin + i * dilation lies in
 * [0, size): *first <= i < *end. */
static inline void
window_taps(int origin, int dilation, int kernel, int size, int *first,
            int *end)
{
    int low = origin >= 0 ? 0 : (-origin + dilation - 1) / dilation;
    int high = origin >= size ? 0 : (size - 1 - origin) / dilation + 1;
    *end = high < kernel ? high : kernel;
    *first = low < *end ? low : *end;
}

#endif
