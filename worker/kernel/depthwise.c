/* Depthwise convolution, over padded bands.
 *
 * A block of rows of outputs stays in registers while a column of the filter
 * passes over the rows below them, so that each vector that is loaded serves
 * all the rows it concerns. Blocks are whole: the last one ends with its band
 * and may compute rows again, and so may the last vector of a row.
 */
#include "worker/kernel/depthwise.h"

#include <math.h>
#include <string.h>

#include "worker/kernel/vector.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    LANES = VECTOR_LANES,
    ROWS = 7, /* of a block: divides most networks' heights */
};

/* What is done to a plane. */
typedef struct plane {
    const band_t *band;
    const float *filter; /* packed */
    float bias;
    float low, high;                /* bounds of the outputs */
    const activation_t *activation; /* NULL where nothing is left to do */
    const float *residual;
} plane_t;

/* Write `rows` rows of outputs to y; x is where the window of the first one
 * begins. Rows narrower than a vector overlap the next one, written later. */
typedef void block_fn(const plane_t *plane, float *y, const float *x, int rows);

/* Where a vector of a row begins: the last one ends with the row. */
INLINE int
s_column(int column, int width)
{
    return column + LANES > width && width >= LANES ? width - LANES : column;
}

INLINE void
s_write(const plane_t *plane, float *y, vector_t sum)
{
    vector_store(y, vector_between(sum, vector_all(plane->low),
                                   vector_all(plane->high)));
}

/* ROWS rows, of which `rows` are written. kernel (kernel_y) and stride
 * (stride_y) are constants where this is inlined, dilation_y is 1; all loops
 * over rows are unrolled. */
INLINE void
s_block(const plane_t *plane, float *y, const float *x, int rows, int kernel,
        int stride)
{
    const band_t *band = plane->band;
    int width = band->window.out_width, taps = band->window.kernel_x;
    ptrdiff_t pitch = band->row_floats;
    for (int column = 0; column < width; column += LANES) {
        int j = s_column(column, width);
        vector_t sums[ROWS];
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
            sums[r] = vector_all(plane->bias);
        for (int l = 0; l < taps; l++) {
            const float *from = x + band->columns[l] + j;
            const float *filter = plane->filter + l * kernel;
#pragma GCC unroll 32
            for (int i = 0; i < (ROWS - 1) * stride + kernel; i++) {
                vector_t value = vector_load(from + i * pitch);
#pragma GCC unroll 8
                for (int k = i % stride; k < kernel; k += stride)
                    if (i >= k && (i - k) / stride < ROWS)
                        sums[(i - k) / stride] += vector_all(filter[k]) * value;
            }
        }
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
            if (r < rows)
                s_write(plane, y + (ptrdiff_t)r * width + j, sums[r]);
    }
}

static void
s_block_3(const plane_t *plane, float *y, const float *x, int rows)
{
    s_block(plane, y, x, rows, 3, 1);
}

static void
s_block_3_by_2(const plane_t *plane, float *y, const float *x, int rows)
{
    s_block(plane, y, x, rows, 3, 2);
}

static void
s_block_5(const plane_t *plane, float *y, const float *x, int rows)
{
    s_block(plane, y, x, rows, 5, 1);
}

static void
s_block_5_by_2(const plane_t *plane, float *y, const float *x, int rows)
{
    s_block(plane, y, x, rows, 5, 2);
}

static void
s_block_7(const plane_t *plane, float *y, const float *x, int rows)
{
    s_block(plane, y, x, rows, 7, 1);
}

/* One row, any window. */
static void
s_row(const plane_t *plane, float *y, const float *x, int rows)
{
    const band_t *band = plane->band;
    const window_t *w = &band->window;
    ptrdiff_t step = (ptrdiff_t)band->row_floats * w->dilation_y;
    (void)rows;
    for (int column = 0; column < w->out_width; column += LANES) {
        int j = s_column(column, w->out_width);
        const float *filter = plane->filter;
        vector_t sum = vector_all(plane->bias);
        for (int l = 0; l < w->kernel_x; l++)
            for (int k = 0; k < w->kernel_y; k++)
                sum += vector_all(*filter++) *
                       vector_load(x + band->columns[l] + j + k * step);
        s_write(plane, y + j, sum);
    }
}

static block_fn *
s_function(const window_t *w)
{
    static block_fn *const functions[][2] = {
        [3] = {s_block_3, s_block_3_by_2},
        [5] = {s_block_5, s_block_5_by_2},
        [7] = {s_block_7, NULL},
    };
    enum { KERNELS = sizeof functions / sizeof functions[0] };
    block_fn *function = NULL;
    if (w->kernel_y < KERNELS && w->stride_y <= 2 && w->dilation_y == 1)
        function = functions[w->kernel_y][w->stride_y - 1];
    return function ? function : s_row;
}

