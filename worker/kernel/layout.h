/* Moving elements without changing them, whatever their size: 1, 2, 4 or 8
 * bytes. Distances are in elements. */
#ifndef CONVOY_WORKER_KERNEL_LAYOUT_H
#define CONVOY_WORKER_KERNEL_LAYOUT_H

#include <stddef.h>

/* A plane of `rows` x `columns`: y[r * y_row + c] = x[r * x_row + c *
 * x_column]. Strides of x may be 0 or negative. A transpose, where x_row is 1,
 * is done in blocks that fit the cache. */
void layout_plane(void *y, const void *x, size_t size, size_t rows,
                  size_t columns, ptrdiff_t y_row, ptrdiff_t x_row,
                  ptrdiff_t x_column);

#endif
