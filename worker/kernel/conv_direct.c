/* Convolution straight from the image. */
#include "worker/kernel/conv_direct.h"

#include <math.h>
#include <string.h>

#include "worker/kernel/phases.h"
#include "worker/kernel/tile.h"

enum {
    L1_FLOATS = 6 << 10,
    DEPTH_MAX = 320, /* of a chunk: a tile's rows fit the L1 */
    IN_PLACE_DEPTH_MAX = L1_FLOATS / TILE_COLUMNS,
    IMAGE_FLOATS = 96 << 10, /* of the copy: part of the L2 */
    SUMS_FLOATS = 96 << 10,  /* of sums that wait for their next chunk */
    COLUMNS_MAX = 10 * TILE_COLUMNS, /* of a block read in place */
    LINE_FLOATS = 16,
    SLOT_FLOATS = TILE_ROWS * TILE_COLUMNS,
    ROW_BYTES = TILE_ROWS * sizeof(float), /* of a panel */
};

/* One call. */
typedef struct job {
    const conv_direct_t *direct;
    const conv_block_t *block;
    const conv_end_t *end;
    const float *bounds; /* of an activation that only bounds, or NULL */
    size_t plane;        /* floats of an output channel */
    float *y;            /* the block's first pixel in channel 0 */
    const float *residual;
    const float *image; /* what offsets count from */
    const float *packed;
    float *slots;  /* a tile's sums each, [tile][panel] */
    float *tail;   /* rows of B that would end in the middle of a vector */
    size_t pixels; /* of the run */
} job_t;

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static bool
s_is_pointwise(const window_t *w)
{
    return w->kernel_y == 1 && w->kernel_x == 1 && w->stride_y == 1 &&
           w->stride_x == 1 && w->pad_top == 0 && w->pad_left == 0 &&
           w->out_height == w->height && w->out_width == w->width;
}

/* An odd number of cache lines, so that channels do not share their sets. */
static size_t
s_odd_lines(size_t floats)
{
    return (s_ceiling(floats, LINE_FLOATS) | 1) * LINE_FLOATS;
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
    columns = s_ceiling(columns, s_ceiling(columns, most));
    self->pitch = columns + reach_x;
    most = room / self->pitch;
    most = most > reach_y ? most - reach_y : 1;
    rows = s_ceiling(rows, s_ceiling(rows, most));

    self->block_columns = (int)columns;
    self->block_rows = (int)rows;
    self->phase_floats = (rows + reach_y) * self->pitch;
    self->channel_floats = s_odd_lines(
        (size_t)self->phases_y * (size_t)self->phases_x * self->phase_floats);
}

static void
s_size_in_place(conv_direct_t *self)
{
    window_t *w = &self->shape.window;
    w->width = w->out_width = w->height * w->width;
    w->height = w->out_height = 1;
    size_t columns = (size_t)w->out_width;
    size_t blocks = s_ceiling(columns, COLUMNS_MAX);
    columns = s_ceiling(s_ceiling(columns, blocks), TILE_COLUMNS);
    self->block_columns =
        (int)s_smaller(columns * TILE_COLUMNS, (size_t)w->out_width);
    self->block_rows = 1;
    self->pitch = self->phase_floats = self->channel_floats =
        (size_t)w->out_width;
}

/* Output channels whose sums may wait at a time. */
static size_t
s_channels_at_once(const conv_direct_t *self)
{
    size_t pixels = (size_t)(self->block_rows - 1) * self->pitch +
                    (size_t)self->block_columns;
    size_t panels = SUMS_FLOATS / SLOT_FLOATS / s_ceiling(pixels, TILE_COLUMNS);
    return (panels ? panels : 1) * TILE_ROWS;
}

static size_t
s_slots_floats(const conv_direct_t *self)
{
    size_t pixels = (size_t)(self->block_rows - 1) * self->pitch +
                    (size_t)self->block_columns;
    size_t channels =
        s_smaller(s_channels_at_once(self), (size_t)self->shape.channels_out);
    return s_ceiling(pixels, TILE_COLUMNS) * s_ceiling(channels, TILE_ROWS) *
           SLOT_FLOATS;
}

