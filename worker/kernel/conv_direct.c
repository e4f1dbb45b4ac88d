/* Convolution straight from the image: how it is laid out, and one block. */
#include "worker/kernel/conv_direct.h"

#include <math.h>

#include "worker/kernel/conv_direct_parts.h"

/* All pixels become one row, whose width is an int. */
static bool
s_is_pointwise(const window_t *w)
{
    return w->kernel_y == 1 && w->kernel_x == 1 && w->stride_y == 1 &&
           w->stride_x == 1 && w->pad_top == 0 && w->pad_left == 0 &&
           w->out_height == w->height && w->out_width == w->width &&
           w->width <= PLANE_MAX / w->height;
}

/* An odd number of cache lines, so that channels do not share their sets. */
static size_t
s_odd_lines(size_t floats)
{
    return (ceiling(floats, LINE_FLOATS) | 1) * LINE_FLOATS;
}

static void
s_size_copy(conv_direct_t *self)
{
    const window_t *w = &self->shape.window;
    size_t channels = (size_t)self->shape.channels_in;
    size_t room = IMAGE_FLOATS / channels /
                  ((size_t)self->phases_y * (size_t)self->phases_x);
    size_t columns = (size_t)w->out_width, rows = (size_t)w->out_height;
    size_t reach_y = (size_t)self->reach_y, reach_x = (size_t)self->reach_x;

    size_t most = room / (reach_y + 1);
    most = most > reach_x + TILE_COLUMNS ? most - reach_x : TILE_COLUMNS;
    columns = ceiling(columns, ceiling(columns, most));
    self->pitch = columns + reach_x;
    most = room / self->pitch;
    most = most > reach_y ? most - reach_y : 1;
    rows = ceiling(rows, ceiling(rows, most));

    self->block_columns = (int)columns;
    self->block_rows = (int)rows;
    self->phase_floats = (rows + reach_y) * self->pitch;
    self->channel_floats = s_odd_lines(
        (size_t)self->phases_y * (size_t)self->phases_x * self->phase_floats);
}

/* The copy where taps are far from each other: not of all pixels between them,
 * but of what each tap sees. */
static void
s_size_by_taps(conv_direct_t *self)
{
    const window_t *w = &self->shape.window;
    self->by_taps = true;
    self->phases_y = w->kernel_y;
    self->phases_x = w->kernel_x;
    self->apart_y = w->dilation_y;
    self->apart_x = w->dilation_x;
    self->reach_y = self->reach_x = 0;
    s_size_copy(self);
}

/* The smaller copy, where the one that taps share does not fit its cache. */
static void
s_choose_copy(conv_direct_t *self)
{
    size_t channels = (size_t)self->shape.channels_in;
    s_size_copy(self);
    if (self->channel_floats <= IMAGE_FLOATS / channels)
        return;
    conv_direct_t other = *self;
    s_size_by_taps(&other);
    if (other.channel_floats < self->channel_floats)
        *self = other;
}

static void
s_size_in_place(conv_direct_t *self)
{
    window_t *w = &self->shape.window;
    w->width = w->out_width = w->height * w->width;
    w->height = w->out_height = 1;
    size_t columns = (size_t)w->out_width;
    size_t blocks = ceiling(columns, COLUMNS_MAX);
    columns = ceiling(ceiling(columns, blocks), TILE_COLUMNS);
    self->block_columns =
        (int)smaller(columns * TILE_COLUMNS, (size_t)w->out_width);
    self->block_rows = 1;
    self->pitch = self->phase_floats = self->channel_floats =
        (size_t)w->out_width;
}

/* Pixels of the run that a block is. */
static size_t
s_run(const conv_direct_t *self)
{
    return (size_t)(self->block_rows - 1) * self->pitch +
           (size_t)self->block_columns;
}

/* A plane of 49 pixels fills four vectors of 16 only by three quarters, but
 * seven tiles of seven pixels entirely, where vectors are output channels. The
 * pixels of such a tile, or 0 where the other way is as good. */
