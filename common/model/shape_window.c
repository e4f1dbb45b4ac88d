/* Shapes of what slides a window over an image: convolution and pooling. */
#include "common/model/shape_ops.h"
#include "common/model/sliding.h"

/* [N, C, spatial...] */
static int
s_check_image(const shaping_t *self, const value_type_t *x)
{
    char text[128];
    if (x->shape.rank < 3 || x->shape.rank > 2 + SLIDING_AXES)
        return shaping_fault(self, "its input %s is not [N, channels, ...]",
                             shape_text(&x->shape, text, sizeof text));
    return 0;
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
    sliding_t window;
    if (s_check_image(self, x) != 0 ||
        s_check_conv(self, x, w, shaping_input(self, 2), groups) != 0 ||
        sliding_read(self->node, &x->shape, &w->shape, &window, self->fault))
        return -1;
    shape_t shape = sliding_output(&window, &x->shape, w->shape.dims[0]);
    return shaping_output(self, x->dtype, &shape);
}

/* Weights are [channels, channels of the output a group, kernel...]. */
int
shape_conv_transpose(const shaping_t *self)
{
    char xs[128], ws[128];
    if (shaping_arity(self, 2, 3) != 0 || shaping_floats(self, 3) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    const value_type_t *w = shaping_input(self, 1);
    const value_type_t *b = shaping_input(self, 2);
    int64_t groups = node_int(self->node, "group", 1);
    if (s_check_image(self, x) != 0)
        return -1;
    shape_text(&x->shape, xs, sizeof xs);
    shape_text(&w->shape, ws, sizeof ws);
    if (w->shape.rank != x->shape.rank || w->shape.dims[0] != x->shape.dims[1])
        return shaping_fault(self, "weights %s for an input %s", ws, xs);
    if (groups < 1 || w->shape.dims[0] < 1 || w->shape.dims[0] % groups != 0)
        return shaping_fault(self, "%lld groups do not divide weights %s",
                             (long long)groups, ws);
    if (w->shape.dims[1] > SHAPING_ELEMENTS_MAX / groups)
        return shaping_fault(self, "weights %s in %lld groups are too many", ws,
                             (long long)groups);
    int64_t channels = w->shape.dims[1] * groups;
    if (b && (b->shape.rank != 1 || b->shape.dims[0] != channels))
        return shaping_fault(self, "a bias %s for %lld channels",
                             shape_text(&b->shape, xs, sizeof xs),
                             (long long)channels);
    sliding_t window;
    if (sliding_read_transposed(self->node, &x->shape, &w->shape, &window,
                                self->fault))
        return -1;
    shape_t shape = sliding_output(&window, &x->shape, channels);
    return shaping_output(self, x->dtype, &shape);
}

static int
s_read_pool(const shaping_t *self, const value_type_t *x, shape_t *shape)
{
    sliding_t window;
    if (s_check_image(self, x) != 0 ||
        sliding_read(self->node, &x->shape, NULL, &window, self->fault))
        return -1;
    for (int i = 0; i < SLIDING_AXES; i++) {
        int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
        int64_t pad =
            window.begin[i] > window.end[i] ? window.begin[i] : window.end[i];
        /* A window of padding alone would have no maximum and no mean. */
        if (pad >= reach)
            return shaping_fault(self, "padding %lld for a kernel of %lld",
                                 (long long)pad, (long long)reach);
    }
    *shape = sliding_output(&window, &x->shape, x->shape.dims[1]);
    return 0;
}

int
shape_average_pool(const shaping_t *self)
{
    shape_t shape;
    if (shaping_arity(self, 1, 1) != 0 || shaping_floats(self, 1) != 0 ||
        s_read_pool(self, shaping_input(self, 0), &shape) != 0)
        return -1;
    return shaping_output(self, shaping_input(self, 0)->dtype, &shape);
}

int
shape_max_pool(const shaping_t *self)
{
    shape_t shape;
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    bool is_byte = x->dtype == DTYPE_INT8 || x->dtype == DTYPE_UINT8;
    if ((!is_byte && shaping_floats(self, 1) != 0) ||
        s_read_pool(self, x, &shape) != 0 ||
        shaping_output(self, x->dtype, &shape) != 0)
        return -1;
    return shaping_give(self, 1, DTYPE_INT64, &shape);
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
        return shaping_fault(self, "its training_mode is on: export for "
                                   "inference");
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

/* Indices count through the whole batch. */
bool
mixes_max_pool(const shaping_t *self)
{
    const node_t *node = self->node;
    bool indexed = node->outputs_count > 1 && node->outputs[1] != GRAPH_NONE;
    return mixes_image(self) ||
           (indexed && shaping_sample_axis(self, 0) != SAMPLE_NOWHERE);
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

/* Every input is multiplied with the kernels of its group. */
double
flop_conv_transpose(const shaping_t *self)
{
    const shape_t *w = &shaping_input(self, 1)->shape;
    const shape_t *x = &shaping_input(self, 0)->shape;
    return 2 * (double)shape_elements(x) *
           (double)(shape_elements(w) / w->dims[0]);
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