void
conv_direct_init(conv_direct_t *self, const conv_shape_t *shape)
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
        .reach_y = last_y / w->stride_y,
        .reach_x = last_x / w->stride_x,
        .channels_multiple = TILE_ROWS,
    };
    size_t channels = (size_t)shape->channels_in;
    size_t most =
        (self->in_place ? IN_PLACE_DEPTH_MAX : DEPTH_MAX) / self->taps;
    self->step = s_ceiling(channels, s_ceiling(channels, most ? most : 1));
    if (self->in_place)
        s_size_in_place(self);
    else
        s_size_copy(self);
    self->weights_floats = s_ceiling((size_t)shape->channels_out, TILE_ROWS) *
                           TILE_ROWS * channels * self->taps;
    size_t image = self->in_place
                       ? self->step * TILE_COLUMNS
                       : channels * self->channel_floats + TILE_COLUMNS;
    self->scratch_floats = s_odd_lines(image) + s_slots_floats(self);
}

void
conv_direct_lay_out(const conv_direct_t *self, ptrdiff_t *offsets)
{
    const window_t *w = &self->shape.window;
    for (size_t c = 0; c < self->step; c++)
        for (int ky = 0; ky < w->kernel_y; ky++)
            for (int kx = 0; kx < w->kernel_x; kx++) {
                int y = ky * w->dilation_y, x = kx * w->dilation_x;
                size_t phase =
                    (size_t)(y % w->stride_y) * (size_t)self->phases_x +
                    (size_t)(x % w->stride_x);
                *offsets++ =
                    (ptrdiff_t)(c * self->channel_floats +
                                phase * self->phase_floats +
                                (size_t)(y / w->stride_y) * self->pitch +
                                (size_t)(x / w->stride_x));
            }
}

/* --- weights --------------------------------------------------------------
 *
 * Chunk after chunk, in each panel after panel.
 */

static size_t
s_panels(const conv_direct_t *self)
{
    return s_ceiling((size_t)self->shape.channels_out, TILE_ROWS);
}

static void
s_pack_panel(const float *weights, size_t channel_floats, size_t channels,
             size_t depth, float *panel)
{
    for (size_t k = 0; k < depth; k++)
        for (size_t i = 0; i < TILE_ROWS; i++)
            panel[k * TILE_ROWS + i] =
                i < channels ? weights[i * channel_floats + k] : 0.0f;
}

void
conv_direct_pack(const conv_direct_t *self, const float *weights,
                 size_t channel, size_t channels, float *packed)
{
    size_t inputs = (size_t)self->shape.channels_in;
    size_t floats = inputs * self->taps;
    for (size_t c = 0; c < inputs; c += self->step) {
        size_t depth = s_smaller(self->step, inputs - c) * self->taps;
        float *panel = packed + c * self->taps * s_panels(self) * TILE_ROWS +
                       channel * depth;
        for (size_t i = 0; i < channels; i += TILE_ROWS) {
            s_pack_panel(weights + i * floats + c * self->taps, floats,
                         s_smaller(TILE_ROWS, channels - i), depth, panel);
            panel += depth * TILE_ROWS;
        }
    }
}

/* --- the image ------------------------------------------------------------
 */

/* The columns [*first, *end) of a phase's row whose input column lies inside;
 * the row begins at input column `begin`. */
static void
s_inside(int width, int begin, int step, int count, int *first, int *end)
{
    int low = begin >= 0 ? 0 : (-begin + step - 1) / step;
    int high = begin >= width ? 0 : (width - 1 - begin) / step + 1;
    *end = high < count ? high : count;
    *first = low < *end ? low : *end;
}

/* Columns [first, end) from row[0], row[step] and so on; `left` floats can be
 * read from there. What is written behind the row is written again later, as
 * rows are made one after the other. */
