/* Winograd's input transform: from rows of the image to panels of tiles. */
#include <string.h>

#include "worker/kernel/phases.h"
#include "worker/kernel/winograd_parts.h"
#include "worker/kernel/winograd_points.h"

/* Where the stages of one channel lie in scratch.
 *
 *   line    one row of every row of tiles, padded, side by side
 *   phases  [m rows][m phases][span]     lines parted; rows m and m + 1 of a
 *                                        tile are those of the tile a pitch on
 *   columns [reach rows][m phases][run]  transformed along the columns
 */
typedef struct stages {
    size_t tiles; /* of the block */
    size_t span;  /* tiles of a phase: the block's, and what they reach into */
    size_t run;   /* tiles of a column: one vector more than the block's */
    float *line, *phases, *columns;
} stages_t;

static size_t
s_whole_vectors(size_t floats)
{
    return (floats + VECTOR_LANES - 1) / VECTOR_LANES * VECTOR_LANES;
}

static stages_t
s_stages(const winograd_t *layout, size_t vectors, float *scratch)
{
    size_t m = (size_t)layout->tile, tiles = vectors * VECTOR_LANES;
    stages_t s = {
        .tiles = tiles,
        .span = s_whole_vectors(tiles + layout->pitch + 1) + VECTOR_LANES,
        .run = tiles + VECTOR_LANES,
        .line = scratch,
    };
    s.phases = s.line + (m * s.span + VECTOR_LANES);
    s.columns = s.phases + m * m * s.span;
    return s;
}

size_t
winograd_input_floats(const winograd_t *layout, size_t vectors)
{
    stages_t s = s_stages(layout, vectors, NULL);
    size_t m = (size_t)layout->tile;
    return m * s.span + VECTOR_LANES + m * m * s.span +
           (size_t)layout->reach * m * s.run;
}

/* Zeros, up to a vector more than asked for. */
static void
s_clear(float *to, ptrdiff_t count)
{
    for (ptrdiff_t j = 0; j < count; j += VECTOR_LANES)
        vector_store(to + j, (vector_t){0});
}

/* The same for numbers of memory that ends at `limit`. */
static void
s_copy(float *to, const float *from, ptrdiff_t count, const float *limit)
{
    ptrdiff_t j = 0;
    for (; j < count && limit - from >= j + VECTOR_LANES; j += VECTOR_LANES)
        vector_store(to + j, vector_load(from + j));
    for (; j < count; j++)
        to[j] = from[j];
}

/* Columns [first, first + count) of a row that is zero outside its width. */
static void
s_piece(float *to, const float *row, int width, int first, int count,
        const float *limit)
{
    int begin = first < 0 ? -first : 0;
    int end = width - first < count ? width - first : count;
    if (begin >= end) {
        s_clear(to, count);
        return;
    }
    s_clear(to, begin);
    s_copy(to + begin, row + first + begin, end - begin, limit);
    s_clear(to + end, count - end);
}

/* Row i of tiles [first, first + tiles), m pixels each, then zeros. */
static void
s_line(const winograd_t *layout, const float *plane, const float *limit, int i,
       size_t first, size_t tiles, size_t span, float *line)
{
    const window_t *w = &layout->shape.window;
    int m = layout->tile, period = m * (int)layout->pitch;
    int y = m * (int)(first / layout->pitch) + i - w->pad_top;
    int x = m * (int)(first % layout->pitch);
    float *end = line + (size_t)m * span;
    for (int left = m * (int)tiles; left > 0; y += m, x = 0) {
        int count = period - x < left ? period - x : left;
        if (y < 0 || y >= w->height)
            s_clear(line, count);
        else
            s_piece(line, plane + (ptrdiff_t)y * w->width, w->width,
                    x - w->pad_left, count, limit);
        line += count;
        left -= count;
    }
    s_clear(line, end - line);
}

static inline __attribute__((always_inline)) void
s_part(int m, const stages_t *s, int row)
{
    float *phases = s->phases + (size_t)(row * m) * s->span;
    for (size_t at = 0; at < s->span; at += VECTOR_LANES) {
        vector_t from[WINOGRAD_TILE_MAX], to[WINOGRAD_TILE_MAX];
        for (int p = 0; p < m; p++)
            from[p] = vector_load(s->line + (size_t)m * at + p * VECTOR_LANES);
        phases_split(m, to, from);
        for (int p = 0; p < m; p++)
            vector_store(phases + (size_t)p * s->span + at, to[p]);
    }
}

/* Tiles reach into the first two phases of their right neighbours: one vector
 * more of those. */
static inline __attribute__((always_inline)) void
s_columns(int m, const winograd_t *layout, const stages_t *s)
{
    size_t row = (size_t)m * s->span, pitch = layout->pitch;
    for (int p = 0; p < m; p++) {
        const float *phase = s->phases + (size_t)p * s->span;
        float *column = s->columns + (size_t)p * s->run;
        size_t end = s->tiles + (p < 2 ? 1 : 0);
        for (size_t at = 0; at < end; at += VECTOR_LANES) {
            vector_t d[WINOGRAD_REACH_MAX], t[WINOGRAD_REACH_MAX];
            for (int i = 0; i < m; i++)
                d[i] = vector_load(phase + (size_t)i * row + at);
            for (int i = 0; i < 2; i++)
                d[m + i] = vector_load(phase + (size_t)i * row + at + pitch);
            winograd_input_line(m, t, d);
            for (int i = 0; i < m + 2; i++)
                vector_store(column + (size_t)(i * m) * s->run + at, t[i]);
        }
    }
}

static inline __attribute__((always_inline)) void
s_rows(int m, const winograd_block_t *block, const stages_t *s, size_t c,
       float *v)
{
    for (size_t n = 0; n < block->vectors; n++) {
        float *to = v + winograd_panel_offset(block, c, n);
        const float *from = s->columns + n * VECTOR_LANES;
        for (int i = 0; i < m + 2; i++, from += (size_t)m * s->run) {
            vector_t d[WINOGRAD_REACH_MAX], t[WINOGRAD_REACH_MAX];
            for (int q = 0; q < m + 2; q++)
                d[q] = vector_load(from + (size_t)(q % m) * s->run + q / m);
            winograd_input_line(m, t, d);
            for (int q = 0; q < m + 2; q++, to += block->v_stride)
                vector_store(to, t[q]);
        }
    }
}

static inline __attribute__((always_inline)) void
s_transform(int m, const winograd_block_t *block, const float *plane,
            const float *limit, size_t c, float *v, float *scratch)
{
    const winograd_t *layout = block->layout;
    stages_t s = s_stages(layout, block->vectors, scratch);
    for (int i = 0; i < m; i++) {
        s_line(layout, plane, limit, i, block->vector * VECTOR_LANES,
               s.tiles + layout->pitch + 1, s.span, s.line);
        s_part(m, &s, i);
    }
    s_columns(m, layout, &s);
    s_rows(m, block, &s, c, v);
}

void
winograd_input(const winograd_block_t *block, const float *plane,
               const float *limit, size_t c, float *v, float *scratch)
{
    switch (block->layout->tile) {
    case 2:
        s_transform(2, block, plane, limit, c, v, scratch);
        return;
    case 4:
        s_transform(4, block, plane, limit, c, v, scratch);
        return;
    default:
        s_transform(6, block, plane, limit, c, v, scratch);
    }
}
