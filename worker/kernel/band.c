/* A band of a plane: layout and filling. */
#include "worker/kernel/band.h"

#include <string.h>

#include "worker/kernel/phases.h"
#include "worker/kernel/vector.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    LANES = VECTOR_LANES,
    ALIGNMENT = 16,
    BAND_FLOATS = 6144, /* half of the first-level cache */
    SCRATCH_FLOATS_MAX = 1 << 24,
    COPIES_MAX = 32, /* of a plane, for each row of the window */
};

static size_t
s_inputs(const window_t *w, int rows)
{
    return ((size_t)rows - 1) * (size_t)w->stride_y +
           ((size_t)w->kernel_y - 1) * (size_t)w->dilation_y + 1;
}

static int
s_larger(int a, int b)
{
    return a > b ? a : b;
}

/* Whether filling the bands of a plane costs no more than it should: where a
 * dilation or a stride is large, they are mostly what no window sees. */
static bool
s_is_worth_copying(const band_t *self)
{
    const window_t *w = &self->window;
    double pixels =
        (double)w->height * w->width + (double)w->out_height * w->out_width;
    double bands = ((double)w->out_height + self->outputs - 1) / self->outputs;
    return bands * self->inputs * self->row_floats <=
           BAND_FLOATS + COPIES_MAX * w->kernel_y * pixels;
}

/* As many rows as fit into a band, at least those of one block. */
static bool
s_init_rows(band_t *self)
{
    const window_t *w = &self->window;
    size_t row = (size_t)self->row_floats;
    self->outputs = self->rows;
    while (self->outputs < w->out_height &&
           s_inputs(w, self->outputs + self->rows) * row <= BAND_FLOATS)
        self->outputs += self->rows;
    size_t inputs = s_inputs(w, self->outputs);
    self->inputs = (int)inputs;
    return inputs <= SCRATCH_FLOATS_MAX / row && s_is_worth_copying(self);
}

/* Where a column of the padded plane lies in a row of scratch. */
static int
s_place(const band_t *self, int column)
{
    int stride = self->window.stride_x;
    return column % stride * self->phase_floats + column / stride;
}

