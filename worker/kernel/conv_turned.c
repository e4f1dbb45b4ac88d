/* Direct convolution in tiles of pixels x output channels, for small planes.
 *
 * A panel's sums are a matrix [pixels][channels] until its last chunk is done;
 * then it is turned into the output's rows.
 */
#include <math.h>
#include <string.h>

#include "worker/kernel/conv_direct_parts.h"
#include "worker/kernel/transpose.h"

/* A panel: some output channels at all pixels of the block. */
typedef struct panel {
    const job_t *job;
    size_t channel, channels;
    size_t vectors;
    size_t pixels;
    float *sums; /* [pixels][TILE_COLUMNS] */
} panel_t;

static void
s_begin(const panel_t *panel)
{
    float start[TILE_COLUMNS] = {0};
    memcpy(start, panel->job->end->bias + panel->channel,
           panel->channels * sizeof *start);
    for (size_t i = 0; i < panel->pixels; i++)
        memcpy(panel->sums + i * TILE_COLUMNS, start, sizeof start);
}

/* What a panel has of a chunk. */
static const float *
s_weights(const panel_t *panel, size_t chunk, size_t *depth)
{
    const job_t *job = panel->job;
    const conv_direct_t *direct = job->direct;
    size_t inputs = (size_t)direct->shape.channels_in;
    *depth = smaller(direct->step, inputs - chunk) * direct->taps;
    return job->packed +
           chunk * direct->taps * conv_panels(direct) * TILE_COLUMNS +
           panel->channel * *depth;
}

static void
s_chunk(const panel_t *panel, size_t chunk)
{
    const job_t *job = panel->job;
    const conv_direct_t *direct = job->direct;
    const conv_block_t *block = job->block;
    size_t inputs = (size_t)direct->shape.channels_in;
    size_t next = chunk + direct->step < inputs ? chunk + direct->step : chunk;
    size_t columns = (size_t)block->columns, done = 0, depth, unused;
    tile_turned_t tile = {
        .panel = s_weights(panel, chunk, &depth),
        .offsets = direct->offsets,
        .ahead_step =
            TILE_COLUMNS * sizeof(float) * direct->turned / panel->pixels,
    };
    const char *ahead = (const char *)s_weights(panel, next, &unused);
    const float *image = job->image + chunk * direct->channel_floats;
    tile.depth = depth;
    tile.b_ahead = (next - chunk) * direct->channel_floats;
    for (size_t y = 0; y < (size_t)block->rows; y++)
        for (size_t x = 0; x < columns; x += direct->turned) {
            size_t pixels = smaller(direct->turned, columns - x);
            tile.b = image + y * direct->pitch + x;
            tile.sums = panel->sums + (y * columns + x) * TILE_COLUMNS;
            tile.ahead = ahead + depth * tile.ahead_step * done;
            tile_multiply_turned(&tile, pixels, panel->vectors);
            done++;
        }
}

/* A square of sums to its output channels. */
static void
s_end_square(const job_t *job, const float *sums, size_t to, size_t channels)
{
    vector_t square[VECTOR_LANES];
    for (size_t i = 0; i < VECTOR_LANES; i++)
        square[i] = vector_load(sums + i * TILE_COLUMNS);
    transpose(square);
    for (size_t c = 0; c < channels; c++, to += job->plane) {
        vector_t v = square[c];
        if (job->residual)
            v += vector_load(job->residual + to);
        if (job->bounds)
            v = vector_between(v, vector_all(job->bounds[0]),
                               vector_all(job->bounds[1]));
        vector_store(job->y + to, v);
    }
}

/* One pixel's sums. */
static void
s_end_pixel(const job_t *job, const float *sums, size_t to, size_t channels)
{
    float low = job->bounds ? job->bounds[0] : -INFINITY;
    float high = job->bounds ? job->bounds[1] : INFINITY;
    for (size_t c = 0; c < channels; c++, to += job->plane) {
        float v = job->residual ? sums[c] + job->residual[to] : sums[c];
        v = v < low ? low : v;
        job->y[to] = v > high ? high : v;
    }
}

/* Pixels that lie side by side in the output. */
static void
s_end_run(const panel_t *panel, const float *sums, size_t to, size_t pixels)
{
    const job_t *job = panel->job;
    to += panel->channel * job->plane;
    size_t i = 0;
    for (; i + VECTOR_LANES <= pixels; i += VECTOR_LANES)
        for (size_t c = 0; c < panel->channels; c += VECTOR_LANES)
            s_end_square(job, sums + i * TILE_COLUMNS + c,
                         to + c * job->plane + i,
                         smaller(VECTOR_LANES, panel->channels - c));
    for (; i < pixels; i++)
        s_end_pixel(job, sums + i * TILE_COLUMNS, to + i, panel->channels);
}

static void
s_end(const panel_t *panel)
{
    const job_t *job = panel->job;
    size_t width = (size_t)job->direct->shape.window.out_width;
    size_t columns = (size_t)job->block->columns;
    size_t rows = (size_t)job->block->rows;
    if (columns == width) { /* rows are one run */
        columns *= rows;
        rows = 1;
    }
    for (size_t y = 0; y < rows; y++)
        s_end_run(panel, panel->sums + y * columns * TILE_COLUMNS, y * width,
                  columns);
}

void
conv_turned(const job_t *job, size_t channel, size_t channels)
{
    const conv_direct_t *direct = job->direct;
    size_t inputs = (size_t)direct->shape.channels_in;
    size_t pixels = (size_t)job->block->rows * (size_t)job->block->columns;
    for (size_t i = 0; i < channels; i += TILE_COLUMNS) {
        size_t some = smaller(TILE_COLUMNS, channels - i);
        panel_t panel = {
            .job = job,
            .channel = channel + i,
            .channels = some,
            .vectors = ceiling(some, VECTOR_LANES),
            .pixels = pixels,
            .sums = job->slots,
        };
        s_begin(&panel);
        for (size_t chunk = 0; chunk < inputs; chunk += direct->step)
            s_chunk(&panel, chunk);
        s_end(&panel);
    }
}