static size_t
s_turned_pixels(const conv_direct_t *self)
{
    const window_t *w = &self->shape.window;
    size_t width = (size_t)w->out_width, pixels = s_run(self);
    size_t tile = width % 7 == 0 ? 7 : 8,
           outs = (size_t)self->shape.channels_out;
    size_t depth = (size_t)self->shape.channels_in * self->taps;
    if (TILE_ROWS < 8 || width % tile != 0 || depth < TURNED_DEPTH_MIN ||
        self->block_rows != w->out_height ||
        self->block_columns != w->out_width)
        return 0;
    size_t straight = ceiling(pixels, VECTOR_LANES) * VECTOR_LANES *
                      ceiling(outs, TILE_ROWS) * TILE_ROWS;
    size_t turned = width * (size_t)w->out_height *
                    ceiling(outs, VECTOR_LANES) * VECTOR_LANES;
    return straight * 100 > turned * TURNED_PERCENT ? tile : 0;
}

/* Output channels whose sums may wait at a time. */
static size_t
s_channels_at_once(const conv_direct_t *self)
{
    if (self->turned)
        return (size_t)self->shape.channels_out;

    size_t panels =
        SUMS_FLOATS / SLOT_FLOATS / ceiling(s_run(self), TILE_COLUMNS);
    return (panels ? panels : 1) * TILE_ROWS;
}

static size_t
s_slots_floats(const conv_direct_t *self)
{
    if (self->turned)
        return (size_t)self->block_rows * (size_t)self->block_columns *
               TILE_COLUMNS;
    size_t channels =
        smaller(s_channels_at_once(self), (size_t)self->shape.channels_out);
    return ceiling(s_run(self), TILE_COLUMNS) * ceiling(channels, TILE_ROWS) *
           SLOT_FLOATS;
}

void
conv_direct_init(conv_direct_t *self, const conv_shape_t *shape, bool scaled)
{
    const window_t *w = &shape->window;
    int last_y = (w->kernel_y - 1) * w->dilation_y;
    int last_x = (w->kernel_x - 1) * w->dilation_x;
    *self = (conv_direct_t){
        .shape = *shape,
        .in_place = s_is_pointwise(w),
        .taps = (size_t)w->kernel_y * (size_t)w->kernel_x,
        .phases_y = last_y < w->stride_y ? last_y + 1 : w->stride_y,
        .phases_x = last_x < w->stride_x ? last_x + 1 : w->stride_x,
        .apart_y = 1,
        .apart_x = 1,
        .reach_y = last_y / w->stride_y,
        .reach_x = last_x / w->stride_x,
    };
    if (self->in_place)
        s_size_in_place(self);
    else
        s_choose_copy(self);
    self->turned = s_turned_pixels(self);
    self->channels_multiple = self->turned ? TILE_COLUMNS : TILE_ROWS;
    self->columns_multiple = self->turned ? self->turned : TILE_COLUMNS;

    size_t channels = (size_t)shape->channels_in;
    size_t most = self->in_place || self->turned ? SHORT_DEPTH_MAX : DEPTH_MAX;
    most = most > self->taps ? most / self->taps : 1;
    self->step = ceiling(channels, ceiling(channels, most));
    self->weights_floats =
        conv_panels(self) * self->channels_multiple * channels * self->taps;
    self->scaled = scaled && self->in_place && !self->turned;
    size_t image = self->in_place
                       ? self->step * TILE_COLUMNS
                       : channels * self->channel_floats + TILE_COLUMNS;
    self->scratch_floats = s_odd_lines(image) + s_slots_floats(self);
}

/* Where a tap's run begins in the copy of its channel. */
static size_t
s_offset(const conv_direct_t *self, int ky, int kx)
{
    const window_t *w = &self->shape.window;
    int y = ky * w->dilation_y, x = kx * w->dilation_x;
    int phase_y = self->by_taps ? ky : y % w->stride_y;
    int phase_x = self->by_taps ? kx : x % w->stride_x;
    size_t phase = (size_t)phase_y * (size_t)self->phases_x + (size_t)phase_x;
    size_t at = phase * self->phase_floats;
    return self->by_taps ? at
                         : at + (size_t)(y / w->stride_y) * self->pitch +
                               (size_t)(x / w->stride_x);
}

