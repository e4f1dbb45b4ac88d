/* Direct convolution in tiles of output channels x pixels. */
#include <math.h>
#include <string.h>

#include "worker/kernel/conv_direct_parts.h"

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
        size_t run = smaller(direct->pitch - column, pixels - at);
        if (column < columns) {
            size_t count = smaller(run, columns - column);
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

    const float *scale; /* a factor a row of B, or NULL */
    size_t copied;      /* first pixel of the tile whose rows are copied */
    ptrdiff_t lines[SHORT_DEPTH_MAX]; /* of the copy's rows */
} pass_t;

static void
s_copy_row(float *to, const float *from, float factor, size_t pixels)
{
    size_t i = 0;
    for (; i + VECTOR_LANES <= pixels; i += VECTOR_LANES)
        vector_store(to + i, vector_load(from + i) * vector_all(factor));
    for (; i < pixels; i++)
        to[i] = from[i] * factor;
}

/* A tile's rows of B are copied where they have factors, or where their last
 * vector would reach past the tensor. */
static void
s_copy(pass_t *pass, size_t first)
{
    const job_t *job = pass->job;
    size_t pixels = smaller(TILE_COLUMNS, job->pixels - first);
    if (!job->direct->in_place || (!pass->scale && pixels % VECTOR_LANES == 0))
        return;
    pass->copied = first;
    for (size_t k = 0; k < pass->depth; k++) {
        s_copy_row(job->copy + k * TILE_COLUMNS,
                   pass->b + job->direct->offsets[k] + first,
                   pass->scale ? pass->scale[k] : 1.0f, pixels);
        pass->lines[k] = (ptrdiff_t)(k * TILE_COLUMNS);
    }
}

/* One tile of one panel. Sums that wait do not lie where the residual does. */
static void
s_tile(const pass_t *pass, size_t panel, size_t first)
{
    const job_t *job = pass->job;
    size_t pixels = smaller(TILE_COLUMNS, job->pixels - first);
    size_t channel = pass->channel + panel * TILE_ROWS;
    size_t channels = smaller(TILE_ROWS, pass->channels - panel * TILE_ROWS);
    size_t slots = ceiling(job->pixels, TILE_COLUMNS);
    float *slot =
        job->slots + (panel * slots + first / TILE_COLUMNS) * SLOT_FLOATS;
    bool copied = first == pass->copied;
    bool whole = job->direct->in_place && pixels % VECTOR_LANES == 0 &&
                 channels == TILE_ROWS &&
                 (job->residual != job->y || (pass->begins && pass->ends));
    float start[TILE_ROWS] = {0};
    size_t to = channel * job->plane + first;
    tile_t tile = {
        .depth = pass->depth,
        .a = pass->a + panel * TILE_ROWS * pass->depth,
        .b = copied ? job->copy : pass->b + first,
        .offsets = copied ? pass->lines : job->direct->offsets,
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
    tile_multiply(&tile, ceiling(pixels, VECTOR_LANES));
    if (!whole && pass->ends)
        s_finish_slot(job, slot, first, pixels, channel, channels);
}

/* Vectors of all tiles. */
static size_t
s_all_vectors(const job_t *job)
{
    size_t rest = job->pixels % TILE_COLUMNS;
    return job->pixels / TILE_COLUMNS * TILE_VECTORS +
           ceiling(rest, VECTOR_LANES);
}

/* Vectors of a tile. */
static size_t
s_vectors(const job_t *job, size_t first)
{
    return ceiling(smaller(TILE_COLUMNS, job->pixels - first), VECTOR_LANES);
}

/* A panel of A stays in the first-level cache while it meets all of B, and a
 * few rows of the output are written from end to end. Meanwhile the next panel
 * is fetched, in step with the work. */
static void
s_by_panels(pass_t *pass)
{
    const job_t *job = pass->job;
    size_t panels = ceiling(pass->channels, TILE_ROWS);
    size_t bytes = pass->depth * ROW_BYTES, all = s_all_vectors(job);
    const char *next = (const char *)pass->a;
    s_copy(pass, (job->pixels - 1) / TILE_COLUMNS * TILE_COLUMNS);
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
    size_t panels = ceiling(pass->channels, TILE_ROWS), before = 0;
    size_t bytes = pass->depth * ROW_BYTES, all = s_all_vectors(job);
    const char *next = (const char *)pass->a + panels * bytes;
    for (size_t p = 0; p < job->pixels; p += TILE_COLUMNS) {
        size_t vectors = s_vectors(job, p);
        pass->ahead_step = ROW_BYTES * vectors / all;
        s_copy(pass, p);
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
    size_t depth = smaller(direct->step, inputs - chunk) * direct->taps;
    pass_t pass = {
        .job = job,
        .channel = channel,
        .channels = channels,
        .depth = depth,
        .a = job->packed +
             chunk * direct->taps * conv_panels(direct) * TILE_ROWS +
             channel * depth,
        .b = job->image + chunk * direct->channel_floats,
        .begins = chunk == 0,
        .ends = chunk + direct->step >= inputs,
        .scale = direct->scaled ? job->block->scale + chunk : NULL,
        .copied = job->pixels, /* none */
    };
    if (pass.scale || s_many_rows(&pass))
        s_by_tiles(&pass);
    else
        s_by_panels(&pass);
}

void
conv_tiles(const job_t *job, size_t channel, size_t channels)
{
    const conv_direct_t *direct = job->direct;
    size_t inputs = (size_t)direct->shape.channels_in;
    for (size_t chunk = 0; chunk < inputs; chunk += direct->step)
        s_pass(job, chunk, channel, channels);
}