bool
depthwise_init(band_t *band, const window_t *window)
{
    return band_init(band, window, s_function(window) == s_row ? 1 : ROWS);
}

size_t
depthwise_scratch_floats(const band_t *band)
{
    return band_floats(band);
}

void
depthwise_pack(const window_t *w, float *packed, const float *filter)
{
    for (int l = 0; l < w->kernel_x; l++)
        for (int k = 0; k < w->kernel_y; k++)
            *packed++ = filter[k * w->kernel_x + l];
}

/* Where rows are narrower than a vector, what is written behind the last one
 * must not leave the room: floats that are written later, or nobody's. */
static void
s_compute(const plane_t *plane, block_fn *block, float *y, const float *x,
          int rows, size_t room)
{
    size_t width = (size_t)plane->band->window.out_width;
    size_t floats = (size_t)rows * width;
    if (width >= LANES || floats - width + LANES <= room) {
        block(plane, y, x, rows);
    } else {
        float some[ROWS * LANES];
        block(plane, some, x, rows);
        memcpy(y, some, floats * sizeof *some);
    }
}

/* The rows [first, first + rows) of outputs from their band. */
static void
s_blocks(const plane_t *plane, float *y, const float *scratch, int first,
         int rows, size_t room)
{
    const band_t *band = plane->band;
    const window_t *w = &band->window;
    block_fn *block = s_function(w);
    int some = rows < band->rows ? rows : band->rows;
    size_t floats = (size_t)some * (size_t)w->out_width;
    for (int i = 0; i < rows; i += some) {
        int r = i + some > rows ? rows - some : i;
        size_t at = (size_t)(first + r) * (size_t)w->out_width;
        s_compute(plane, block, y + at,
                  scratch + (ptrdiff_t)r * w->stride_y * band->row_floats, some,
                  room - at);
        if (plane->residual)
            activate_row(plane->activation, y + at, 0.0f, plane->residual + at,
                         floats);
        else if (plane->activation)
            activate(plane->activation, y + at, y + at, floats);
    }
}

/* True if the bounds are all there is to an activation. */
static bool
s_set_bounds(plane_t *plane, const activation_t *f)
{
    plane->low = -INFINITY;
    plane->high = INFINITY;
    if (f->kind == ACTIVATION_RELU)
        plane->low = 0.0f;
    if (f->kind == ACTIVATION_CLIP) {
        plane->low = f->alpha;
        plane->high = f->beta;
    }
    return f->kind == ACTIVATION_NONE || f->kind == ACTIVATION_RELU ||
           f->kind == ACTIVATION_CLIP;
}

/* Bounds are applied in registers, unless a residual comes before them. */
static plane_t
s_plane(const band_t *band, const conv_end_t *end, const float *packed,
        size_t number, size_t floats)
{
    const activation_t none = {ACTIVATION_NONE, 0.0f, 0.0f};
    const window_t *w = &band->window;
    size_t taps = (size_t)w->kernel_y * (size_t)w->kernel_x;
    plane_t plane = {
        .band = band,
        .filter = packed + number * taps,
        .bias = end->bias[number],
        .residual = end->residual ? end->residual + number * floats : NULL,
    };
    bool bounded =
        s_set_bounds(&plane, end->residual ? &none : &end->activation);
    plane.activation = bounded && !end->residual ? NULL : &end->activation;
    return plane;
}

void
depthwise_planes(const band_t *band, const depthwise_range_t *range,
                 const conv_end_t *end, float *y, const float *x,
                 const float *packed, float *scratch)
{
    const window_t *w = &band->window;
    size_t in = (size_t)w->height * (size_t)w->width;
    size_t out = (size_t)w->out_height * (size_t)w->out_width;
    const float *end_of_x =
        x + ((range->first + range->planes - 1) / range->multiplier + 1) * in;
    band_clear(band, scratch, 0.0f);
    for (size_t i = 0; i < range->planes; i++) {
        size_t p = range->first + i, room = (range->planes - i) * out;
        const float *from = x + p / range->multiplier * in;
        plane_t plane = s_plane(band, end, packed, p, out);
        for (int first = 0; first < w->out_height; first += band->outputs) {
            int rows = w->out_height - first;
            rows = rows < band->outputs ? rows : band->outputs;
            band_fill(band, scratch, from, end_of_x, first, rows, 0.0f);
            s_blocks(&plane, y + p * out, scratch, first, rows, room);
        }
    }
}
