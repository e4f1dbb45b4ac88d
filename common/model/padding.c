/* The numbers of Pad, resolved. */
#include "common/model/padding.h"

#include <string.h>

static const int64_t PAD_MAX = (int64_t)1 << 40; /* elements */

static padding_mode_t
s_mode(const node_t *node)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *name = node_text(node, "mode", "constant");
    int mode = 0;
    while (mode < PADDING_UNKNOWN && strcmp(names[mode], name) != 0)
        mode++;
    return (padding_mode_t)mode;
}

/* One axis. What is cut off is gone before anything is repeated. */
static const char *
s_pad_axis(padding_t *self, int axis, int64_t begin, int64_t end)
{
    int64_t dim = self->shape.dims[axis];
    if (begin < -PAD_MAX || begin > PAD_MAX || end < -PAD_MAX || end > PAD_MAX)
        return "its pads are too large";
    int64_t total = begin + dim + end;
    int64_t first = begin < 0 ? -begin : 0;
    int64_t last = end < 0 ? dim + end : dim;
    bool some = first < last;
    if (total < 0)
        return "its pads leave less than nothing";
    if (!some && total > 0 && self->mode != PADDING_CONSTANT)
        return "its pads leave nothing to repeat";
    self->keep[axis] = some ? first : 0;
    self->kept[axis] = some ? last - first : 0;
    self->begin[axis] = some && begin > 0 ? begin : 0;
    self->shape.dims[axis] = total;
    return NULL;
}

const char *
padding_resolve(padding_t *self, const node_t *node, const shape_t *shape,
                const int64_t *pads, int count, const int64_t *axes)
{
    unsigned seen = 0;
    int rank = shape->rank;
    *self = (padding_t){.mode = s_mode(node), .shape = *shape};
    if (self->mode == PADDING_UNKNOWN)
        return "its mode is not known";
    for (int i = 0; i < rank; i++)
        self->kept[i] = shape->dims[i];
    if (count > rank)
        return "it has more pads than its input has axes";
    if (!axes && count != rank)
        return "it has fewer pads than its input has axes";
    for (int i = 0; i < count; i++) {
        int64_t axis = axes ? axes[i] : i;
        if (axis < -rank || axis >= rank)
            return "it names an axis that its input does not have";
        axis = axis < 0 ? axis + rank : axis;
        if (seen >> axis & 1)
            return "it names an axis twice";
        seen |= 1u << axis;
        const char *why = s_pad_axis(self, (int)axis, pads[i], pads[count + i]);
        if (why)
            return why;
    }
    return NULL;
}

int64_t
padding_source(const padding_t *self, int axis, int64_t index)
{
    int64_t kept = self->kept[axis], at = index - self->begin[axis];
    int64_t period = self->mode == PADDING_WRAP ? kept : 2 * (kept - 1);
    if (at >= 0 && at < kept)
        return self->keep[axis] + at;
    if (self->mode == PADDING_CONSTANT)
        return -1;
    if (self->mode == PADDING_EDGE)
        at = at < 0 ? 0 : kept - 1;
    else
        at = period ? (at % period + period) % period : 0;
    return self->keep[axis] + (at < kept ? at : period - at);
}
