/* A band of a plane, padded, so that windows over it have no edges.
 *
 * Some rows of the plane are copied into scratch, with padding around them and,
 * for a stride, columns dealt out into phases: column c of the padded row lies
 * in phase c % stride_x at c / stride_x. There one tap of neighbouring outputs
 * is a row of neighbouring floats.
 *
 *   scratch[row][phase][column]
 *
 * A vector of outputs may be computed wherever it begins within the row of
 * outputs: what lies behind the last column is padding, too.
 */
#ifndef CONVOY_WORKER_KERNEL_BAND_H
#define CONVOY_WORKER_KERNEL_BAND_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kernel/window.h"

enum { BAND_COLUMNS_MAX = 64 }; /* of a window */

/* How a window is walked over; a value, borrowing nothing. */
typedef struct band {
    window_t window;
    int rows;         /* of outputs that are computed together */
    int outputs;      /* rows of outputs of a band, a multiple of that */
    int inputs;       /* rows of scratch */
    int phase_floats; /* from a phase to the next */
    int row_floats;   /* from a row of scratch to the next */
    int starts[2];    /* where the plane's columns 0 and 1 lie in a row */
    int columns[BAND_COLUMNS_MAX]; /* where the taps of one row lie */
} band_t;

/* False where the window is too wide, or bands would be too large or hold much
 * that no window sees. */
bool band_init(band_t *self, const window_t *window, int rows);

size_t band_floats(const band_t *self);

/* Make scratch ready for this padding, before the first filling. */
void band_clear(const band_t *self, float *scratch, float padding);

/* Fill scratch with what `rows` rows of outputs see, the first one being
 * `first`; at least with what self->rows of them see. From the plane on, floats
 * up to `end` may be read. */
void band_fill(const band_t *self, float *scratch, const float *plane,
               const float *end, int first, int rows, float padding);

/* One row of the plane, between its padding. */
void band_fill_row(const band_t *self, float *row, const float *from);

/* What memcpy does, for rows that are short. */
void band_copy_row(float *to, const float *from, int count);

#endif
