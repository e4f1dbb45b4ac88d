/* The numbers of Resize, resolved. */
#include "common/model/resizing.h"

#include <math.h>
#include <string.h>

static const float SIZE_MAX_ELEMENTS = 0x1p36f; /* of an axis */

/* --- coordinate_transformation_mode ---------------------------------------
 */

static float
s_half_pixel(const resizing_t *self, int axis, float x)
{
    return (x + 0.5f) / self->scales[axis] - 0.5f;
}

/* An output that was rounded down to whole elements stays in the middle. */
static float
s_half_pixel_symmetric(const resizing_t *self, int axis, float x)
{
    float in = (float)self->from.dims[axis];
    float out = (float)self->shape.dims[axis];
    float adjustment = out / (self->scales[axis] * in);
    float offset = in / 2.0f * (1.0f - adjustment);
    return offset + (x + 0.5f) / self->scales[axis] - 0.5f;
}

static float
s_pytorch_half_pixel(const resizing_t *self, int axis, float x)
{
    return self->shape.dims[axis] > 1 ? s_half_pixel(self, axis, x) : 0.0f;
}

static float
s_align_corners(const resizing_t *self, int axis, float x)
{
    float in = (float)(self->from.dims[axis] - 1);
    float out = (float)(self->shape.dims[axis] - 1);
    return out > 0.0f ? x * in / out : 0.0f;
}

static float
s_asymmetric(const resizing_t *self, int axis, float x)
{
    return x / self->scales[axis];
}

static float
s_crop(const resizing_t *self, int axis, float x)
{
    float in = (float)(self->from.dims[axis] - 1);
    float out = (float)(self->shape.dims[axis] - 1);
    float start = self->starts[axis], end = self->ends[axis];
    return out > 0.0f ? start * in + x * (end - start) * in / out
                      : 0.5f * (start + end) * in;
}

/* --- nearest_mode ---------------------------------------------------------
 */

static double
s_prefer_floor(double x)
{
    return ceil(x - 0.5);
}

static double
s_prefer_ceil(double x)
{
    return floor(x + 0.5);
}

/* --- attributes -----------------------------------------------------------
 */

static const char *
s_read_modes(resizing_t *self, const node_t *node)
{
    static const struct {
        const char *name;
        int taps;
    } modes[] = {{"nearest", 1}, {"linear", 2}, {"cubic", 4}};
    static const struct {
        const char *name;
        resizing_place_fn *place;
    } places[] = {
        {"half_pixel", s_half_pixel},
        {"half_pixel_symmetric", s_half_pixel_symmetric},
        {"pytorch_half_pixel", s_pytorch_half_pixel},
        {"align_corners", s_align_corners},
        {"asymmetric", s_asymmetric},
        {"tf_crop_and_resize", s_crop},
    };
    static const struct {
        const char *name;
        resizing_round_fn *round;
    } rounds[] = {
        {"round_prefer_floor", s_prefer_floor},
        {"round_prefer_ceil", s_prefer_ceil},
        {"floor", floor},
        {"ceil", ceil},
    };
    const char *mode = node_text(node, "mode", "nearest");
    const char *place =
        node_text(node, "coordinate_transformation_mode", "half_pixel");
    const char *nearest = node_text(node, "nearest_mode", "round_prefer_floor");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, mode) == 0)
            self->taps = modes[i].taps;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(places[i].name, place) == 0)
            self->place = places[i].place;
    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++)
        if (strcmp(rounds[i].name, nearest) == 0)
            self->round = rounds[i].round;
    self->crops = self->place == s_crop;
    self->exclude_outside = node_int(node, "exclude_outside", 0) != 0;
    self->cubic = (double)node_float(node, "cubic_coeff_a", -0.75f);
    self->outside = node_float(node, "extrapolation_value", 0.0f);
    if (node_int(node, "antialias", 0) != 0)
        return "antialias is not supported";
    return self->taps && self->place && self->round ? NULL
                                                    : "its mode is not known";
}

/* Which axes the lists are about, in their order; their number, or -1. */
static int
s_axes(const node_t *node, int rank, int *axes)
{
    const attribute_t *named = node_attribute(node, "axes");
    unsigned seen = 0;
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    if (!named)
        return rank;
    if (named->kind != ATTRIBUTE_INTS || named->count > (size_t)rank)
        return -1;
    for (size_t i = 0; i < named->count; i++) {
        int64_t axis = named->ints[i];
        if (axis < -rank || axis >= rank)
            return -1;
        axis = axis < 0 ? axis + rank : axis;
        if (seen >> axis & 1)
            return -1;
        seen |= 1u << axis;
        axes[i] = (int)axis;
    }
    return (int)named->count;
}

/* --- sizes ----------------------------------------------------------------
 */

static const char *
s_set_axis(resizing_t *self, int axis, float scale, float size)
{
    if (!(scale > 0.0f) || !(size >= 1.0f) || size > SIZE_MAX_ELEMENTS ||
        self->from.dims[axis] < 1)
        return "an axis would become empty or too large";
    self->scales[axis] = scale;
    self->shape.dims[axis] = (int64_t)size;
    return NULL;
}

static const char *
s_use_scales(resizing_t *self, const float *scales, const int *axes, int count)
{
    const char *why = NULL;
    for (int i = 0; i < count && !why; i++) {
        int axis = axes[i];
        float size = (float)self->from.dims[axis] * scales[i];
        if (self->crops)
            size *= self->ends[axis] - self->starts[axis];
        if (scales[i] != 1.0f || self->crops)
            why = s_set_axis(self, axis, scales[i], floorf(size));
    }
    return why;
}