static void
s_copy_columns(float *to, const float *row, ptrdiff_t left, int step, int count)
{
    int i = 0;
    if (step == 1)
        for (; i < count && i + VECTOR_LANES <= left; i += VECTOR_LANES)
            vector_store(to + i, vector_load(row + i));
    if (step == 2)
        for (; i < count && 2 * (i + VECTOR_LANES) <= left; i += VECTOR_LANES) {
            vector_t phases[2];
            phases_split_2(phases, vector_load(row + 2 * i),
                           vector_load(row + 2 * i + VECTOR_LANES));
            vector_store(to + i, phases[0]);
        }
    for (; i < count; i++)
        to[i] = row[i * step];
}

/* One row of a phase: `count` columns from input column `begin` on. row: the
 * input row, of which `left` floats can be read; NULL in the padding. */
static void
s_copy_row(const window_t *w, float *to, const float *row, ptrdiff_t left,
           int begin, int count)
{
    int first = 0, end = 0;
    if (row)
        s_inside(w->width, begin, w->stride_x, count, &first, &end);
    for (int j = 0; j < first; j++)
        to[j] = 0.0f;
    if (first < end) {
        int from = begin + first * w->stride_x;
        s_copy_columns(to + first, row + from, left - from, w->stride_x,
                       end - first);
    }
    for (int j = end; j < count; j++)
        to[j] = 0.0f;
}

static void
s_copy_channel(const conv_direct_t *self, const conv_block_t *block, float *to,
               const float *plane, const float *end)
{
    const window_t *w = &self->shape.window;
    for (int py = 0; py < self->phases_y; py++)
        for (int px = 0; px < self->phases_x; px++) {
            float *phase =
                to + (size_t)(py * self->phases_x + px) * self->phase_floats;
            for (int r = 0; r < block->rows + self->reach_y; r++) {
                int y = (block->y + r) * w->stride_y + py - w->pad_top;
                bool inside = y >= 0 && y < w->height;
                const float *row = plane + (ptrdiff_t)y * w->width;
                s_copy_row(w, phase + (size_t)r * self->pitch,
                           inside ? row : NULL, inside ? end - row : 0,
                           block->x * w->stride_x + px - w->pad_left,
                           block->columns + self->reach_x);
            }
        }
}

static void
s_copy_image(const conv_direct_t *self, const conv_block_t *block, float *image,
             const float *x)
{
    const window_t *w = &self->shape.window;
    size_t plane = (size_t)w->height * (size_t)w->width;
    size_t channels = (size_t)self->shape.channels_in;
    for (size_t c = 0; c < channels; c++)
        s_copy_channel(self, block, image + c * self->channel_floats,
                       x + c * plane, x + channels * plane);
}

/* --- tiles ----------------------------------------------------------------
 */

/* A run of finished sums to its place. */
static void
s_finish_run(const job_t *job, float *y, const float *sums,
             const float *residual, size_t count)
{
    float low = job->bounds ? job->bounds[0] : -INFINITY;
    float high = job->bounds ? job->bounds[1] : INFINITY;
    vector_t lows = vector_all(low), highs = vector_all(high);
    size_t i = 0;
    for (; i + VECTOR_LANES <= count; i += VECTOR_LANES) {
        vector_t v = vector_load(sums + i);
        if (residual)
            v += vector_load(residual + i);
        vector_store(y + i, vector_between(v, lows, highs));
    }
    for (; i < count; i++) {
        float v = residual ? sums[i] + residual[i] : sums[i];
        v = v < low ? low : v;
        y[i] = v > high ? high : v;
    }
}

/* The wanted pixels of a slot to the output. */
static void
s_finish_slot(const job_t *job, const float *slot, size_t first, size_t pixels,
              size_t channel, size_t channels)
{
    const conv_direct_t *direct = job->direct;
    size_t width = (size_t)direct->shape.window.out_width;
    size_t columns = (size_t)job->block->columns;
    for (size_t at = 0; at < pixels;) {
        size_t row = (first + at) / direct->pitch;
        size_t column = (first + at) % direct->pitch;
        size_t run = s_smaller(direct->pitch - column, pixels - at);
        if (column < columns) {
            size_t count = s_smaller(run, columns - column);
            size_t to = channel * job->plane + row * width + column;
            for (size_t i = 0; i < channels; i++, to += job->plane)
                s_finish_run(job, job->y + to, slot + i * TILE_COLUMNS + at,
                             job->residual ? job->residual + to : NULL, count);
        }
        at += run;
    }
}

