/* Winograd's output transform: from products to rows of the output. */
#include <math.h>
#include <string.h>

#include "worker/kernel/phases.h"
#include "worker/kernel/winograd_parts.h"
#include "worker/kernel/winograd_points.h"

size_t
winograd_output_floats(const winograd_t *layout, size_t vectors)
{
    return (size_t)(layout->tile * layout->tile) * vectors * VECTOR_LANES;
}

/* Row i of every tile, m pixels each, side by side: rows[m][m * tiles]. */
static inline __attribute__((always_inline)) void
s_transform(int m, const winograd_block_t *block, const float *from,
            float *rows)
{
    size_t line = (size_t)m * block->vectors * VECTOR_LANES;
    for (size_t n = 0; n < block->vectors; n++, from += VECTOR_LANES) {
        vector_t half[WINOGRAD_TILE_MAX][WINOGRAD_REACH_MAX];
        for (int q = 0; q < m + 2; q++) {
            vector_t t[WINOGRAD_REACH_MAX], y[WINOGRAD_TILE_MAX];
            for (int i = 0; i < m + 2; i++)
                t[i] = vector_load(from +
                                   (size_t)(i * (m + 2) + q) * block->m_stride);
            winograd_output_line(m, y, t);
            for (int i = 0; i < m; i++)
                half[i][q] = y[i];
        }
        float *to = rows + n * (size_t)m * VECTOR_LANES;
        for (int i = 0; i < m; i++, to += line) {
            vector_t y[WINOGRAD_TILE_MAX], row[WINOGRAD_TILE_MAX];
            winograd_output_line(m, y, half[i]);
            phases_join(m, row, y);
            for (int p = 0; p < m; p++)
                vector_store(to + p * VECTOR_LANES, row[p]);
        }
    }
}

/* The frequent activations only keep a number between bounds. */
typedef struct finish {
    const activation_t *activation; /* NULL where the bounds do it */
    float bias, low, high;
} finish_t;

static finish_t
s_plan_finish(const activation_t *f, float bias)
{
    finish_t finish = {.bias = bias, .low = -INFINITY, .high = INFINITY};
    if (f->kind == ACTIVATION_RELU) {
        finish.low = 0.0f;
    } else if (f->kind == ACTIVATION_CLIP) {
        finish.low = f->alpha;
        finish.high = f->beta;
    } else if (f->kind != ACTIVATION_NONE) {
        finish.activation = f;
    }
    return finish;
}

/* Comparisons are written so that a NaN is kept. */
static inline vector_t
s_finish_vector(const finish_t *f, const float *from, const float *residual)
{
    vector_t low = vector_all(f->low), high = vector_all(f->high);
    vector_t v = vector_load(from) + f->bias;
    if (residual)
        v += vector_load(residual);
    return vector_between(v, low, high);
}

/* A few pixels of a row. The last vector overlaps the one before it, and is
 * made first: the residual may lie where the output goes. */
static void
s_finish(const finish_t *f, const float *residual, float *y, float *from,
         size_t count)
{
    if (f->activation) {
        activate_row(f->activation, from, f->bias, residual, count);
        memcpy(y, from, count * sizeof *y);
        return;
    }
    if (count < VECTOR_LANES) {
        for (size_t j = 0; j < count; j++) {
            float v = from[j] + f->bias + (residual ? residual[j] : 0.0f);
            v = v < f->low ? f->low : v;
            y[j] = v > f->high ? f->high : v;
        }
        return;
    }
    size_t last = count - VECTOR_LANES;
    vector_t end =
        s_finish_vector(f, from + last, residual ? residual + last : NULL);
    for (size_t j = 0; j < last; j += VECTOR_LANES)
        vector_store(y + j, s_finish_vector(f, from + j,
                                            residual ? residual + j : NULL));
    vector_store(y + last, end);
}

void
winograd_output(const winograd_block_t *block, const float *m, size_t row,
                const activation_t *activation, float bias,
                const float *residual, float *y, float *scratch)
{
    const winograd_t *layout = block->layout;
    const window_t *w = &layout->shape.window;
    size_t tiles = block->vectors * VECTOR_LANES;
    const float *from = m + row * tiles;
    if (layout->tile == 2)
        s_transform(2, block, from, scratch);
    else
        s_transform(4, block, from, scratch);

    finish_t finish = s_plan_finish(activation, bias);
    int size = layout->tile, period = size * (int)layout->pitch;
    size_t first = block->vector * VECTOR_LANES;
    int top = size * (int)(first / layout->pitch);
    int x = size * (int)(first % layout->pitch);
    int left = size * (int)tiles;
    for (; left > 0 && top < w->out_height; top += size, x = 0) {
        int some = period - x < left ? period - x : left;
        int count = w->out_width - x < some ? w->out_width - x : some;
        for (int i = 0; i < size && top + i < w->out_height && count > 0; i++) {
            ptrdiff_t at = (ptrdiff_t)(top + i) * w->out_width + x;
            s_finish(&finish, residual ? residual + at : NULL, y + at,
                     scratch + (size_t)i * (size_t)size * tiles, (size_t)count);
        }
        scratch += some;
        left -= some;
    }
}
