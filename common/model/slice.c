/* The numbers of Slice, resolved. */
#include "common/model/slice.h"

#include <stdbool.h>

static int64_t
s_clamp(int64_t value, int64_t dim, int64_t low, int64_t high)
{
    value = value < 0 ? value + dim : value;
    return value < low ? low : value > high ? high : value;
}

/* From one index to another (not included); at most one step is left out. */
static int64_t
s_count(int64_t start, int64_t end, int64_t step)
{
    bool up = step > 0;
    if (up ? start >= end : start <= end)
        return 0;
    uint64_t way = (uint64_t)(up ? end - start : start - end);
    uint64_t stride = up ? (uint64_t)step : 0 - (uint64_t)step;
    return (int64_t)((way - 1) / stride + 1);
}

const char *
slice_resolve(slice_t *self, const shape_t *shape, const slice_lists_t *lists)
{
    unsigned seen = 0;
    int rank = shape->rank;
    *self = (slice_t){.shape = *shape};
    for (int i = 0; i < rank; i++)
        self->steps[i] = 1;
    if (lists->count > rank)
        return "it names more axes than its input has";
    for (int i = 0; i < lists->count; i++) {
        int64_t axis = lists->axes ? lists->axes[i] : i;
        int64_t step = lists->steps ? lists->steps[i] : 1;
        if (axis < -rank || axis >= rank)
            return "it names an axis that its input does not have";
        axis = axis < 0 ? axis + rank : axis;
        if (seen >> axis & 1)
            return "it names an axis twice";
        if (step == 0)
            return "one of its steps is 0";
        seen |= 1u << axis;
        int64_t dim = shape->dims[axis];
        bool up = step > 0;
        int64_t start = s_clamp(lists->starts[i], dim, 0, up ? dim : dim - 1);
        int64_t end = s_clamp(lists->ends[i], dim, up ? 0 : -1, dim);
        int64_t count = dim ? s_count(start, end, step) : 0;
        self->shape.dims[axis] = count;
        self->starts[axis] = count ? start : 0;
        self->steps[axis] = count > 1 ? step : 1;
    }
    return NULL;
}
