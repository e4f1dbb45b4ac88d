/* Winograd's input transform: from rows of the image to panels of tiles. */
#include "worker/kernel/phases.h"
#include "worker/kernel/winograd_parts.h"
#include "worker/kernel/winograd_points.h"

/* Before the transform the numbers of a channel are sorted: plane[i][q] holds
 * number q of row i of each tile, tile after tile. Only the first m rows: the
 * last two are the first two of the tile below, a pitch on. Planes have room
 * for a vector before the first tile and behind the last. */
typedef struct planes {
    float *first;
    size_t floats; /* from plane to plane */
} planes_t;

static size_t
s_plane_floats(const winograd_t *layout, size_t vectors)
{
    size_t below = layout->pitch / VECTOR_LANES + 1;
    return (vectors + below + 2) * VECTOR_LANES;
}

size_t
winograd_input_floats(const winograd_t *layout, size_t vectors)
{
    return (size_t)(layout->tile * layout->reach) *
           s_plane_floats(layout, vectors);
}

/* Where `count` numbers of the image from `at` can be loaded: there, or beyond
 * its borders a copy with zeros. */
static const float *
s_inside(const winograd_image_t *image, ptrdiff_t at, ptrdiff_t count,
         float *copy)
{
    if (at >= 0 && at + count <= image->floats)
        return image->x + at;
    for (ptrdiff_t j = 0; j < count; j++)
        copy[j] = at + j >= 0 && at + j < image->floats ? image->x[at + j] : 0;
    return copy;
}

/* Sort some tiles of a row of the image, from `at` in the image. Each vector
 * gives the numbers 0 to m - 1 of its tiles, and m and m + 1 of those one to
 * the left. The first of those is the end of the row above: `above` says what
 * belongs there, as reading it back would wait for the stores. The next
 * channel's numbers are asked for: the rows of a block are too short for the
 * hardware to see a stream in them. */
static inline __attribute__((always_inline)) void
s_sort(int m, const winograd_image_t *image, ptrdiff_t at, int tiles,
       const float above[2], float *to, size_t stride)
{
    float *left = to + (size_t)m * stride - 1;
    for (int t = 0; t <= tiles; t += VECTOR_LANES) {
        float copy[WINOGRAD_TILE_MAX * VECTOR_LANES];
        vector_t from[WINOGRAD_TILE_MAX], phase[WINOGRAD_TILE_MAX];
        const float *row = s_inside(image, at + (ptrdiff_t)m * t,
                                    (ptrdiff_t)m * VECTOR_LANES, copy);
        for (int q = 0; q < m; q++) {
            from[q] = vector_load(row + q * VECTOR_LANES);
            __builtin_prefetch(row + q * VECTOR_LANES + image->plane);
        }
        phases_split(m, phase, from);
        for (int q = 0; q < m; q++)
            vector_store(to + (size_t)q * stride + t, phase[q]);
        vector_store(left + t, phase[0]);
        vector_store(left + stride + t, phase[1]);
    }
    left[0] = above[0];
    left[stride] = above[1];
}

/* Zeros where tiles [x, x + tiles) reach beyond the left and right border. */
static inline __attribute__((always_inline)) void
s_pad(int m, const winograd_t *layout, int x, int tiles, float *to,
      size_t stride)
{
    for (int q = 0; q < m + 2; q++, to += stride) {
        int end = layout->inside_end[q] - x;
        for (int t = 0; t < tiles && t + x < layout->inside_first[q]; t++)
            to[t] = 0.0f;
        for (int t = end < 0 ? 0 : end; t < tiles; t++)
            to[t] = 0.0f;
    }
}

static inline __attribute__((always_inline)) void
s_clear(int m, int tiles, float *to, size_t stride)
{
    for (int q = 0; q < m + 2; q++, to += stride)
        for (int t = 0; t < tiles; t += VECTOR_LANES)
            vector_store(to + t, (vector_t){0});
}