/* One chunk of some output channels. */
typedef struct pass {
    const job_t *job;
    size_t channel, channels;
    size_t depth;
    const float *a; /* the first panel */
    const float *b;
    bool begins, ends; /* the sums */

    /* The panels that come next are fetched a little each turn. */
    const char *ahead;
    size_t ahead_step;
    size_t tail; /* first pixel of the tail, if there is one */
    ptrdiff_t lines[IN_PLACE_DEPTH_MAX]; /* of the tail's rows */
} pass_t;

/* Rows of B whose last vector would reach past the tensor are copied. */
static void
s_copy_tail(pass_t *pass)
{
    const job_t *job = pass->job;
    size_t pixels = job->pixels % TILE_COLUMNS;
    pass->tail = job->pixels;
    if (!job->direct->in_place || pixels % VECTOR_LANES == 0)
        return;
    pass->tail -= pixels;
    for (size_t k = 0; k < pass->depth; k++) {
        float *to = job->tail + k * TILE_COLUMNS;
        const float *from = pass->b + job->direct->offsets[k] + pass->tail;
        for (size_t i = 0; i < pixels; i++)
            to[i] = from[i];
        pass->lines[k] = (ptrdiff_t)(k * TILE_COLUMNS);
    }
}

/* One tile of one panel. Sums that wait do not lie where the residual does. */
static void
s_tile(const pass_t *pass, size_t panel, size_t first)
{
    const job_t *job = pass->job;
    size_t pixels = s_smaller(TILE_COLUMNS, job->pixels - first);
    size_t channel = pass->channel + panel * TILE_ROWS;
    size_t channels = s_smaller(TILE_ROWS, pass->channels - panel * TILE_ROWS);
    size_t slots = s_ceiling(job->pixels, TILE_COLUMNS);
    float *slot =
        job->slots + (panel * slots + first / TILE_COLUMNS) * SLOT_FLOATS;
    bool tail = first == pass->tail;
    bool whole = job->direct->in_place && !tail && channels == TILE_ROWS &&
                 (job->residual != job->y || (pass->begins && pass->ends));
    float start[TILE_ROWS] = {0};
    size_t to = channel * job->plane + first;
    tile_t tile = {
        .depth = pass->depth,
        .a = pass->a + panel * TILE_ROWS * pass->depth,
        .b = tail ? job->tail : pass->b + first,
        .offsets = tail ? pass->lines : job->direct->offsets,
        .ahead = pass->ahead,
        .ahead_step = pass->ahead_step,
        .b_ahead = panel * LINE_FLOATS < TILE_COLUMNS
                       ? TILE_COLUMNS + panel * LINE_FLOATS
                       : 0,
        .c = whole ? job->y + to : slot,
        .c_stride = whole ? job->plane : TILE_COLUMNS,
    };
    if (pass->begins) {
        memcpy(start, job->end->bias + channel, channels * sizeof *start);
        tile.start = start;
    }
    if (whole && pass->ends) {
        tile.residual = job->residual ? job->residual + to : NULL;
        tile.bounds = job->bounds;
    }
    tile_multiply(&tile, s_ceiling(pixels, VECTOR_LANES));
    if (!whole && pass->ends)
        s_finish_slot(job, slot, first, pixels, channel, channels);
}

/* Vectors of all tiles. */
static size_t
s_all_vectors(const job_t *job)
{
    size_t rest = job->pixels % TILE_COLUMNS;
    return job->pixels / TILE_COLUMNS * TILE_VECTORS +
           s_ceiling(rest, VECTOR_LANES);
}

/* Vectors of a tile. */
static size_t
s_vectors(const job_t *job, size_t first)
{
    return s_ceiling(s_smaller(TILE_COLUMNS, job->pixels - first),
                     VECTOR_LANES);
}

