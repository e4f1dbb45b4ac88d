/* The block of sums that direct convolution is made of.
 *
 *   c[TILE_ROWS x columns] = start + A[TILE_ROWS x depth] B[depth x columns]
 *
 * columns are up to TILE_VECTORS vectors. A is a panel: the TILE_ROWS factors
 * of a step of depth one after the other. B is read in place: step k's row
 * begins at b + offsets[k], wherever that is and however it is aligned, so
 * that nothing needs to be copied together before it is multiplied. Every sum
 * is in order of depth, in one register.
 *
 * The sums fill three quarters of the registers; with the others they run at
 * 92 to 95 % of the multiply-add peak out of the first-level cache.
 */
#ifndef CONVOY_WORKER_KERNEL_TILE_H
#define CONVOY_WORKER_KERNEL_TILE_H

#include <stddef.h>

#include "worker/kernel/vector.h"

enum {
    TILE_ROWS = VECTOR_REGISTERS / 4,
    TILE_VECTORS = 3,
    TILE_COLUMNS = TILE_VECTORS * VECTOR_LANES,
};

typedef struct tile {
    size_t depth;
    const float *a;           /* depth x TILE_ROWS */
    const float *b;           /* whole vectors are read of each row */
    const ptrdiff_t *offsets; /* of the rows of B, in floats */
    const float *start;       /* a value a row of C; NULL: what c holds */
    float *c;                 /* whole vectors are written of each row */
    size_t c_stride;          /* floats from row to row */

    /* What is read later, fetched at each step of depth: from `ahead` on,
     * ahead_step bytes a step, and a line that far behind each row of B. */
    const char *ahead;
    size_t ahead_step;
    size_t b_ahead; /* floats; 0: none */

    /* The last sums of an element only. */
    const float *residual; /* is added, lies like c; or NULL */
    const float *bounds;   /* {low, high} that c is brought between, or NULL */
} tile_t;

/* Compute a tile of 1 <= vectors <= TILE_VECTORS. A NaN stays a NaN. */
void tile_multiply(const tile_t *tile, size_t vectors);

/* The same turned: sums[pixels][TILE_COLUMNS], of which the first vectors are
 * used, gain at each step k row k of the panel, TILE_COLUMNS floats, times
 * b[offsets[k] + i] for pixel i. */
typedef struct tile_turned {
    size_t depth;
    const float *panel;
    const float *b;
    const ptrdiff_t *offsets;
    float *sums;
    const char *ahead; /* is fetched, ahead_step bytes a step */
    size_t ahead_step;
    size_t b_ahead; /* floats behind each row of b that are fetched */
} tile_turned_t;

/* Compute a turned tile of any pixels, fast for 7 and 8. */
void tile_multiply_turned(const tile_turned_t *tile, size_t pixels,
                          size_t vectors);

#endif
