/* Pooling, a plane at a time: the rows of a window are joined first, then the
 * columns of what comes out, padded and dealt out as a band is.
 *
 *   scratch: joined rows of a band, a row of outputs, factors of a row of
 *            outputs, a row before it is padded, rows of a narrow plane
 */
#include "worker/kernel/pool.h"

#include <math.h>
#include <string.h>

#include "worker/kernel/vector.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = VECTOR_LANES, SUMS = 8, ALIGNMENT = 16 };

/* How two values are joined; a constant where loops are inlined. */
typedef enum join { LARGER, SUM } join_t;

/* True if the larger of the two, or the one that is no number, is b. */
static bool
s_wins(float a, float b)
{
    return b > a || b != b;
}

static float
s_max_of(const window_t *w, const float *x, int top, int left)
{
    int y0, y1, x0, x1;
    window_taps(top, w->dilation_y, w->kernel_y, w->height, &y0, &y1);
    window_taps(left, w->dilation_x, w->kernel_x, w->width, &x0, &x1);
    float best = -INFINITY;
    for (int i = y0; i < y1; i++) {
        const float *row = x + (ptrdiff_t)(top + i * w->dilation_y) * w->width;
        for (int j = x0; j < x1; j++) {
            float v = row[left + j * w->dilation_x];
            best = s_wins(best, v) ? v : best;
        }
    }
    return best;
}

void
pool_init(pool_t *self, const window_t *window)
{
    self->banded = band_init(&self->band, window, 1);
    self->band.window = *window;
}

/* The parts of scratch, and where the planes end. */
typedef struct parts {
    float *joined; /* rows of a band; vectors may reach behind the last one */
    float *outputs;
    float *factors;
    float *row;
    float *copy;
    const float *x_end, *y_end;
} parts_t;

