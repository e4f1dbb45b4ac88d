/* Rows times a packed matrix: packing, blocks, ends.
 *
 *   panel after panel of the weights
 *       block after block of its depth, which stays in the first-level cache
 *           tile after tile of the rows, which stay in the second
 *
 * Sums of a panel lie in a dense buffer, tile after tile, until its depth is
 * through: output rows that are a power of two apart would push each other out
 * of the cache.
 */
#include "worker/kernel/linear.h"

#include <assert.h>
#include <string.h>

#include "worker/kernel/linear_tile.h"

enum {
    WIDTH = LINEAR_WIDTH,
    TILE_ROWS = LINEAR_TILE_ROWS,
    TILE_WIDTH = LINEAR_TILE_WIDTH,
    TILE_FLOATS = TILE_ROWS * TILE_WIDTH,
    TILES_MAX = LINEAR_ROWS_MAX / TILE_ROWS * (WIDTH / TILE_WIDTH),
    DEPTH = 192,             /* steps of a block: 24 KiB of a panel */
    ROWS_FLOATS = 200 << 10, /* of x that a call reads again and again */
    PACK_STEPS = 16,         /* a cache line of each row at a time */
};

/* What is done a call: linear's arguments. */
typedef struct call {
    const linear_shape_t *shape;
    const linear_range_t *range;
    const linear_end_t *end;
    float *y;
    const linear_rows_t *x;
    const float *packed;
} call_t;

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
linear_weights_floats(const linear_shape_t *shape)
{
    return s_ceiling(shape->outs, WIDTH) * WIDTH * shape->depth;
}

void
linear_pack_outs(const linear_shape_t *shape, const float *weights, size_t out,
                 size_t outs, float *packed)
{
    size_t depth = shape->depth;
    for (size_t first = 0; first < outs; first += WIDTH) {
        float *panel = packed + (out + first) * depth;
        const float *from = weights + first * depth;
        size_t used = s_smaller(outs - first, WIDTH);
        if (used < WIDTH)
            memset(panel, 0, WIDTH * depth * sizeof *panel);
        for (size_t k = 0; k < depth; k += PACK_STEPS) {
            size_t end = k + s_smaller(depth - k, PACK_STEPS);
            for (size_t o = 0; o < used; o++)
                for (size_t i = k; i < end; i++)
                    panel[i * WIDTH + o] = from[o * depth + i];
        }
    }
}

void
linear_pack_steps(const linear_shape_t *shape, const float *weights,
                  size_t step, size_t steps, float *packed)
{
    size_t outs = shape->outs;
    for (size_t first = 0; first < outs; first += WIDTH) {
        float *to = packed + first * shape->depth + step * WIDTH;
        const float *from = weights + first;
        size_t used = s_smaller(outs - first, WIDTH);
        for (size_t k = 0; k < steps; k++, to += WIDTH, from += outs) {
            /* A constant size is two vector moves, or four. */
            if (used == WIDTH) {
                memcpy(to, from, WIDTH * sizeof *to);
                continue;
            }
            memcpy(to, from, used * sizeof *to);
            memset(to + used, 0, (WIDTH - used) * sizeof *to);
        }
    }
}

size_t
linear_rows_a_call(const linear_shape_t *shape, size_t rows)
{
    size_t most = ROWS_FLOATS / (shape->depth ? shape->depth : 1);
    most = s_smaller(most > 0 ? most : 1, LINEAR_ROWS_MAX);
    size_t even = s_ceiling(rows, s_ceiling(rows, most));
    return s_ceiling(even, LINEAR_ROWS_STEP) * LINEAR_ROWS_STEP;
}

/* Steps of a block: blocks as even as possible. */
static size_t
s_block_steps(size_t depth)
{
    return depth ? s_ceiling(depth, s_ceiling(depth, DEPTH)) : 1;
}

/* A constant size becomes two vector moves. */
static void
s_copy(float *to, const float *from, size_t count)
{
    if (count == TILE_WIDTH)
        memcpy(to, from, TILE_WIDTH * sizeof *to);
    else
        memcpy(to, from, count * sizeof *to);
}

/* Finished sums[rows][width] become outputs of rows from `row` and of columns
 * from `out`, which are fewer than width at the matrix's edge. */
