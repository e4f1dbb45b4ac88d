/* Pooling, a plane at a time: the rows of a padded band are joined, then the
 * columns of what comes out.
 *
 *   scratch: the band, its joined rows [outputs][row_floats], a row of factors
 */
#include "worker/kernel/pool.h"

#include <math.h>

#include "worker/kernel/vector.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = VECTOR_LANES, SUMS = 8 };

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

/* Vectors of the last row may reach behind it. */
static size_t
s_joined_floats(const pool_t *self)
{
    return (size_t)self->band.outputs * (size_t)self->band.row_floats + LANES;
}

size_t
pool_scratch_floats(const pool_t *self)
{
    if (!self->banded)
        return 0;
    return band_floats(&self->band) + s_joined_floats(self) +
           (size_t)self->band.window.out_width;
}

INLINE vector_t
s_join(join_t join, vector_t a, vector_t b)
{
    return join == SUM ? a + b : VECTOR_CHOOSE(a > b, a, b);
}

/* to[floats] from the rows x, x + step, ... */
INLINE void
s_join_rows(join_t join, int rows, float *to, const float *x, ptrdiff_t step,
            int floats)
{
    for (int i = 0; i < floats; i += LANES) {
        vector_t sum = vector_load(x + i);
        for (int k = 1; k < rows; k++)
            sum = s_join(join, sum, vector_load(x + k * step + i));
        vector_store(to + i, sum);
    }
}

/* In place: what is read lies at what is written or behind it. */
INLINE void
s_join_columns(join_t join, int taps, float *row, const int *columns, int count)
{
    for (int i = 0; i < count; i += LANES) {
        vector_t sum = vector_load(row + i);
        for (int l = 1; l < taps; l++)
            sum = s_join(join, sum, vector_load(row + columns[l] + i));
        vector_store(row + i, sum);
    }
}

/* All rows come before all columns, so that nothing is read that was just
 * written by vectors that lie otherwise, which takes long. */
INLINE void
s_join_band(join_t join, int kernel_y, int kernel_x, const band_t *band,
            float *joined, const float *scratch, int rows)
{
    const window_t *w = &band->window;
    ptrdiff_t floats = band->row_floats;
    for (int i = 0; i < rows; i++)
        s_join_rows(join, kernel_y, joined + i * floats,
                    scratch + i * w->stride_y * floats, floats * w->dilation_y,
                    band->row_floats);
    for (int i = 0; i < rows; i++)
        s_join_columns(join, kernel_x, joined + i * floats, band->columns,
                       w->out_width);
}

static int
s_rows_of_band(const band_t *band, int first)
{
    int left = band->window.out_height - first;
    return left < band->outputs ? left : band->outputs;
}

/* Padding never wins, and counts for nothing in a sum. */
INLINE void
s_band(join_t join, const pool_t *self, float *joined, float *scratch,
       const float *x, int first, int rows)
{
    const band_t *band = &self->band;
    band_fill(band, scratch, x, first, rows, join == SUM ? 0.0f : -INFINITY);
    /* The frequent windows have loops of their own. */
    int kernel = band->window.kernel_y == band->window.kernel_x
                     ? band->window.kernel_y
                     : 0;
    if (kernel == 2)
        s_join_band(join, 2, 2, band, joined, scratch, rows);
    else if (kernel == 3)
        s_join_band(join, 3, 3, band, joined, scratch, rows);
    else
        s_join_band(join, band->window.kernel_y, band->window.kernel_x, band,
                    joined, scratch, rows);
}
static bool
s_has_none(const float *x, size_t count)
{
    int none = 0;
    for (size_t i = 0; i < count; i++)
        none |= x[i] != x[i];
    return none != 0;
}

static void
s_max_banded(const pool_t *self, float *y, const float *x, float *scratch)
{
    const band_t *band = &self->band;
    const window_t *w = &band->window;
    float *joined = scratch + band_floats(band);
    for (int first = 0; first < w->out_height; first += band->outputs) {
        int rows = s_rows_of_band(band, first);
        s_band(LARGER, self, joined, scratch, x, first, rows);
        for (int i = 0; i < rows; i++, y += w->out_width)
            band_copy_row(y, joined + (ptrdiff_t)i * band->row_floats,
                          w->out_width);
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
    size_t in = (size_t)w->height * (size_t)w->width;
    if (self->banded)
        band_clear(&self->band, scratch, -INFINITY);
    for (size_t p = 0; p < planes; p++, x += in) {
        if (self->banded && !s_has_none(x, in))
            s_max_banded(self, y, x, scratch);
        else
            s_max_plainly(w, y, x);
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
s_average_banded(const pool_t *self, bool count_padding, float *y,
                 const float *x, float *scratch)
{
    const band_t *band = &self->band;
    const window_t *w = &band->window;
    float *joined = scratch + band_floats(band);
    float *factors = joined + s_joined_floats(self);
    int last = -1; /* rows that the factors are for */
    for (int first = 0; first < w->out_height; first += band->outputs) {
        int rows = s_rows_of_band(band, first);
        s_band(SUM, self, joined, scratch, x, first, rows);
        for (int i = 0; i < rows; i++, y += w->out_width) {
            int counted = s_counted(w->kernel_y, w->dilation_y,
                                    (first + i) * w->stride_y - w->pad_top,
                                    w->height, w->pad_bottom, count_padding);
            if (counted != last)
                s_set_factors(w, count_padding, last = counted, factors);
            const float *sums = joined + (ptrdiff_t)i * band->row_floats;
            for (int j = 0; j < w->out_width; j++)
                y[j] = sums[j] * factors[j];
        }
    }
}

void
pool_average(const pool_t *self, bool count_padding, float *y, const float *x,
             size_t planes, float *scratch)
{
    const window_t *w = &self->band.window;
    if (self->banded)
        band_clear(&self->band, scratch, 0.0f);
    for (size_t p = 0; p < planes; p++) {
        if (self->banded)
            s_average_banded(self, count_padding, y, x, scratch);
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
