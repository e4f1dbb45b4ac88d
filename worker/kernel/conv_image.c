/* The copy of what a block of a convolution sees. */
#include "worker/kernel/conv_direct_parts.h"
#include "worker/kernel/phases.h"

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
                int y = (block->y + r) * w->stride_y + py * self->apart_y -
                        w->pad_top;
                bool inside = y >= 0 && y < w->height;
                const float *row = plane + (ptrdiff_t)y * w->width;
                s_copy_row(w, phase + (size_t)r * self->pitch,
                           inside ? row : NULL, inside ? end - row : 0,
                           block->x * w->stride_x + px * self->apart_x -
                               w->pad_left,
                           block->columns + self->reach_x);
            }
        }
}

void
conv_copy_image(const conv_direct_t *self, const conv_block_t *block,
                float *image, const float *x)
{
    const window_t *w = &self->shape.window;
    size_t plane = (size_t)w->height * (size_t)w->width;
    size_t channels = (size_t)self->shape.channels_in;
    for (size_t c = 0; c < channels; c++)
        s_copy_channel(self, block, image + c * self->channel_floats,
                       x + c * plane, x + channels * plane);
}