static void
s_finish(const call_t *call, float *sums, size_t width, size_t row, size_t rows,
         size_t out)
{
    size_t outs = call->shape->outs;
    size_t count = s_smaller(width, call->range->out + call->range->outs - out);
    const float *bias = call->end->bias;
    for (size_t r = 0; bias && r < rows; r++)
        for (size_t i = 0; i < count; i++)
            sums[r * width + i] += bias[out + i];
    const float *residual = call->end->residual;
    for (size_t r = 0; residual && r < rows; r++)
        for (size_t i = 0; i < count; i++)
            sums[r * width + i] += residual[(row + r) * outs + out + i];
    if (call->end->activation.kind != ACTIVATION_NONE)
        activate(&call->end->activation, sums, sums, rows * width);
    for (size_t r = 0; r < rows; r++)
        s_copy(call->y + (row + r) * outs + out, sums + r * width, count);
}

/* A block of depth from step `first` of the panel from `out`, for all rows. */
static void
s_block(const call_t *call, float *sums, size_t out, size_t first, size_t steps)
{
    size_t depth = call->shape->depth, rows = call->range->rows;
    size_t left = call->range->out + call->range->outs - out;
    size_t tiles = s_ceiling(rows, TILE_ROWS) *
                   s_ceiling(s_smaller(left, WIDTH), TILE_WIDTH);
    const float *panel = call->packed + out * depth + first * WIDTH;
    linear_tile_t tile = {
        .sums = sums,
        .x = *call->x,
        .steps = steps,
        .add = first > 0,
        .ahead = (const char *)(panel + steps * WIDTH),
        .ahead_step = s_ceiling(WIDTH * sizeof *panel, tiles),
    };
    for (size_t column = 0; column < WIDTH && column < left;
         column += TILE_WIDTH)
        for (size_t row = 0; row < rows; row += TILE_ROWS) {
            size_t some = s_smaller(rows - row, TILE_ROWS);
            tile.panel = panel + column;
            tile.x.data = call->x->data + row * call->x->row_stride +
                          first * call->x->step_stride;
            linear_tile(&tile, some);
            if (first + steps == depth)
                s_finish(call, tile.sums, TILE_WIDTH, row, some, out + column);
            tile.sums += TILE_FLOATS;
            tile.ahead += tile.ahead_step * steps;
        }
}

static void
s_rows(const call_t *call)
{
    _Alignas(64) float sums[TILES_MAX * TILE_FLOATS];
    size_t depth = call->shape->depth, step = s_block_steps(depth);
    size_t end = call->range->out + call->range->outs;
    for (size_t out = call->range->out; out < end; out += WIDTH)
        for (size_t k = 0; k < depth; k += step)
            s_block(call, sums, out, k, s_smaller(step, depth - k));
}

static void
s_single_row(const call_t *call)
{
    _Alignas(64) float sums[LINEAR_ROW_PANELS * WIDTH];
    size_t depth = call->shape->depth, step = s_block_steps(depth);
    size_t end = call->range->out + call->range->outs, panels;
    for (size_t out = call->range->out; out < end; out += panels * WIDTH) {
        panels =
            end - out > (LINEAR_ROW_PANELS - 1) * WIDTH ? LINEAR_ROW_PANELS : 1;
        for (size_t k = 0; k < depth; k += step) {
            linear_tile_t tile = {
                .sums = sums,
                .x = *call->x,
                .panel = call->packed + out * depth + k * WIDTH,
                .steps = s_smaller(step, depth - k),
                .add = k > 0,
            };
            tile.x.data += k * tile.x.step_stride;
            linear_tile_row(&tile, panels, depth * WIDTH);
        }
        s_finish(call, sums, panels * WIDTH, 0, 1, out);
    }
}

/* Without depth every product is zero. */
static void
s_nothing(const call_t *call)
{
    _Alignas(64) float sums[WIDTH];
    size_t end = call->range->out + call->range->outs;
    for (size_t row = 0; row < call->range->rows; row++)
        for (size_t out = call->range->out; out < end; out += WIDTH) {
            memset(sums, 0, sizeof sums);
            s_finish(call, sums, WIDTH, row, 1, out);
        }
}

void
linear(const linear_shape_t *shape, const linear_range_t *range,
       const linear_end_t *end, float *y, const linear_rows_t *x,
       const float *packed)
{
    assert(range->rows <= LINEAR_ROWS_MAX && range->out % WIDTH == 0);
    const call_t call = {shape, range, end, y, x, packed};
    if (shape->depth == 0)
        s_nothing(&call);
    else if (range->rows == 1)
        s_single_row(&call);
    else
        s_rows(&call);
}
