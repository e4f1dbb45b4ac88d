/* Moving elements without changing them. */
#include "worker/kernel/layout.h"

#include <assert.h>
#include <string.h>

enum { BLOCK = 16 }; /* elements of float32 in a cache line */

#define INLINE static inline __attribute__((always_inline))

/* Inlined for each size, where memcpy is one move. */
INLINE void
s_plane(char *y, const char *x, size_t size, size_t rows, size_t columns,
        ptrdiff_t y_row, ptrdiff_t x_row, ptrdiff_t x_column)
{
    for (size_t r = 0; r < rows; r++) {
        char *to = y + (ptrdiff_t)r * y_row;
        const char *from = x + (ptrdiff_t)r * x_row;
        for (size_t c = 0; c < columns; c++, to += size, from += x_column)
            memcpy(to, from, size);
    }
}

INLINE void
s_blocks(char *y, const char *x, size_t size, size_t rows, size_t columns,
         ptrdiff_t y_row, ptrdiff_t x_row, ptrdiff_t x_column)
{
    for (size_t r = 0; r < rows; r += BLOCK)
        for (size_t c = 0; c < columns; c += BLOCK)
            s_plane(y + (ptrdiff_t)r * y_row + c * size,
                    x + (ptrdiff_t)r * x_row + (ptrdiff_t)c * x_column, size,
                    rows - r < BLOCK ? rows - r : BLOCK,
                    columns - c < BLOCK ? columns - c : BLOCK, y_row, x_row,
                    x_column);
}

static void
s_rows(char *y, const char *x, size_t rows, size_t bytes, ptrdiff_t y_row,
       ptrdiff_t x_row)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(y + (ptrdiff_t)r * y_row, x + (ptrdiff_t)r * x_row, bytes);
}

void
layout_plane(void *y, const void *x, size_t size, size_t rows, size_t columns,
             ptrdiff_t y_row, ptrdiff_t x_row, ptrdiff_t x_column)
{
    ptrdiff_t bytes = (ptrdiff_t)size;
    y_row *= bytes;
    x_row *= bytes;
    if (x_column == 1) {
        s_rows(y, x, rows, columns * size, y_row, x_row);
        return;
    }
    x_column *= bytes;
    switch (size) {
    case 1:
        s_blocks(y, x, 1, rows, columns, y_row, x_row, x_column);
        break;
    case 2:
        s_blocks(y, x, 2, rows, columns, y_row, x_row, x_column);
        break;
    case 4:
        s_blocks(y, x, 4, rows, columns, y_row, x_row, x_column);
        break;
    default:
        assert(size == 8);
        s_blocks(y, x, 8, rows, columns, y_row, x_row, x_column);
    }
}