/* A panel of A stays in the first-level cache while it meets all of B, and a
 * few rows of the output are written from end to end. Meanwhile the next panel
 * is fetched, in step with the work. */
static void
s_by_panels(pass_t *pass)
{
    const job_t *job = pass->job;
    size_t panels = s_ceiling(pass->channels, TILE_ROWS);
    size_t bytes = pass->depth * ROW_BYTES, all = s_all_vectors(job);
    const char *next = (const char *)pass->a;
    for (size_t panel = 0; panel < panels; panel++) {
        size_t before = 0;
        next += bytes;
        for (size_t p = 0; p < job->pixels; p += TILE_COLUMNS) {
            size_t vectors = s_vectors(job, p);
            pass->ahead = next + bytes * before / all;
            pass->ahead_step = ROW_BYTES * vectors / all;
            s_tile(pass, panel, p);
            before += vectors;
        }
    }
}

/* A tile of B stays in the first-level cache while it meets all of A. Meanwhile
 * the next chunk of A is fetched, in step with the work. */
static void
s_by_tiles(pass_t *pass)
{
    const job_t *job = pass->job;
    size_t panels = s_ceiling(pass->channels, TILE_ROWS), before = 0;
    size_t bytes = pass->depth * ROW_BYTES, all = s_all_vectors(job);
    const char *next = (const char *)pass->a + panels * bytes;
    for (size_t p = 0; p < job->pixels; p += TILE_COLUMNS) {
        size_t vectors = s_vectors(job, p);
        pass->ahead_step = ROW_BYTES * vectors / all;
        for (size_t panel = 0; panel < panels; panel++) {
            pass->ahead =
                next + bytes * (panels * before + vectors * panel) / all;
            s_tile(pass, panel, p);
        }
        before += vectors;
    }
}

/* Do the rows of B that a tile reads fill much of the first-level cache? Where
 * few tiles read a panel it had better be read in order. */
static bool
s_many_rows(const pass_t *pass)
{
    const job_t *job = pass->job;
    const conv_direct_t *direct = job->direct;
    size_t rows = pass->depth / direct->taps *
                  (size_t)direct->shape.window.kernel_y *
                  (size_t)direct->phases_x;
    bool shared = direct->taps > 1 && direct->phases_x == 1;
    return !shared && job->pixels > 2 * TILE_COLUMNS &&
           rows > L1_FLOATS / TILE_COLUMNS / 2;
}

static void
s_pass(const job_t *job, size_t chunk, size_t channel, size_t channels)
{
    const conv_direct_t *direct = job->direct;
    size_t inputs = (size_t)direct->shape.channels_in;
    size_t depth = s_smaller(direct->step, inputs - chunk) * direct->taps;
    pass_t pass = {
        .job = job,
        .channel = channel,
        .channels = channels,
        .depth = depth,
        .a = job->packed + chunk * direct->taps * s_panels(direct) * TILE_ROWS +
             channel * depth,
        .b = job->image + chunk * direct->channel_floats,
        .begins = chunk == 0,
        .ends = chunk + direct->step >= inputs,
    };
    s_copy_tail(&pass);
    if (s_many_rows(&pass))
        s_by_tiles(&pass);
    else
        s_by_panels(&pass);
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
    size_t inputs = (size_t)self->shape.channels_in;
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
        .tail = scratch,
        .pixels =
            (size_t)(block->rows - 1) * self->pitch + (size_t)block->columns,
    };
    if (!self->in_place)
        s_copy_image(self, block, scratch, x);

    size_t some = s_channels_at_once(self);
    for (size_t i = 0; i < block->channels; i += some) {
        size_t channel = block->channel + i;
        size_t channels = s_smaller(some, block->channels - i);
        for (size_t chunk = 0; chunk < inputs; chunk += self->step)
            s_pass(&job, chunk, channel, channels);
        if (!job.bounds && end->activation.kind != ACTIVATION_NONE)
            s_activate(&job, channel, channels);
    }
}
