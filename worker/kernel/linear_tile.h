/* Tiles of a product of rows and a packed matrix: what stays in registers.
 *
 * A tile is up to LINEAR_TILE_ROWS rows times LINEAR_TILE_WIDTH columns, its
 * sums two vectors a row. A step of depth loads two vectors of the matrix and
 * broadcasts one element of each row from where the caller has it: there is
 * nothing to gain from packing rows, as the loads of a step take less time
 * than its multiply-adds.
 *
 * Each sum is a chain of multiply-adds over depth from zero, in every tile of
 * whatever height: bits do not depend on where a row lies.
 */
#ifndef CONVOY_WORKER_KERNEL_LINEAR_TILE_H
#define CONVOY_WORKER_KERNEL_LINEAR_TILE_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kernel/linear.h"
#include "worker/kernel/vector.h"

enum {
    LINEAR_TILE_ROWS = VECTOR_REGISTERS >= 32 ? 12 : 6,
    LINEAR_TILE_WIDTH = 2 * VECTOR_LANES,
    /* Vectors of a single row side by side, as many as hide the latency of an
     * addition; whole panels of them. */
    LINEAR_ROW_PANELS = 8 * VECTOR_LANES / LINEAR_WIDTH,
};

typedef struct linear_tile {
    float *sums; /* [rows][LINEAR_TILE_WIDTH], on a vector's border */
    linear_rows_t x;
    const float *panel; /* step k at k * LINEAR_WIDTH */
    size_t steps;
    bool add; /* to what sums hold, else write them */

    /* Bytes that will be read later: one is fetched each step. */
    const char *ahead;
    size_t ahead_step;
} linear_tile_t;

/* rows: 1..LINEAR_TILE_ROWS. */
void linear_tile(const linear_tile_t *tile, size_t rows);

/* One row times `panels` (1 or LINEAR_ROW_PANELS) neighbours, which are
 * panel_stride floats apart: sums[panels][LINEAR_WIDTH]. Fetches ahead by
 * itself. */
void linear_tile_row(const linear_tile_t *tile, size_t panels,
                     size_t panel_stride);

#endif