bool
band_init(band_t *self, const window_t *w, int rows)
{
    *self = (band_t){.window = *w, .rows = rows};
    if (w->kernel_x > BAND_COLUMNS_MAX)
        return false;
    int reach = (w->kernel_x - 1) * w->dilation_x / w->stride_x;
    int used = s_larger(w->out_width, LANES) + reach;
    int filled = (w->pad_left + w->width - 1) / w->stride_x + 1;
    self->phase_floats =
        (s_larger(used, filled) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (self->phase_floats > SCRATCH_FLOATS_MAX / w->stride_x)
        return false;
    self->row_floats = self->phase_floats * w->stride_x;
    for (int l = 0; l < w->kernel_x; l++)
        self->columns[l] = s_place(self, l * w->dilation_x);
    for (int x = 0; x < 2; x++)
        self->starts[x] = s_place(self, w->pad_left + x);
    return s_init_rows(self);
}

size_t
band_floats(const band_t *self)
{
    return (size_t)self->inputs * (size_t)self->row_floats + LANES;
}

static void
s_set(float *to, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        to[i] = value;
}

void
band_clear(const band_t *self, float *scratch, float padding)
{
    s_set(scratch, band_floats(self), padding);
}

/* A row is cut into equal pieces, the largest of some sizes that it has; the
 * last piece ends with the row and repeats what lies in the one before. So
 * short rows take a few vectors and no loop over single floats. */
INLINE int
s_piece(int at, int count, int size)
{
    return at + size > count ? count - size : at;
}

INLINE void
s_copy(float *restrict to, const float *restrict from, int count, int size)
{
    for (int i = 0; i < count; i += size) {
        int at = s_piece(i, count, size);
        memcpy(to + at, from + at, (size_t)size * sizeof *to);
    }
}

void
band_copy_row(float *to, const float *from, int count)
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

typedef float four_t __attribute__((vector_size(16), aligned(4), may_alias));
typedef float eight_t __attribute__((vector_size(32), aligned(4), may_alias));

/* `size` pairs parted. */
INLINE void
s_part_piece(float *evens, float *odds, const float *from, int size)
{
    if (size == LANES) {
        vector_t halves[2];
        phases_split_2(halves, vector_load(from), vector_load(from + LANES));
        vector_store(evens, halves[0]);
        vector_store(odds, halves[1]);
    } else if (size == 8) {
        const eight_t *x = (const eight_t *)(const void *)from;
        *(eight_t *)(void *)evens =
            __builtin_shufflevector(x[0], x[1], 0, 2, 4, 6, 8, 10, 12, 14);
        *(eight_t *)(void *)odds =
            __builtin_shufflevector(x[0], x[1], 1, 3, 5, 7, 9, 11, 13, 15);
    } else if (size == 4) {
        const four_t *x = (const four_t *)(const void *)from;
        *(four_t *)(void *)evens =
            __builtin_shufflevector(x[0], x[1], 0, 2, 4, 6);
        *(four_t *)(void *)odds =
            __builtin_shufflevector(x[0], x[1], 1, 3, 5, 7);
    } else {
        *evens = from[0];
        *odds = from[1];
    }
}

INLINE void
s_part(float *evens, float *odds, const float *from, int pairs, int size)
{
    for (int i = 0; i < pairs; i += size) {
        int at = s_piece(i, pairs, size);
        s_part_piece(evens + at, odds + at, from + (ptrdiff_t)2 * at, size);
    }
}

/* Pairs, of which the first goes one way, the second another. */
static void
s_part_row(float *evens, float *odds, const float *from, int count)
{
    int pairs = count / 2;
    if (pairs >= LANES)
        s_part(evens, odds, from, pairs, LANES);
    else if (pairs >= 8)
        s_part(evens, odds, from, pairs, 8);
    else if (pairs >= 4)
        s_part(evens, odds, from, pairs, 4);
    else
        s_part(evens, odds, from, pairs, 1);
    if (count % 2 != 0)
        evens[pairs] = from[count - 1];
}

void
band_fill_row(const band_t *self, float *to, const float *from)
{
    const window_t *w = &self->window;
    int stride = w->stride_x;
    if (stride == 1)
        band_copy_row(to + self->starts[0], from, w->width);
    else if (stride == 2)
        s_part_row(to + self->starts[0], to + self->starts[1], from, w->width);
    else
        for (int x = 0; x < w->width; x++)
            to[s_place(self, w->pad_left + x)] = from[x];
}

/* A row narrower than a vector, and what the vector wrote behind it made
 * padding again; that may reach the next row's, or what is written there later.
 */
INLINE void
s_fill_narrow(float *to, const float *from, int width, vector_t padding)
{
    vector_store(to, vector_load(from));
    vector_store(to + width, padding);
}

void
band_fill(const band_t *self, float *scratch, const float *plane,
          const float *end, int first, int rows, float padding)
{
    const window_t *w = &self->window;
    int inputs = (int)s_inputs(w, s_larger(rows, self->rows));
    int y = first * w->stride_y - w->pad_top;
    bool narrow = w->stride_x == 1 && w->width < LANES;
    for (int i = 0; i < inputs; i++, y++) {
        float *to = scratch + (ptrdiff_t)i * self->row_floats;
        const float *from = plane + (ptrdiff_t)y * w->width;
        if (y >= 0 && y < w->height) {
            if (narrow && end - from >= LANES)
                s_fill_narrow(to + self->starts[0], from, w->width,
                              vector_all(padding));
            else
                band_fill_row(self, to, from);
        } else if (self->outputs < w->out_height) {
            s_set(to, (size_t)self->row_floats, padding);
        }
    }
}
