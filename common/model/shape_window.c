/* Shapes of what slides a window over an image: convolution and pooling. */
#include <string.h>

#include "common/model/shape_ops.h"

typedef struct window {
    int axes;
    int64_t kernel[SHAPING_SPATIAL_MAX];
    int64_t strides[SHAPING_SPATIAL_MAX];
    int64_t dilations[SHAPING_SPATIAL_MAX];
    int64_t pads[2 * SHAPING_SPATIAL_MAX]; /* all begins, then all ends */
    bool ceil_mode;
} window_t;

/* [N, C, spatial...] */
static int
s_check_image(const shaping_t *self, const value_type_t *x)
{
    char text[128];
    if (x->shape.rank < 3 || x->shape.rank > 2 + SHAPING_SPATIAL_MAX)
        return shaping_fault(self, "its input %s is not [N, channels, ...]",
                             shape_text(&x->shape, text, sizeof text));
    return 0;
}

static int
s_read_window(const shaping_t *self, window_t *window)
{
    const char *pad = node_text(self->node, "auto_pad", "NOTSET");
    if (strcmp(pad, "NOTSET") != 0 && strcmp(pad, "VALID") != 0)
        return shaping_fault(self, "auto_pad %.20s is not supported", pad);
    window->ceil_mode = node_int(self->node, "ceil_mode", 0) != 0;
    if (shaping_ints(self, "strides", window->axes, 1, 1, window->strides) ||
        shaping_ints(self, "dilations", window->axes, 1, 1,
                     window->dilations) ||
        shaping_ints(self, "pads", 2 * window->axes, 0, 0, window->pads))
        return -1;
    return 0;
}

/* The outputs along one axis. With ceil_mode a last window hangs over the end,
 * but only if it begins inside the input or its left padding (as in PyTorch
 * and, from opset 19 on, in ONNX). */
static int
s_extent(const shaping_t *self, const window_t *window, int axis, int64_t size,
         int64_t *result)
{
    int64_t begin = window->pads[axis];
    int64_t padded = size + begin + window->pads[axis + window->axes];
    int64_t reach = window->dilations[axis] * (window->kernel[axis] - 1) + 1;
    int64_t stride = window->strides[axis];
    if (reach > padded)
        return shaping_fault(self,
                             "a kernel of %lld does not fit an input of %lld",
                             (long long)reach, (long long)padded);
    *result = (padded - reach) / stride + 1;
    if (window->ceil_mode && (padded - reach) % stride != 0 &&
        *result * stride < size + begin)
        ++*result;
    return 0;
}

static int
s_slide(const shaping_t *self, const window_t *window, const value_type_t *x,
        int64_t channels)
{
    shape_t shape = {.rank = x->shape.rank};
    shape.dims[0] = x->shape.dims[0];
    shape.dims[1] = channels;
    for (int i = 0; i < window->axes; i++)
        if (s_extent(self, window, i, x->shape.dims[i + 2],
                     &shape.dims[i + 2]) != 0)
            return -1;
    return shaping_output(self, x->dtype, &shape);
}

static int
s_check_conv(const shaping_t *self, const value_type_t *x,
             const value_type_t *w, const value_type_t *b, int64_t groups)
{
    char xs[128], ws[128];
    shape_text(&x->shape, xs, sizeof xs);
    shape_text(&w->shape, ws, sizeof ws);
    if (w->shape.rank != x->shape.rank)
        return shaping_fault(self, "weights %s for an input %s", ws, xs);
    int64_t in = x->shape.dims[1], out = w->shape.dims[0];
    if (groups < 1 || in % groups != 0 || out % groups != 0)
        return shaping_fault(self,
                             "%lld groups do not divide %lld input and %lld "
                             "output channels",
                             (long long)groups, (long long)in, (long long)out);
    if (w->shape.dims[1] != in / groups)
        return shaping_fault(self,
                             "weights %s want %lld input channels a group, the "
                             "input %s has %lld in %lld groups",
                             ws, (long long)w->shape.dims[1], xs, (long long)in,
                             (long long)groups);
    if (b && (b->shape.rank != 1 || b->shape.dims[0] != out))
        return shaping_fault(self, "a bias %s for weights %s",
                             shape_text(&b->shape, xs, sizeof xs), ws);
    return 0;
}