/* Without a policy each axis has its own scale. */
static const char *
s_use_sizes(resizing_t *self, const node_t *node, const int64_t *sizes,
            const int *axes, int count)
{
    const char *policy = node_text(node, "keep_aspect_ratio_policy", "stretch");
    bool larger = strcmp(policy, "not_smaller") == 0;
    bool stretch = strcmp(policy, "stretch") == 0;
    const char *why = NULL;
    float common = larger ? 0.0f : INFINITY;
    if (!stretch && !larger && strcmp(policy, "not_larger") != 0)
        return "its keep_aspect_ratio_policy is not known";
    for (int i = 0; i < count; i++) {
        float scale = (float)sizes[i] / (float)self->from.dims[axes[i]];
        common = larger ? fmaxf(common, scale) : fminf(common, scale);
    }
    for (int i = 0; i < count && !why; i++) {
        float in = (float)self->from.dims[axes[i]];
        if (!stretch)
            why = s_set_axis(self, axes[i], common, floorf(common * in + 0.5f));
        else if (sizes[i] != self->from.dims[axes[i]])
            why = s_set_axis(self, axes[i], (float)sizes[i] / in,
                             (float)sizes[i]);
        if (!why && stretch)
            self->shape.dims[axes[i]] = sizes[i];
    }
    return why;
}

const char *
resizing_resolve(resizing_t *self, const node_t *node, const shape_t *from,
                 const resizing_lists_t *lists)
{
    *self = (resizing_t){.from = *from, .shape = *from};
    const char *why = s_read_modes(self, node);
    int axes[TENSOR_RANK_MAX];
    int count = s_axes(node, from->rank, axes);
    if (why)
        return why;
    if (count < 0)
        return "its axes are not axes of its input";
    for (int i = 0; i < from->rank; i++) {
        self->scales[i] = self->ends[i] = 1.0f;
        self->starts[i] = 0.0f;
    }
    if (self->crops) {
        if (!lists->region || lists->region_count != 2 * count)
            return "its region has another number of axes";
        for (int i = 0; i < count; i++) {
            self->starts[axes[i]] = lists->region[i];
            self->ends[axes[i]] = lists->region[count + i];
        }
    }
    if (!lists->scales == !lists->sizes)
        return "it wants either scales or sizes";
    if ((lists->scales ? lists->scales_count : lists->sizes_count) != count)
        return "its scales or sizes have another number of axes";
    return lists->scales ? s_use_scales(self, lists->scales, axes, count)
                         : s_use_sizes(self, node, lists->sizes, axes, count);
}

/* --- places and weights ---------------------------------------------------
 */

bool
resizing_is_still(const resizing_t *self, int axis)
{
    return self->scales[axis] == 1.0f && self->starts[axis] == 0.0f &&
           self->ends[axis] == 1.0f &&
           self->shape.dims[axis] == self->from.dims[axis];
}

/* Keys' cubic convolution: weights of floor(x) - 1 ... floor(x) + 2, where r is
 * x - floor(x) (R. Keys, "Cubic convolution interpolation", 1981). */
static void
s_weigh_cubic(double a, double r, double *weights)
{
    double s = 1.0 - r;
    weights[0] = ((a * (r + 1) - 5 * a) * (r + 1) + 8 * a) * (r + 1) - 4 * a;
    weights[1] = ((a + 2) * r - (a + 3)) * r * r + 1;
    weights[2] = ((a + 2) * s - (a + 3)) * s * s + 1;
    weights[3] = ((a * (s + 1) - 5 * a) * (s + 1) + 8 * a) * (s + 1) - 4 * a;
}

/* Places beyond an end are that end, or count for nothing. */
static void
s_keep_inside(taps_t *taps, int64_t dim, bool exclude)
{
    double sum = 0.0;
    for (int i = 0; i < taps->count; i++) {
        bool inside = taps->at[i] >= 0 && taps->at[i] < dim;
        if (exclude && !inside)
            taps->weights[i] = 0.0;
        if (!inside)
            taps->at[i] = taps->at[i] < 0 ? 0 : dim - 1;
        sum += taps->weights[i];
    }
    for (int i = 0; exclude && i < taps->count; i++)
        taps->weights[i] /= sum;
}

taps_t
resizing_taps(const resizing_t *self, int axis, int64_t index)
{
    int64_t dim = self->from.dims[axis];
    taps_t taps = {1, {index}, {1.0}};
    if (resizing_is_still(self, axis))
        return taps;
    float x = self->place(self, axis, (float)index);
    if (self->crops && !(x >= 0.0f && x <= (float)(dim - 1))) {
        taps.count = 0;
        return taps;
    }
    /* Hostile regions: an integer must hold it, not a number included. */
    x = fminf(fmaxf(x, -4.0f), (float)dim + 4.0f);
    double low = self->taps == 1 ? self->round((double)x) : floor((double)x);
    double r = (double)x - low;
    taps.count = self->taps;
    for (int i = 0; i < taps.count; i++)
        taps.at[i] = (int64_t)low + i - (taps.count == 4);
    if (taps.count == 2) {
        taps.weights[0] = 1.0 - r;
        taps.weights[1] = r;
    }
    if (taps.count == 4)
        s_weigh_cubic(self->cubic, r, taps.weights);
    s_keep_inside(&taps, dim, self->exclude_outside);
    return taps;
}