void
conv_direct_lay_out(const conv_direct_t *self, ptrdiff_t *offsets)
{
    const window_t *w = &self->shape.window;
    for (size_t c = 0; c < self->step; c++)
        for (int ky = 0; ky < w->kernel_y; ky++)
            for (int kx = 0; kx < w->kernel_x; kx++)
                *offsets++ = (ptrdiff_t)(c * self->channel_floats +
                                         s_offset(self, ky, kx));
}

/* --- weights --------------------------------------------------------------
 *
 * Chunk after chunk, in each panel after panel.
 */

static void
s_pack_panel(const float *weights, size_t channel_floats, size_t channels,
             size_t width, size_t depth, float *panel)
{
    for (size_t k = 0; k < depth; k++)
        for (size_t i = 0; i < width; i++)
            panel[k * width + i] =
                i < channels ? weights[i * channel_floats + k] : 0.0f;
}

void
conv_direct_pack(const conv_direct_t *self, const float *weights,
                 size_t channel, size_t channels, float *packed)
{
    size_t inputs = (size_t)self->shape.channels_in;
    size_t floats = inputs * self->taps, width = self->channels_multiple;
    for (size_t c = 0; c < inputs; c += self->step) {
        size_t depth = smaller(self->step, inputs - c) * self->taps;
        float *panel = packed + c * self->taps * conv_panels(self) * width +
                       channel * depth;
        for (size_t i = 0; i < channels; i += width) {
            s_pack_panel(weights + i * floats + c * self->taps, floats,
                         smaller(width, channels - i), width, depth, panel);
            panel += depth * width;
        }
    }
}

/* Activations that only bound are done with the sums in registers. */
static bool
s_bounds(const activation_t *f, float bounds[2])
{
    bounds[0] = f->kind == ACTIVATION_CLIP ? f->alpha : 0.0f;
    bounds[1] = f->kind == ACTIVATION_CLIP ? f->beta : INFINITY;
    return f->kind == ACTIVATION_CLIP || f->kind == ACTIVATION_RELU;
}

static void
s_activate(const job_t *job, size_t channel, size_t channels)
{
    const activation_t *f = &job->end->activation;
    const conv_block_t *block = job->block;
    size_t width = (size_t)job->direct->shape.window.out_width;
    size_t columns = (size_t)block->columns, rows = (size_t)block->rows;
    if (columns == width) {
        columns *= rows;
        rows = 1;
    }
    for (size_t c = channel; c < channel + channels; c++)
        for (size_t r = 0; r < rows; r++) {
            float *y = job->y + c * job->plane + r * width;
            activate(f, y, y, columns);
        }
}

void
conv_direct(const conv_direct_t *self, const conv_block_t *block,
            const conv_end_t *end, float *y, const float *x,
            const float *packed, float *scratch)
{
    const window_t *w = &self->shape.window;
    float bounds[2];
    size_t corner = (size_t)block->y * (size_t)w->out_width + (size_t)block->x;
    job_t job = {
        .direct = self,
        .block = block,
        .end = end,
        .bounds = s_bounds(&end->activation, bounds) ? bounds : NULL,
        .plane = (size_t)w->out_height * (size_t)w->out_width,
        .y = y + corner,
        .residual = end->residual ? end->residual + corner : NULL,
        .image = self->in_place ? x + block->x : scratch,
        .packed = packed,
        .slots = scratch + self->scratch_floats - s_slots_floats(self),
        .copy = scratch,
        .pixels =
            (size_t)(block->rows - 1) * self->pitch + (size_t)block->columns,
    };
    if (!self->in_place)
        conv_copy_image(self, block, scratch, x);

    size_t some = s_channels_at_once(self);
    for (size_t i = 0; i < block->channels; i += some) {
        size_t channel = block->channel + i;
        size_t channels = smaller(some, block->channels - i);
        if (self->turned)
            conv_turned(&job, channel, channels);
        else
            conv_tiles(&job, channel, channels);
        if (!job.bounds && end->activation.kind != ACTIVATION_NONE)
            s_activate(&job, channel, channels);
    }
}
