/* Matrix products on BLIS's micro-kernel, with our own packing and blocking.
 *
 *   C[rows x columns] = A[rows x depth] B[depth x columns]
 *
 * C's columns lie side by side in memory. The product is made of tiles; a tile
 * reads one panel of A and one of B:
 *
 *   panel: depth x stride floats, one step of depth after the other; the first
 *          `width` of each step are used, the rest and what lies past the
 *          matrix's edge is zero
 *   packed matrix: blocks of gemm_step() steps (the last one shorter), in each
 *          block the panels one after the other, each on a 64-byte border
 *
 * Every element of C is summed over depth in the same order, whatever its
 * place in a tile and however many rows and columns there are: the blocks
 * follow from the depth alone, so the bits depend on BLIS's micro-kernel only.
 * BLIS's own threads are never used: a micro-kernel is a plain function.
 */
#ifndef CONVOY_WORKER_KERNEL_GEMM_H
#define CONVOY_WORKER_KERNEL_GEMM_H

#include <stdbool.h>
#include <stddef.h>

enum {
    GEMM_DEPTH = 320,   /* most steps of depth summed in registers at a time */
    GEMM_SLACK = 256,   /* floats that may be read past the last panel */
    GEMM_WIDTH_MAX = 64 /* widest panel of any micro-kernel we accept */
};

/* How one operand of a product is packed. */
typedef struct gemm_side {
    int width;  /* rows (or columns) of C in a tile */
    int stride; /* floats a step of depth takes in a panel */
} gemm_side_t;

/* Choose BLIS's micro-kernel, the one of this CPU level unless the user has set
 * BLIS_ARCH_TYPE; before any other function here, and while there is no other
 * thread, as BLIS reads the environment. */
void gemm_init(void);

/* The panels of A and of B in this process. */
const gemm_side_t *gemm_rows(void);
const gemm_side_t *gemm_columns(void);

/* The micro-kernel's name: BLIS's architecture and the tile, "zen3-6x16". */
const char *gemm_name(void);

/* Panels that `count` rows or columns need. */
size_t gemm_panels(const gemm_side_t *side, size_t count);

/* Steps of depth of a block: as even as possible, so that no short block is
 * left over. */
size_t gemm_step(size_t depth);

/* Floats from one panel to the next in a block of `depth` steps. */
size_t gemm_panel_floats(const gemm_side_t *side, size_t depth);

/* Floats of a whole packed matrix, with the slack behind it: micro-kernels
 * fetch the next step before they know that there is none. */
size_t gemm_packed_floats(const gemm_side_t *side, size_t count, size_t depth);

/* Where the block that holds step `first` begins in a packed matrix; first is
 * a multiple of gemm_step(depth). */
size_t gemm_block_offset(const gemm_side_t *side, size_t count, size_t depth,
                         size_t first);

/* Pack at most GEMM_DEPTH steps of matrix[count x depth], element (i, k) at
 * i * item_stride + k * depth_stride, into the panels of one block. */
void gemm_pack_block(const gemm_side_t *side, const float *matrix,
                     size_t item_stride, size_t depth_stride, size_t count,
                     size_t depth, float *panels);

/* Pack a whole matrix, block after block. */
void gemm_pack(const gemm_side_t *side, const float *matrix, size_t item_stride,
               size_t depth_stride, size_t count, size_t depth, float *packed);

/* Pack items [first, first + some) of a matrix of `count`, into their places
 * in the whole: matrix points at the first of them, which is a multiple of the
 * side's width. So a large matrix need not be in memory twice. */
void gemm_pack_items(const gemm_side_t *side, const float *matrix,
                     size_t item_stride, size_t depth_stride, size_t first,
                     size_t some, size_t count, size_t depth, float *packed);

/* c[rows x columns] = (add ? c : 0) + panel of A x panel of B. rows and columns
 * may be fewer than the widths of the sides; c's rows are c_stride apart. */
void gemm_tile(size_t depth, const float *a, const float *b, float *c,
               size_t c_stride, size_t rows, size_t columns, bool add);

/* The same over a block of many panels: the loop around gemm_tile. */
void gemm_block(size_t depth, const float *a, const float *b, float *c,
                size_t c_stride, size_t rows, size_t columns, bool add);

#endif
