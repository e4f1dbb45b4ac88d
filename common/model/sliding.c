/* Windows: attributes read, auto_pad worked out, extents computed. */
#include "common/model/sliding.h"

#include <string.h>

typedef struct reading {
    const node_t *node;
    sliding_t *window;
    int first; /* of the spatial axes, in the window's arrays */
    fault_t *fault;
} reading_t;

/* An attribute of a number for each spatial axis, or of two lists of them
 * (`more` is where the second goes). */
static int
s_ints(const reading_t *self, const char *name, int64_t absent, int64_t min,
       int64_t *values, int64_t *more)
{
    const attribute_t *found = node_attribute(self->node, name);
    size_t axes = (size_t)self->window->axes, count = more ? 2 * axes : axes;
    for (int i = self->first; i < SLIDING_AXES; i++) {
        values[i] = absent;
        if (more)
            more[i] = absent;
    }
    if (!found)
        return 0;
    if (found->kind != ATTRIBUTE_INTS || found->count != count)
        return node_fault(self->node, self->fault, "%s should be %zu integers",
                          name, count);
    for (size_t i = 0; i < count; i++) {
        int64_t *to = i < axes ? values + i : more + (i - axes);
        if (found->ints[i] < min || found->ints[i] > SLIDING_EXTENT_MAX)
            return node_fault(self->node, self->fault,
                              "%s has %lld, which should be %lld to %d", name,
                              (long long)found->ints[i], (long long)min,
                              SLIDING_EXTENT_MAX);
        to[self->first] = found->ints[i];
    }
    return 0;
}

/* Check the image and set what every window has. */
static int
s_begin(reading_t *self, const shape_t *x, const shape_t *weights)
{
    char text[128];
    sliding_t *window = self->window;
    int rank = x->rank;
    if (rank < 3 || rank > 2 + SLIDING_AXES ||
        (weights && weights->rank != rank))
        return node_fault(self->node, self->fault,
                          "its input %s is not [N, channels, ...]",
                          shape_text(x, text, sizeof text));
    *window = (sliding_t){.axes = rank - 2,
                          .in = {1, 1, 1},
                          .out = {1, 1, 1},
                          .kernel = {1, 1, 1},
                          .stride = {1, 1, 1},
                          .dilation = {1, 1, 1}};
    self->first = SLIDING_AXES - window->axes;
    for (int i = self->first; i < SLIDING_AXES; i++)
        window->in[i] = x->dims[i - self->first + 2];
    if (s_ints(self, "kernel_shape", 0, 1, window->kernel, NULL) ||
        s_ints(self, "strides", 1, 1, window->stride, NULL) ||
        s_ints(self, "dilations", 1, 1, window->dilation, NULL) ||
        s_ints(self, "pads", 0, 0, window->begin, window->end))
        return -1;
    for (int i = self->first; i < SLIDING_AXES; i++) {
        int64_t extent =
            weights ? weights->dims[i - self->first + 2] : window->kernel[i];
        if (extent == 0 && !weights)
            return node_fault(self->node, self->fault,
                              "it has no kernel_shape");
        if (extent < 1 || extent > SLIDING_EXTENT_MAX)
            return node_fault(self->node, self->fault,
                              "its kernel has an extent of %lld",
                              (long long)extent);
        if (window->kernel[i] != 0 && window->kernel[i] != extent)
            return node_fault(self->node, self->fault,
                              "kernel_shape is not that of the weights");
        window->kernel[i] = extent;
    }
    return 0;
}

/* How many neighbouring inputs a window reaches over. */
static int64_t
s_reach(const sliding_t *window, int axis)
{
    return window->dilation[axis] * (window->kernel[axis] - 1) + 1;
}

/* Padding of `total` on both sides; an odd one goes to the end or, `lower`, to
 * the begin. */
static void
s_pad(sliding_t *window, int axis, int64_t total, bool lower)
{
    total = total < 0 ? 0 : total;
    window->begin[axis] = (total + lower) / 2;
    window->end[axis] = total - window->begin[axis];
}

enum { PAD_GIVEN, PAD_NONE, PAD_UPPER, PAD_LOWER };

