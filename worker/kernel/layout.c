/* Moving elements without changing them. */
#include "worker/kernel/layout.h"

#include <assert.h>
#include <string.h>

void
layout_gather(float *y, const float *x, int rank, const size_t *dims,
              const size_t *strides)
{
    assert(rank <= LAYOUT_RANK_MAX);
    size_t index[LAYOUT_RANK_MAX] = {0};
    int last = rank - 1;
    if (last < 0) {
        *y = *x;
        return;
    }
    for (int i = 0; i <= last; i++)
        if (dims[i] == 0)
            return;
    for (;;) {
        size_t count = dims[last], step = strides[last];
        for (size_t i = 0; i < count; i++)
            y[i] = x[i * step];
        y += count;
        int axis = last - 1;
        while (axis >= 0 && index[axis] + 1 == dims[axis]) {
            x -= index[axis] * strides[axis];
            index[axis--] = 0;
        }
        if (axis < 0)
            return;
        index[axis]++;
        x += strides[axis];
    }
}

void
layout_rows(float *y, size_t y_stride, const float *x, size_t rows,
            size_t row_floats)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * y_stride, x + i * row_floats, row_floats * sizeof *y);
}