/* Numbers m and m + 1 of the last tile of a row of tiles. */
static inline __attribute__((always_inline)) void
s_find_end(int m, const winograd_t *layout, const float *row, float end[2])
{
    const window_t *w = &layout->shape.window;
    int x = m * (int)layout->pitch - w->pad_left;
    for (int q = 0; q < 2; q++)
        end[q] = x + q >= 0 && x + q < w->width ? row[x + q] : 0.0f;
}

/* Row i of tiles [first, first + tiles), counted flat. */
static inline __attribute__((always_inline)) void
s_sort_row(int m, const winograd_t *layout, const winograd_image_t *image,
           size_t c, int i, size_t first, size_t tiles, float *to,
           size_t stride)
{
    const window_t *w = &layout->shape.window;
    int pitch = (int)layout->pitch, left = (int)tiles;
    int y = m * (int)(first / layout->pitch) + i - w->pad_top;
    int x = (int)(first % layout->pitch);
    float end[2] = {0.0f, 0.0f};
    for (; left > 0; y += m, x = 0) {
        int some = pitch - x < left ? pitch - x : left;
        ptrdiff_t row = ((ptrdiff_t)c * w->height + y) * w->width;
        if (y < 0 || y >= w->height) {
            s_clear(m, some, to, stride);
            end[0] = end[1] = 0.0f;
        } else {
            s_sort(m, image, row + m * x - w->pad_left, some, end, to, stride);
            s_pad(m, layout, x, some, to, stride);
            s_find_end(m, layout, image->x + row, end);
        }
        to += some;
        left -= some;
    }
}

/* A vector of tiles: along the columns, then along the rows. */
static inline __attribute__((always_inline)) void
s_transform_vector(int m, const planes_t *planes, const float *from,
                   size_t pitch, float *to, size_t to_stride)
{
    vector_t half[WINOGRAD_REACH_MAX][WINOGRAD_REACH_MAX];
    for (int q = 0; q < m + 2; q++) {
        vector_t d[WINOGRAD_REACH_MAX], t[WINOGRAD_REACH_MAX];
        for (int i = 0; i < m + 2; i++)
            d[i] = vector_load(from +
                               (size_t)(i % m * (m + 2) + q) * planes->floats +
                               (size_t)(i / m) * pitch);
        winograd_input_line(m, t, d);
        for (int i = 0; i < m + 2; i++)
            half[i][q] = t[i];
    }
    for (int i = 0; i < m + 2; i++) {
        vector_t t[WINOGRAD_REACH_MAX];
        winograd_input_line(m, t, half[i]);
        for (int q = 0; q < m + 2; q++, to += to_stride)
            vector_store(to, t[q]);
    }
}

static inline __attribute__((always_inline)) void
s_transform(int m, const winograd_block_t *block, const winograd_image_t *image,
            size_t c, float *v, float *scratch)
{
    const winograd_t *layout = block->layout;
    size_t tiles = block->vectors * VECTOR_LANES;
    planes_t planes = {.first = scratch + VECTOR_LANES,
                       .floats = s_plane_floats(layout, block->vectors)};
    for (int i = 0; i < m; i++)
        s_sort_row(m, layout, image, c, i, block->vector * VECTOR_LANES,
                   tiles + (i < 2 ? layout->pitch : 0),
                   planes.first + (size_t)(i * (m + 2)) * planes.floats,
                   planes.floats);
    for (size_t n = 0; n < block->vectors; n++)
        s_transform_vector(
            m, &planes, planes.first + n * VECTOR_LANES, layout->pitch,
            v + winograd_panel_offset(block, c, n), block->v_stride);
}

void
winograd_input(const winograd_block_t *block, const winograd_image_t *image,
               size_t c, float *v, float *scratch)
{
    if (block->layout->tile == 2)
        s_transform(2, block, image, c, v, scratch);
    else
        s_transform(4, block, image, c, v, scratch);
}