static int
s_auto_pad(const reading_t *self)
{
    static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER",
                                        "SAME_LOWER"};
    const char *text = node_text(self->node, "auto_pad", names[PAD_GIVEN]);
    for (int i = PAD_GIVEN; i <= PAD_LOWER; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return node_fault(self->node, self->fault,
                      "auto_pad %.20s is not supported", text);
}

/* The outputs along one axis. With ceil_mode a last window hangs over the end,
 * but only if it begins inside the input or its padding in front (as in
 * PyTorch and, from opset 19 on, in ONNX). */
static int
s_extent(const reading_t *self, int axis, bool ceil_mode)
{
    sliding_t *window = self->window;
    int64_t begun = window->in[axis] + window->begin[axis];
    int64_t padded = begun + window->end[axis];
    int64_t reach = s_reach(window, axis), stride = window->stride[axis];
    if (reach > padded)
        return node_fault(self->node, self->fault,
                          "a kernel of %lld does not fit an input of %lld",
                          (long long)reach, (long long)padded);
    int64_t out = (padded - reach) / stride + 1;
    if (ceil_mode && (padded - reach) % stride != 0 && out * stride < begun)
        out++;
    window->out[axis] = out;
    return 0;
}

int
sliding_read(const node_t *node, const shape_t *x, const shape_t *weights,
             sliding_t *self, fault_t *fault)
{
    reading_t reading = {.node = node, .window = self, .fault = fault};
    bool ceil_mode = !weights && node_int(node, "ceil_mode", 0) != 0;
    int pad = s_auto_pad(&reading);
    if (pad < 0 || s_begin(&reading, x, weights))
        return -1;
    for (int i = reading.first; i < SLIDING_AXES; i++) {
        int64_t stride = self->stride[i], reach = s_reach(self, i);
        int64_t same = (self->in[i] + stride - 1) / stride;
        if (pad == PAD_NONE)
            s_pad(self, i, 0, false);
        if (pad == PAD_UPPER || pad == PAD_LOWER)
            s_pad(self, i, (same - 1) * stride + reach - self->in[i],
                  pad == PAD_LOWER);
        if (s_extent(&reading, i, ceil_mode))
            return -1;
    }
    return 0;
}

/* The padding that makes an output as large as it should be. */
static void
s_pad_to(sliding_t *window, int axis, int64_t whole, int64_t wanted, bool lower)
{
    s_pad(window, axis, whole - wanted, lower);
    window->out[axis] = wanted;
}

int
sliding_read_transposed(const node_t *node, const shape_t *x,
                        const shape_t *weights, sliding_t *self, fault_t *fault)
{
    reading_t reading = {.node = node, .window = self, .fault = fault};
    int64_t wanted[SLIDING_AXES], more[SLIDING_AXES];
    int pad = s_auto_pad(&reading);
    if (pad < 0 || s_begin(&reading, x, weights) ||
        s_ints(&reading, "output_shape", 0, 1, wanted, NULL) ||
        s_ints(&reading, "output_padding", 0, 0, more, NULL))
        return -1;
    for (int i = reading.first; i < SLIDING_AXES; i++) {
        int64_t whole =
            self->stride[i] * (self->in[i] - 1) + more[i] + s_reach(self, i);
        if (wanted[i] > 0)
            s_pad_to(self, i, whole, wanted[i], pad != PAD_UPPER);
        else if (pad == PAD_UPPER || pad == PAD_LOWER)
            s_pad_to(self, i, whole, self->in[i] * self->stride[i],
                     pad == PAD_LOWER);
        else if (pad == PAD_NONE)
            s_pad_to(self, i, whole, whole, false);
        else
            self->out[i] = whole - self->begin[i] - self->end[i];
        if (self->out[i] < 1)
            return node_fault(node, fault, "padding leaves no output of %lld",
                              (long long)whole);
    }
    return 0;
}

shape_t
sliding_output(const sliding_t *self, const shape_t *x, int64_t channels)
{
    shape_t shape = *x;
    shape.dims[1] = channels;
    for (int i = 0; i < self->axes; i++)
        shape.dims[i + 2] = self->out[SLIDING_AXES - self->axes + i];
    return shape;
}