static size_t
s_aligned(size_t floats)
{
    return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t
s_joined_floats(const pool_t *self)
{
    return s_aligned(band_floats(&self->band) + LANES);
}

/* Of a row, and what a vector may reach behind it. */
static size_t
s_row_floats(int width)
{
    return s_aligned((size_t)width + LANES);
}

static parts_t
s_parts(const pool_t *self, float *scratch, const float *y, const float *x,
        size_t planes)
{
    const window_t *w = &self->band.window;
    parts_t parts = {
        .joined = scratch,
        .x_end = x + planes * (size_t)w->height * (size_t)w->width,
        .y_end = y + planes * (size_t)w->out_height * (size_t)w->out_width,
    };
    parts.outputs = parts.joined + s_joined_floats(self);
    parts.factors = parts.outputs + s_row_floats(w->out_width);
    parts.row = parts.factors + s_row_floats(w->out_width);
    parts.copy = parts.row + s_row_floats(w->width);
    return parts;
}

size_t
pool_scratch_floats(const pool_t *self)
{
    const window_t *w = &self->band.window;
    if (!self->banded)
        return 0;
    size_t copy = w->width < LANES ? (size_t)self->band.inputs * LANES : 0;
    return s_joined_floats(self) + 2 * s_row_floats(w->out_width) +
           s_row_floats(w->width) + copy + LANES;
}

INLINE vector_t
s_join(join_t join, vector_t a, vector_t b)
{
    return join == SUM ? a + b : VECTOR_CHOOSE((b > a) | (b != b), b, a);
}

/* Padding never wins, and counts for nothing in a sum. */
INLINE float
s_padding(join_t join)
{
    return join == SUM ? 0.0f : -INFINITY;
}

/* Where a vector of a row begins: the last one ends with the row. */
INLINE int
s_at(int i, int count)
{
    return i + LANES > count && count >= LANES ? count - LANES : i;
}

/* to[count] from `rows` rows of x, a step apart. */
INLINE void
s_join_rows(join_t join, int rows, float *to, const float *x, ptrdiff_t step,
            int count)
{
    for (int i = 0; i < count; i += LANES) {
        int at = s_at(i, count);
        vector_t sum = vector_load(x + at);
        for (int k = 1; k < rows; k++)
            sum = s_join(join, sum, vector_load(x + k * step + at));
        vector_store(to + at, sum);
    }
}

/* to[count] from columns of a padded row. */
INLINE void
s_join_columns(join_t join, int taps, float *to, const float *row,
               const int *columns, const float *factors, int count)
{
    for (int i = 0; i < count; i += LANES) {
        int at = s_at(i, count);
        vector_t sum = vector_load(row + at);
        for (int l = 1; l < taps; l++)
            sum = s_join(join, sum, vector_load(row + columns[l] + at));
        if (join == SUM)
            sum *= vector_load(factors + at);
        vector_store(to + at, sum);
    }
}

/* The frequent numbers of rows have loops of their own. */
INLINE void
s_join_some(join_t join, int rows, float *to, const float *x, ptrdiff_t step,
            int count)
{
    if (rows == 3)
        s_join_rows(join, 3, to, x, step, count);
    else if (rows == 2)
        s_join_rows(join, 2, to, x, step, count);
    else if (rows > 0)
        s_join_rows(join, rows, to, x, step, count);
    else
        for (int i = 0; i < count; i++)
            to[i] = s_padding(join);
}

/* A joined row is padded. Where it needs no dealing out it is joined in its
 * place; what a vector wrote behind it becomes padding again, which at most
 * reaches the padding of the next row and what is written there later. */
INLINE void
s_join_row(join_t join, int rows, const band_t *band, float *to, float *row,
           const float *x)
{
    const window_t *w = &band->window;
    ptrdiff_t step = (ptrdiff_t)w->dilation_y * w->width;
    if (w->stride_x == 1) {
        to += band->starts[0];
        s_join_some(join, rows, to, x, step, w->width);
        if (w->width < LANES)
            vector_store(to + w->width, vector_all(s_padding(join)));
    } else {
        s_join_some(join, rows, row, x, step, w->width);
        band_fill_row(band, to, row);
    }
}

/* The rows that a band sees of a plane, copied so that a vector may reach
 * behind them; as if the plane lay there. */
static const float *
s_copy_rows(const band_t *band, float *copy, const float *x, int first,
            int rows)
{
    const window_t *w = &band->window;
    int top = first * w->stride_y - w->pad_top;
    int end =
        top + (rows - 1) * w->stride_y + (w->kernel_y - 1) * w->dilation_y + 1;
    top = top < 0 ? 0 : top;
    end = end > w->height ? w->height : end;
    if (end > top)
        memcpy(copy, x + (ptrdiff_t)top * w->width,
               (size_t)(end - top) * (size_t)w->width * sizeof *copy);
    return copy - (ptrdiff_t)top * w->width;
}

/* Joined rows of the outputs [first, first + rows). */
INLINE void
s_join_band(join_t join, const band_t *band, const parts_t *parts,
            const float *x, int first, int rows)
{
    const window_t *w = &band->window;
    ptrdiff_t plane = (ptrdiff_t)w->height * w->width;
    if (w->width < LANES && parts->x_end - x < plane + LANES)
        x = s_copy_rows(band, parts->copy, x, first, rows);
    for (int i = 0; i < rows; i++) {
        int top = (first + i) * w->stride_y - w->pad_top;
        int begin = 0, end = w->kernel_y;
        if (top < 0 || top + (end - 1) * w->dilation_y >= w->height)
            window_taps(top, w->dilation_y, w->kernel_y, w->height, &begin,
                        &end);
        s_join_row(join, end - begin, band,
                   parts->joined + (ptrdiff_t)i * band->row_floats, parts->row,
                   x + (ptrdiff_t)(top + begin * w->dilation_y) * w->width);
    }
}

/* A row of outputs. Where it is narrower than a vector it overlaps the next
 * one, written later, but must not reach behind the planes. */
INLINE void
s_outputs(join_t join, const band_t *band, const parts_t *parts, float *y,
          const float *row)
{
    int width = band->window.out_width, taps = band->window.kernel_x;
    bool apart = width < LANES && parts->y_end - y < LANES;
    float *to = apart ? parts->outputs : y;
    if (taps == 3)
        s_join_columns(join, 3, to, row, band->columns, parts->factors, width);
    else if (taps == 2)
        s_join_columns(join, 2, to, row, band->columns, parts->factors, width);
    else
        s_join_columns(join, taps, to, row, band->columns, parts->factors,
                       width);
    if (apart)
        band_copy_row(y, to, width);
}

static int
s_rows_of_band(const band_t *band, int first)
{
    int left = band->window.out_height - first;
    return left < band->outputs ? left : band->outputs;
}

/* All rows of a band come before all columns, so that nothing is read that was
 * just written by vectors that lie otherwise, which takes long. */
static void
s_max_banded(const band_t *band, const parts_t *parts, float *y, const float *x)
{
    const window_t *w = &band->window;
    for (int first = 0; first < w->out_height; first += band->outputs) {
        int rows = s_rows_of_band(band, first);
        s_join_band(LARGER, band, parts, x, first, rows);
        for (int i = 0; i < rows; i++, y += w->out_width)
            s_outputs(LARGER, band, parts, y,
                      parts->joined + (ptrdiff_t)i * band->row_floats);
    }
}

static void
s_max_plainly(const window_t *w, float *y, const float *x)
{
    for (int i = 0; i < w->out_height; i++)
        for (int j = 0; j < w->out_width; j++)
            *y++ = s_max_of(w, x, i * w->stride_y - w->pad_top,
                            j * w->stride_x - w->pad_left);
}

void
pool_max(const pool_t *self, float *y, const float *x, size_t planes,
         float *scratch)
{
    const window_t *w = &self->band.window;
    parts_t parts = s_parts(self, scratch, y, x, planes);
    if (self->banded)
        band_clear(&self->band, parts.joined, -INFINITY);
    for (size_t p = 0; p < planes; p++) {
        if (self->banded)
            s_max_banded(&self->band, &parts, y, x);
        else
            s_max_plainly(w, y, x);
        x += (ptrdiff_t)w->height * w->width;
        y += (ptrdiff_t)w->out_height * w->out_width;
    }
}

/* How many taps of one axis count: those inside, or with the padding those
 * before its end. */
static int
s_counted(int kernel, int dilation, int origin, int size, int pad_after,
          bool count_padding)
{
    int first, end;
    if (!count_padding) {
        window_taps(origin, dilation, kernel, size, &first, &end);
        return end - first;
    }
    int within = origin >= size + pad_after
                     ? 0
                     : (size + pad_after - 1 - origin) / dilation + 1;
    return within < kernel ? within : kernel;
}

static float
s_sum_of(const window_t *w, const float *x, int top, int left)
{
    int y0, y1, x0, x1;
    window_taps(top, w->dilation_y, w->kernel_y, w->height, &y0, &y1);
    window_taps(left, w->dilation_x, w->kernel_x, w->width, &x0, &x1);
    float sum = 0.0f;
    for (int i = y0; i < y1; i++) {
        const float *row = x + (ptrdiff_t)(top + i * w->dilation_y) * w->width;
        for (int j = x0; j < x1; j++)
            sum += row[left + j * w->dilation_x];
    }
    return sum;
}

static void
s_average_plainly(const window_t *w, bool count_padding, float *y,
                  const float *x)
{
    for (int i = 0; i < w->out_height; i++) {
        int top = i * w->stride_y - w->pad_top;
        int rows = s_counted(w->kernel_y, w->dilation_y, top, w->height,
                             w->pad_bottom, count_padding);
        for (int j = 0; j < w->out_width; j++) {
            int left = j * w->stride_x - w->pad_left;
            int count = rows * s_counted(w->kernel_x, w->dilation_x, left,
                                         w->width, w->pad_right, count_padding);
            *y++ = count > 0 ? s_sum_of(w, x, top, left) / (float)count : 0.0f;
        }
    }
}

/* Factors of the outputs of one row, whose windows have `rows` rows. */
static void
s_set_factors(const window_t *w, bool count_padding, int rows, float *factors)
{
    for (int j = 0; j < w->out_width; j++) {
        int columns =
            s_counted(w->kernel_x, w->dilation_x, j * w->stride_x - w->pad_left,
                      w->width, w->pad_right, count_padding);
        factors[j] = rows * columns > 0 ? 1.0f / (float)(rows * columns) : 0.0f;
    }
}

static void
s_average_banded(const band_t *band, const parts_t *parts, bool count_padding,
                 float *y, const float *x)
{
    const window_t *w = &band->window;
    int known = -1; /* rows that the factors are for */
    for (int first = 0; first < w->out_height; first += band->outputs) {
        int rows = s_rows_of_band(band, first);
        s_join_band(SUM, band, parts, x, first, rows);
        for (int i = 0; i < rows; i++, y += w->out_width) {
            int counted = s_counted(w->kernel_y, w->dilation_y,
                                    (first + i) * w->stride_y - w->pad_top,
                                    w->height, w->pad_bottom, count_padding);
            if (counted != known)
                s_set_factors(w, count_padding, known = counted,
                              parts->factors);
            s_outputs(SUM, band, parts, y,
                      parts->joined + (ptrdiff_t)i * band->row_floats);
        }
    }
}

void
pool_average(const pool_t *self, bool count_padding, float *y, const float *x,
             size_t planes, float *scratch)
{
    const window_t *w = &self->band.window;
    parts_t parts = s_parts(self, scratch, y, x, planes);
    if (self->banded)
        band_clear(&self->band, parts.joined, 0.0f);
    for (size_t p = 0; p < planes; p++) {
        if (self->banded)
            s_average_banded(&self->band, &parts, count_padding, y, x);
        else
            s_average_plainly(w, count_padding, y, x);
        x += (ptrdiff_t)w->height * w->width;
        y += (ptrdiff_t)w->out_height * w->out_width;
    }
}

void
pool_mean(float *y, const float *x, size_t planes, size_t count)
{
    for (size_t p = 0; p < planes; p++) {
        double sums[SUMS] = {0.0};
        size_t i = 0;
        for (; i + SUMS <= count; i += SUMS)
            for (size_t lane = 0; lane < SUMS; lane++)
                sums[lane] += (double)x[i + lane];
        for (; i < count; i++)
            sums[0] += (double)x[i];
        double sum = 0.0;
        for (size_t lane = 0; lane < SUMS; lane++)
            sum += sums[lane];
        y[p] = (float)(sum / (double)count);
        x += count;
    }
}

void
pool_largest(float *y, const float *x, size_t planes, size_t count)
{
    for (size_t p = 0; p < planes; p++) {
        float best = -INFINITY;
        for (size_t i = 0; i < count; i++)
            best = s_wins(best, x[i]) ? x[i] : best;
        y[p] = best;
        x += count;
    }
}