int
shape_conv(const shaping_t *self)
{
    if (shaping_arity(self, 2, 3) != 0 || shaping_floats(self, 3) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    const value_type_t *w = shaping_input(self, 1);
    int64_t groups = node_int(self->node, "group", 1);
    if (s_check_image(self, x) != 0 ||
        s_check_conv(self, x, w, shaping_input(self, 2), groups) != 0)
        return -1;

    window_t window = {.axes = x->shape.rank - 2};
    int64_t declared[SHAPING_SPATIAL_MAX];
    if (s_read_window(self, &window) != 0)
        return -1;
    window.ceil_mode = false;
    for (int i = 0; i < window.axes; i++) {
        window.kernel[i] = w->shape.dims[i + 2];
        if (window.kernel[i] < 1 || window.kernel[i] > SHAPING_EXTENT_MAX)
            return shaping_fault(self, "its kernel has an extent of %lld",
                                 (long long)window.kernel[i]);
    }
    if (node_attribute(self->node, "kernel_shape")) {
        if (shaping_ints(self, "kernel_shape", window.axes, 1, 1, declared))
            return -1;
        for (int i = 0; i < window.axes; i++)
            if (declared[i] != window.kernel[i])
                return shaping_fault(self, "kernel_shape is not that of the "
                                           "weights");
    }
    return s_slide(self, &window, x, w->shape.dims[0]);
}

int
shape_pool(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0 || shaping_floats(self, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (s_check_image(self, x) != 0)
        return -1;
    if (self->node->outputs_count > 1 && self->node->outputs[1] != GRAPH_NONE)
        return shaping_fault(self, "its output of indices is not supported");
    window_t window = {.axes = x->shape.rank - 2};
    if (s_read_window(self, &window) != 0 ||
        shaping_ints(self, "kernel_shape", window.axes, 0, 1, window.kernel))
        return -1;
    for (int i = 0; i < 2 * window.axes; i++) {
        int axis = i % window.axes;
        int64_t reach = window.dilations[axis] * (window.kernel[axis] - 1) + 1;
        if (window.kernel[axis] < 1)
            return shaping_fault(self, "it has no kernel_shape");
        /* A window of padding alone would have no maximum and no mean. */
        if (window.pads[i] >= reach)
            return shaping_fault(self, "padding %lld for a kernel of %lld",
                                 (long long)window.pads[i], (long long)reach);
    }
    return s_slide(self, &window, x, x->shape.dims[1]);
}

int
shape_global_pool(const shaping_t *self)
{
    if (shaping_arity(self, 1, 1) != 0 || shaping_floats(self, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (s_check_image(self, x) != 0)
        return -1;
    shape_t shape = x->shape;
    for (int i = 2; i < shape.rank; i++)
        shape.dims[i] = 1;
    return shaping_output(self, x->dtype, &shape);
}

int
shape_batch_norm(const shaping_t *self)
{
    static const char *const names[] = {"", "scale", "bias", "mean",
                                        "variance"};
    char text[128];
    if (shaping_arity(self, 5, 5) != 0 || shaping_floats(self, 5) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (node_int(self->node, "training_mode", 0) != 0)
        return shaping_fault(self, "it is in training mode");
    if (x->shape.rank < 2)
        return shaping_fault(self, "its input %s is not [N, channels, ...]",
                             shape_text(&x->shape, text, sizeof text));
    for (int i = 1; i < 5; i++) {
        const value_type_t *given = shaping_input(self, i);
        if (given->shape.rank != 1 || given->shape.dims[0] != x->shape.dims[1])
            return shaping_fault(self, "its %s is %s for %lld channels",
                                 names[i],
                                 shape_text(&given->shape, text, sizeof text),
                                 (long long)x->shape.dims[1]);
    }
    return shaping_output(self, x->dtype, &x->shape);
}

bool
mixes_image(const shaping_t *self)
{
    for (int i = 1; i < self->node->inputs_count; i++)
        if (shaping_sample_axis(self, i) != SAMPLE_NOWHERE)
            return true;
    return shaping_sample_axis(self, 0) > 0;
}

static double
s_outputs(const shaping_t *self)
{
    return (double)shape_elements(&self->types[self->node->outputs[0]].shape);
}

double
flop_conv(const shaping_t *self)
{
    const shape_t *w = &shaping_input(self, 1)->shape;
    return 2 * s_outputs(self) * (double)(shape_elements(w) / w->dims[0]);
}

double
flop_pool(const shaping_t *self)
{
    const attribute_t *kernel = node_attribute(self->node, "kernel_shape");
    double flop = s_outputs(self);
    for (size_t i = 0; i < kernel->count; i++)
        flop *= (double)kernel->ints[i];
    return flop;
}

double
flop_global_pool(const shaping_t *self)
{
    return (double)shape_elements(&shaping_input(self, 0)->shape);
}
