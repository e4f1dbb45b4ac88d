/* Winograd's convolution: a block of tiles, from image to output. */
#include "worker/kernel/winograd.h"

#include <assert.h>

#include "worker/kernel/winograd_parts.h"

enum {
    BLOCK_FLOATS = 256 << 10, /* of V and M: most of a second-level cache */
    LINE_FLOATS = 16,
    TAPS = 9
};

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* An odd number of cache lines more than the slice of a point, so that the
 * slices of all points do not meet in the same sets of the caches. */
static size_t
s_stride(size_t floats)
{
    return (s_ceiling(floats, LINE_FLOATS) | 1) * LINE_FLOATS;
}

static size_t
s_floats(const winograd_t *self, size_t channels, size_t vectors)
{
    return self->points * s_stride(channels * vectors * VECTOR_LANES);
}

static size_t
s_v_floats(const winograd_t *self, size_t vectors)
{
    return s_floats(self, (size_t)self->shape.channels_in, vectors);
}

static size_t
s_m_floats(const winograd_t *self, size_t vectors)
{
    size_t panels = s_ceiling((size_t)self->shape.channels_out, PANEL_ROWS);
    return s_floats(self, panels * PANEL_ROWS, vectors);
}

/* Panels of tiles as wide as they come: as many as the cache takes, or one
 * where it takes none, as U is read anew for each block. */
static void
s_choose_block(winograd_t *self)
{
    size_t panels = BLOCK_FLOATS / (s_v_floats(self, PANEL_VECTORS) +
                                    s_m_floats(self, PANEL_VECTORS));
    self->block = (panels ? panels : 1) * PANEL_VECTORS;
    if (self->block > self->vectors)
        self->block = self->vectors;
}

/* Column q of tile x is the image's tile * x + q - pad_left. */
static void
s_find_inside(winograd_t *self)
{
    const window_t *w = &self->shape.window;
    for (int q = 0; q < self->reach; q++) {
        int first = w->pad_left - q + self->tile - 1;
        int end = w->pad_left + w->width - q + self->tile - 1;
        self->inside_first[q] = first < 0 ? 0 : first / self->tile;
        self->inside_end[q] = end < 0 ? 0 : end / self->tile;
    }
}

void
winograd_init(winograd_t *self, const conv_shape_t *shape, int tile)
{
    const window_t *w = &shape->window;
    int tiles_y = (w->out_height + tile - 1) / tile;
    int tiles_x = (w->out_width + tile - 1) / tile;
    assert(tile == 2 || tile == 4);
    *self = (winograd_t){
        .shape = *shape,
        .tile = tile,
        .reach = tile + 2,
        .points = (size_t)(tile + 2) * (size_t)(tile + 2),
        .pitch = (size_t)tiles_x,
        .channels_multiple = PANEL_ROWS,
    };
    self->vectors = s_ceiling((size_t)tiles_y * (size_t)tiles_x, VECTOR_LANES);
    s_find_inside(self);
    s_choose_block(self);
    self->weights_floats = self->points * (size_t)shape->channels_in *
                           s_ceiling((size_t)shape->channels_out, PANEL_ROWS) *
                           PANEL_ROWS;
    size_t input = winograd_input_floats(self, self->block);
    size_t output = winograd_output_floats(self, self->block);
    self->scratch_floats = s_v_floats(self, self->block) +
                           s_m_floats(self, self->block) +
                           s_stride(input > output ? input : output);
}

/* G, a row a point, for tiles of 2 and 4. */
static const double s_factors[][WINOGRAD_REACH_MAX][3] = {
    {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
    {{1.0 / 4, 0, 0},
     {-1.0 / 6, -1.0 / 6, -1.0 / 6},
     {-1.0 / 6, 1.0 / 6, -1.0 / 6},
     {1.0 / 24, 1.0 / 12, 1.0 / 6},
     {1.0 / 24, -1.0 / 12, 1.0 / 6},
     {0, 0, 1}},
};

/* u[reach][reach] = G g G', a number every `stride` floats. */
static void
s_transform_weights(const winograd_t *self, const float *g, float *u,
                    size_t stride)
{
    const double(*factors)[3] = s_factors[self->tile / 2 - 1];
    double half[WINOGRAD_REACH_MAX][3];
    for (int i = 0; i < self->reach; i++)
        for (int k = 0; k < 3; k++)
            half[i][k] = factors[i][0] * (double)g[k] +
                         factors[i][1] * (double)g[3 + k] +
                         factors[i][2] * (double)g[6 + k];
    for (int i = 0; i < self->reach; i++)
        for (int q = 0; q < self->reach; q++, u += stride)
            *u = (float)(half[i][0] * factors[q][0] +
                         half[i][1] * factors[q][1] +
                         half[i][2] * factors[q][2]);
}

void
winograd_pack(const winograd_t *self, const float *weights, size_t channel,
              size_t channels, float *packed)
{
    static const float none[TAPS];
    size_t depth = (size_t)self->shape.channels_in;
    size_t stride = self->weights_floats / self->points;
    size_t end = channel + s_ceiling(channels, PANEL_ROWS) * PANEL_ROWS;
    for (size_t k = channel; k < end; k++)
        for (size_t c = 0; c < depth; c++) {
            size_t panel = k / PANEL_ROWS * PANEL_ROWS * depth;
            const float *g = k < channel + channels
                                 ? weights + ((k - channel) * depth + c) * TAPS
                                 : none;
            s_transform_weights(
                self, g, packed + panel + c * PANEL_ROWS + k % PANEL_ROWS,
                stride);
        }
}

void
winograd(const winograd_t *self, const winograd_range_t *range,
         const conv_end_t *end, float *y, const float *x, const float *packed,
         float *scratch)
{
    const window_t *w = &self->shape.window;
    size_t depth = (size_t)self->shape.channels_in;
    ptrdiff_t plane = (ptrdiff_t)w->height * w->width;
    winograd_image_t image = {x, (ptrdiff_t)depth * plane, plane};
    size_t out_plane = (size_t)w->out_height * (size_t)w->out_width;
    size_t u_stride = self->weights_floats / self->points;
    size_t tiles = range->vectors * VECTOR_LANES;
    size_t rows = s_ceiling(range->channels, PANEL_ROWS) * PANEL_ROWS;
    winograd_block_t block = {
        .layout = self,
        .vector = range->vector,
        .vectors = range->vectors,
        .v_stride = s_stride(depth * tiles),
        .m_stride = s_stride(rows * tiles),
    };
    float *v = scratch, *m = v + s_v_floats(self, self->block);
    float *lines = m + s_m_floats(self, self->block);

    for (size_t c = 0; c < depth; c++)
        winograd_input(&block, &image, c, v, lines);
    for (size_t p = 0; p < self->points; p++)
        winograd_multiply(&block, rows,
                          packed + p * u_stride + range->channel * depth,
                          v + p * block.v_stride, m + p * block.m_stride);
    for (size_t k = 0; k < range->channels; k++) {
        size_t channel = range->channel + k, at = channel * out_plane;
        winograd_output(&block, m, k, &end->activation, end->bias[channel],
                        end->residual ? end->residual + at : NULL, y + at,
                        lines);
    }
}
