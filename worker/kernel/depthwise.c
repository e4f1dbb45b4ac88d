/* Depthwise convolution: from a padded band in scratch, several rows at a
 * time. */
#include "worker/kernel/depthwise.h"

#include <math.h>
#include <string.h>

#include "worker/kernel/vector.h"

enum {
    LANES = VECTOR_LANES,
    ROWS = 7, /* divides most networks' heights */
    ALIGNMENT = 16,
    BAND_FLOATS = 6144, /* half of the first-level cache */
    SCRATCH_FLOATS_MAX = 1 << 24,
};

#define INLINE static inline __attribute__((always_inline))

/* A block of rows in the making. */
typedef struct block {
    const depthwise_t *self;
    const float *filter;
    float bias, low, high; /* low and high bound the output */
    int rows;              /* to be written */
} block_t;

typedef void block_fn(const block_t *block, float *y, const float *x);

/* Where the vectors of a row begin: the last one ends with the row, and so may
 * compute some outputs again. */
INLINE int
s_column(int column, int width)
{
    return column + LANES > width && width >= LANES ? width - LANES : column;
}

INLINE void
s_write(const block_t *block, float *y, vector_t sum)
{
    vector_store(y, vector_between(sum, vector_all(block->low),
                                   vector_all(block->high)));
}

/* ROWS rows of outputs; kernel_y and stride_y are constants where this is
 * inlined, and all loops over rows unrolled. Rows narrower than a vector
 * overlap the next one, which is written later. */
INLINE void
s_block(const block_t *block, float *y, const float *x, int kernel, int stride)
{
    const depthwise_t *self = block->self;
    int width = self->window.out_width, taps = self->window.kernel_x;
    ptrdiff_t pitch = self->row_floats;
    for (int column = 0; column < width; column += LANES) {
        int j = s_column(column, width);
        vector_t sums[ROWS];
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
            sums[r] = vector_all(block->bias);
        for (int l = 0; l < taps; l++) {
            const float *from = x + self->columns[l] + j;
            const float *filter = block->filter + l * kernel;
#pragma GCC unroll 32
            for (int i = 0; i < (ROWS - 1) * stride + kernel; i++) {
                vector_t values = vector_load(from + i * pitch);
#pragma GCC unroll 8
                for (int k = i % stride; k < kernel; k += stride)
                    if (i >= k && (i - k) / stride < ROWS)
                        sums[(i - k) / stride] +=
                            vector_all(filter[k]) * values;
            }
        }
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
            if (r < block->rows)
                s_write(block, y + (ptrdiff_t)r * width + j, sums[r]);
    }
}

static void
s_block_3(const block_t *block, float *y, const float *x)
{
    s_block(block, y, x, 3, 1);
}

static void
s_block_3_by_2(const block_t *block, float *y, const float *x)
{
    s_block(block, y, x, 3, 2);
}

static void
s_block_5(const block_t *block, float *y, const float *x)
{
    s_block(block, y, x, 5, 1);
}

static void
s_block_5_by_2(const block_t *block, float *y, const float *x)
{
    s_block(block, y, x, 5, 2);
}

static void
s_block_7(const block_t *block, float *y, const float *x)
{
    s_block(block, y, x, 7, 1);
}

