/* Transposed convolution: products of packed panels, spread row by row. */
#include "worker/kernel/conv_transpose.h"

#include "worker/kernel/gemm.h"

/* Part of P: rows [first, end), pixels [pixel, pixel + pixels); the rows lie
 * CONV_TRANSPOSE_PIXELS rounded up apart. */
typedef struct part {
    size_t first, end;
    size_t pixel, pixels;
} part_t;

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Pixels rounded up to whole panels. */
static size_t
s_columns(size_t pixels)
{
    const gemm_side_t *side = gemm_columns();
    return gemm_panels(side, pixels) * (size_t)side->width;
}

void
conv_transpose_init(conv_transpose_t *self, const window_t *window,
                    size_t channels_in, size_t channels_out)
{
    size_t taps = (size_t)window->kernel_y * (size_t)window->kernel_x;
    size_t width = (size_t)gemm_rows()->width;
    *self = (conv_transpose_t){
        .window = *window,
        .channels_in = channels_in,
        .channels_out = channels_out,
        .taps = taps,
        .rows = channels_out * taps,
        .rows_multiple = width,
    };
    self->weights_floats =
        gemm_packed_floats(gemm_rows(), self->rows, channels_in) - GEMM_SLACK;
    /* Rows are multiplied by whole panels, begun ones included. */
    self->scratch_floats =
        gemm_packed_floats(gemm_columns(), CONV_TRANSPOSE_PIXELS, GEMM_DEPTH) +
        (CONV_TRANSPOSE_ROWS + 2 * width) * s_columns(CONV_TRANSPOSE_PIXELS);
}

void
conv_transpose_pack(const conv_transpose_t *self, const float *weights,
                    size_t first, size_t some, float *packed)
{
    gemm_pack_items(gemm_rows(), weights, 1, some, first, some, self->rows,
                    self->channels_in, packed);
}

/* The inputs whose output origin + i * stride lies in [0, size). */
static void
s_reaching(int origin, int stride, int inputs, int size, int *first, int *end)
{
    int low = origin >= 0 ? 0 : (-origin + stride - 1) / stride;
    int high = origin >= size ? 0 : (size - 1 - origin) / stride + 1;
    *end = high < inputs ? high : inputs;
    *first = low < *end ? low : *end;
}

static void
s_add_row(float *restrict y, const float *restrict products, int stride,
          int count)
{
    if (stride == 1)
        for (int j = 0; j < count; j++)
            y[j] += products[j];
    else if (stride == 2)
        for (int j = 0; j < count; j++)
            y[2 * j] += products[j];
    else
        for (int j = 0; j < count; j++)
            y[(ptrdiff_t)j * stride] += products[j];
}

/* Add one row of P, whose first product is that of part->pixel, to a plane. */
static void
s_spread(const window_t *w, const part_t *part, size_t tap, float *y,
         const float *products)
{
    int top = (int)(tap / (size_t)w->kernel_x) * w->dilation_y - w->pad_top;
    int left = (int)(tap % (size_t)w->kernel_x) * w->dilation_x - w->pad_left;
    int i0, i1, j0, j1;
    s_reaching(top, w->stride_y, w->height, w->out_height, &i0, &i1);
    s_reaching(left, w->stride_x, w->width, w->out_width, &j0, &j1);

    size_t width = (size_t)w->width, last = part->pixel + part->pixels - 1;
    int first_row = (int)(part->pixel / width), last_row = (int)(last / width);
    int first_column = (int)(part->pixel % width);
    int last_column = (int)(last % width);
    for (int i = i0 > first_row ? i0 : first_row; i < i1 && i <= last_row;
         i++) {
        int from = i == first_row && first_column > j0 ? first_column : j0;
        int to = i == last_row && last_column < j1 ? last_column + 1 : j1;
        ptrdiff_t at = ((ptrdiff_t)i - first_row) * w->width - first_column;
        s_add_row(y + (ptrdiff_t)(top + i * w->stride_y) * w->out_width + left +
                      (ptrdiff_t)from * w->stride_x,
                  products + at + from, w->stride_x, to - from);
    }
}

/* products[whole panels of rows][columns] of the part, over all the depth. */
static void
s_multiply(const conv_transpose_t *self, const part_t *part, const float *x,
           const float *packed, float *panels, float *products)
{
    const gemm_side_t *side = gemm_rows();
    const window_t *w = &self->window;
    size_t plane = (size_t)w->height * (size_t)w->width;
    size_t width = self->rows_multiple, panel = part->first / width;
    size_t rows = gemm_panels(side, part->end) * width - panel * width;
    size_t depth = self->channels_in, step = gemm_step(depth);
    for (size_t k = 0; k < depth; k += step) {
        size_t steps = s_smaller(step, depth - k);
        gemm_pack_block(gemm_columns(), x + k * plane + part->pixel, 1, plane,
                        part->pixels, steps, panels);
        gemm_block(steps,
                   packed + gemm_block_offset(side, self->rows, depth, k) +
                       panel * gemm_panel_floats(side, steps),
                   panels, products, s_columns(CONV_TRANSPOSE_PIXELS), rows,
                   s_columns(part->pixels), k > 0);
    }
}

void
conv_transpose(const conv_transpose_t *self, size_t first, size_t channels,
               const float *bias, float *y, const float *x, const float *packed,
               float *scratch)
{
    const window_t *w = &self->window;
    size_t outputs = (size_t)w->out_height * (size_t)w->out_width;
    size_t inputs = (size_t)w->height * (size_t)w->width;
    size_t columns = s_columns(CONV_TRANSPOSE_PIXELS), taps = self->taps;
    float *panels = scratch;
    float *products =
        scratch +
        gemm_packed_floats(gemm_columns(), CONV_TRANSPOSE_PIXELS, GEMM_DEPTH);
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < outputs; i++)
            y[c * outputs + i] = bias[c];

    size_t begin = first * taps, end = (first + channels) * taps;
    for (size_t pixel = 0; pixel < inputs; pixel += CONV_TRANSPOSE_PIXELS)
        for (size_t row = begin; row < end; row += CONV_TRANSPOSE_ROWS) {
            part_t part = {row, s_smaller(end, row + CONV_TRANSPOSE_ROWS),
                           pixel,
                           s_smaller(CONV_TRANSPOSE_PIXELS, inputs - pixel)};
            s_multiply(self, &part, x, packed, panels, products);
            size_t top = row / self->rows_multiple * self->rows_multiple;
            for (size_t r = row; r < part.end; r++)
                s_spread(w, &part, r % taps, y + (r / taps - first) * outputs,
                         products + (r - top) * columns);
        }
}