/* One row, any window. */
static void
s_block_any(const block_t *block, float *y, const float *x)
{
    const depthwise_t *self = block->self;
    const window_t *w = &self->window;
    ptrdiff_t step = (ptrdiff_t)self->row_floats * w->dilation_y;
    for (int column = 0; column < w->out_width; column += LANES) {
        int j = s_column(column, w->out_width);
        const float *filter = block->filter;
        vector_t sum = vector_all(block->bias);
        for (int l = 0; l < w->kernel_x; l++)
            for (int k = 0; k < w->kernel_y; k++)
                sum += vector_all(*filter++) *
                       vector_load(x + self->columns[l] + j + k * step);
        s_write(block, y + j, sum);
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
    return function ? function : s_block_any;
}

static size_t
s_band_inputs(const window_t *w, int rows)
{
    return ((size_t)rows - 1) * (size_t)w->stride_y +
           ((size_t)w->kernel_y - 1) * (size_t)w->dilation_y + 1;
}

static int
s_larger(int a, int b)
{
    return a > b ? a : b;
}

/* As many rows as fit into a band, at least those of one block. */
static bool
s_init_band(depthwise_t *self)
{
    const window_t *w = &self->window;
    size_t row = (size_t)self->row_floats;
    self->band = self->rows = s_function(w) == s_block_any ? 1 : ROWS;
    while (self->band < w->out_height &&
           s_band_inputs(w, self->band + self->rows) * row <= BAND_FLOATS)
        self->band += self->rows;
    size_t inputs = s_band_inputs(w, self->band);
    self->band_inputs = (int)inputs;
    return inputs <= SCRATCH_FLOATS_MAX / row;
}

bool
depthwise_init(depthwise_t *self, const window_t *w)
{
    *self = (depthwise_t){.window = *w};
    if (w->kernel_x > DEPTHWISE_COLUMNS_MAX)
        return false;
    int reach = (w->kernel_x - 1) * w->dilation_x / w->stride_x;
    int used = s_larger(w->out_width, LANES) + reach;
    int filled = (w->pad_left + w->width - 1) / w->stride_x + 1;
    self->phase_floats =
        (s_larger(used, filled) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (self->phase_floats > SCRATCH_FLOATS_MAX / w->stride_x)
        return false;
    self->row_floats = self->phase_floats * w->stride_x;
    for (int l = 0; l < w->kernel_x; l++) {
        int column = l * w->dilation_x;
        self->columns[l] =
            column % w->stride_x * self->phase_floats + column / w->stride_x;
    }
    return s_init_band(self);
}

size_t
depthwise_scratch_floats(const depthwise_t *self)
{
    return (size_t)self->band_inputs * (size_t)self->row_floats;
}

void
depthwise_pack(const depthwise_t *self, float *packed, const float *filter)
{
    const window_t *w = &self->window;
    for (int l = 0; l < w->kernel_x; l++)
        for (int k = 0; k < w->kernel_y; k++)
            *packed++ = filter[k * w->kernel_x + l];
}

/* Rows are short, so what is copied is a constant number of floats, the last
 * ones once more where they overlap; no call, no loop over single ones. */
INLINE void
s_copy(float *restrict to, const float *restrict from, int count, int some)
{
    for (int i = 0; i < count; i += some) {
        int at = i + some > count ? count - some : i;
        memcpy(to + at, from + at, (size_t)some * sizeof *to);
    }
}

static void
s_copy_row(float *to, const float *from, int count)
{
    if (count >= 16)
        s_copy(to, from, count, 16);
    else if (count >= 8)
        s_copy(to, from, count, 8);
    else if (count >= 4)
        s_copy(to, from, count, 4);
    else
        s_copy(to, from, count, 1);
}

/* The same for pairs, whose halves go two ways. */
INLINE void
s_part(float *restrict evens, float *restrict odds, const float *restrict from,
       int count, int some)
{
    for (int i = 0; i < count; i += some) {
        int at = i + some > count ? count - some : i;
        for (int k = 0; k < some; k++) {
            evens[at + k] = from[2 * (at + k)];
            odds[at + k] = from[2 * (at + k) + 1];
        }
    }
}

static void
s_part_row(float *evens, float *odds, const float *from, int count)
{
    int pairs = count / 2;
    if (pairs >= 16)
        s_part(evens, odds, from, pairs, 16);
    else if (pairs >= 8)
        s_part(evens, odds, from, pairs, 8);
    else if (pairs >= 4)
        s_part(evens, odds, from, pairs, 4);
    else
        s_part(evens, odds, from, pairs, 1);
    if (count % 2 != 0)
        evens[pairs] = from[count - 1];
}

/* Where column x of the input lies in a row of scratch. */
INLINE float *
s_place(const depthwise_t *self, float *row, int x)
{
    int column = x + self->window.pad_left, stride = self->window.stride_x;
    return row + column % stride * self->phase_floats + column / stride;
}

static void
s_fill_row(const depthwise_t *self, float *to, const float *from)
{
    const window_t *w = &self->window;
    int stride = w->stride_x;
    if (stride == 1)
        s_copy_row(s_place(self, to, 0), from, w->width);
    else if (stride == 2)
        s_part_row(s_place(self, to, 0), s_place(self, to, 1), from, w->width);
    else
        for (int x = 0; x < w->width; x++)
            *s_place(self, to, x) = from[x];
}

/* The rows that `rows` rows of outputs see, from row `first` on. What lies
 * outside the plane is zero already, but for what another band left there. */
static void
s_fill(const depthwise_t *self, float *scratch, const float *plane, int first,
       int rows)
{
    const window_t *w = &self->window;
    int inputs = (int)s_band_inputs(w, s_larger(rows, self->rows));
    int y = first * w->stride_y - w->pad_top;
    for (int i = 0; i < inputs; i++, y++) {
        float *to = scratch + (ptrdiff_t)i * self->row_floats;
        if (y >= 0 && y < w->height)
            s_fill_row(self, to, plane + (ptrdiff_t)y * w->width);
        else if (self->band < w->out_height)
            memset(to, 0, (size_t)self->row_floats * sizeof *to);
    }
}

/* Where rows are narrower than a vector, what is written behind the last one
 * must not leave the range. */
static void
s_compute(const block_t *block, float *y, const float *x, size_t room)
{
    const depthwise_t *self = block->self;
    block_fn *function = s_function(&self->window);
    size_t width = (size_t)self->window.out_width;
    size_t floats = (size_t)block->rows * width;
    if (width >= LANES || floats - width + LANES <= room) {
        function(block, y, x);
    } else {
        float rows[ROWS * LANES];
        function(block, rows, x);
        memcpy(y, rows, floats * sizeof *rows);
    }
}

/* Bounds that are an activation. */
static bool
s_set_bounds(block_t *block, const activation_t *f)
{
    block->low = -INFINITY;
    block->high = INFINITY;
    if (f->kind == ACTIVATION_RELU)
        block->low = 0.0f;
    if (f->kind == ACTIVATION_CLIP) {
        block->low = f->alpha;
        block->high = f->beta;
    }
    return f->kind == ACTIVATION_NONE || f->kind == ACTIVATION_RELU ||
           f->kind == ACTIVATION_CLIP;
}

typedef struct finish {
    const activation_t *activation; /* NULL where nothing is left to do */
    const float *residual;          /* of the plane */
} finish_t;

/* One band; its last block ends with it. */
static void
s_band(block_t *block, const finish_t *finish, float *y, const float *scratch,
       int first, int rows, size_t room)
{
    const depthwise_t *self = block->self;
    const window_t *w = &self->window;
    for (int i = 0; i < rows; i += self->rows) {
        int last = rows - self->rows;
        int r = last > 0 && i > last ? last : i;
        size_t at = (size_t)(first + r) * (size_t)w->out_width;
        block->rows = rows < self->rows ? rows : self->rows;
        s_compute(block, y + at,
                  scratch + (ptrdiff_t)r * w->stride_y * self->row_floats,
                  room - at);
        if (finish->activation)
            activate_row(finish->activation, y + at, 0.0f,
                         finish->residual ? finish->residual + at : NULL,
                         (size_t)block->rows * (size_t)w->out_width);
    }
}

/* What the block's bounds do not do. */
static finish_t
s_finish(block_t *block, const conv_end_t *end, size_t at)
{
    const activation_t none = {ACTIVATION_NONE, 0.0f, 0.0f};
    finish_t finish = {&end->activation, NULL};
    if (end->residual) {
        finish.residual = end->residual + at;
        s_set_bounds(block, &none);
    } else if (s_set_bounds(block, &end->activation)) {
        finish.activation = NULL;
    }
    return finish;
}

void
depthwise_planes(const depthwise_t *self, const depthwise_range_t *range,
                 const conv_end_t *end, float *y, const float *x,
                 const float *packed, float *scratch)
{
    const window_t *w = &self->window;
    size_t in = (size_t)w->height * (size_t)w->width;
    size_t out = (size_t)w->out_height * (size_t)w->out_width;
    size_t taps = (size_t)w->kernel_y * (size_t)w->kernel_x;
    memset(scratch, 0, depthwise_scratch_floats(self) * sizeof *scratch);
    for (size_t i = 0; i < range->planes; i++) {
        size_t p = range->first + i;
        const float *plane = x + p / range->multiplier * in;
        block_t block = {
            .self = self, .filter = packed + p * taps, .bias = end->bias[p]};
        finish_t finish = s_finish(&block, end, p * out);
        for (int first = 0; first < w->out_height; first += self->band) {
            int rows = w->out_height - first;
            rows = rows < self->band ? rows : self->band;
            s_fill(self, scratch, plane, first, rows);
            s_band(&block, &finish, y + p * out, scratch, first, rows,
                   (range->planes - i) * out);
        }
    }
}
