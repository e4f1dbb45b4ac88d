/* The block of sums that direct convolution is made of. */
#include "worker/kernel/tile.h"

#include <assert.h>

#define ROWS _Pragma("GCC unroll 8") for (size_t i = 0; i < TILE_ROWS; i++)
#define VECTORS _Pragma("GCC unroll 3") for (size_t j = 0; j < vectors; j++)

enum { LINE = 16 /* floats */, PIXELS_MAX = 8 };

#define PIXELS _Pragma("GCC unroll 8") for (size_t i = 0; i < pixels; i++)

typedef vector_t sums_t[TILE_ROWS][TILE_VECTORS];

/* `vectors` is a constant wherever this is inlined, so that the sums stay in
 * registers. */
static inline __attribute__((always_inline)) void
s_multiply(const tile_t *tile, size_t vectors)
{
    const float *a = tile->a;
    const char *ahead = tile->ahead;
    size_t ahead_step = tile->ahead_step, b_ahead = tile->b_ahead;
    sums_t sums;
    ROWS for (size_t j = 0; j < vectors * VECTOR_LANES; j += LINE)
        __builtin_prefetch(tile->c + i * tile->c_stride + j, 1);
    ROWS VECTORS sums[i][j] =
        tile->start
            ? vector_all(tile->start[i])
            : vector_load(tile->c + i * tile->c_stride + j * VECTOR_LANES);
    for (size_t k = 0; k < tile->depth; k++, a += TILE_ROWS) {
        const float *b = tile->b + tile->offsets[k];
        __builtin_prefetch(ahead);
        __builtin_prefetch(b + b_ahead);
        ahead += ahead_step;
        vector_t row[TILE_VECTORS];
        VECTORS row[j] = vector_load(b + j * VECTOR_LANES);
        ROWS VECTORS sums[i][j] += a[i] * row[j];
    }
    if (tile->residual)
        ROWS VECTORS sums[i][j] +=
            vector_load(tile->residual + i * tile->c_stride + j * VECTOR_LANES);
    if (tile->bounds) {
        vector_t low = vector_all(tile->bounds[0]);
        vector_t high = vector_all(tile->bounds[1]);
        ROWS VECTORS sums[i][j] = vector_between(sums[i][j], low, high);
    }
    ROWS VECTORS vector_store(tile->c + i * tile->c_stride + j * VECTOR_LANES,
                              sums[i][j]);
}

void
tile_multiply(const tile_t *tile, size_t vectors)
{
    assert(vectors >= 1 && vectors <= TILE_VECTORS);
    if (vectors == 3)
        s_multiply(tile, 3);
    else if (vectors == 2)
        s_multiply(tile, 2);
    else
        s_multiply(tile, 1);
}

static inline __attribute__((always_inline)) void
s_multiply_turned(const tile_turned_t *tile, size_t pixels, size_t vectors)
{
    const float *panel = tile->panel;
    const char *ahead = tile->ahead;
    size_t ahead_step = tile->ahead_step, b_ahead = tile->b_ahead;
    vector_t sums[PIXELS_MAX][TILE_VECTORS];
    PIXELS VECTORS sums[i][j] =
        vector_load(tile->sums + i * TILE_COLUMNS + j * VECTOR_LANES);
    for (size_t k = 0; k < tile->depth; k++, panel += TILE_COLUMNS) {
        const float *b = tile->b + tile->offsets[k];
        vector_t row[TILE_VECTORS];
        __builtin_prefetch(ahead);
        __builtin_prefetch(b + b_ahead);
        ahead += ahead_step;
        VECTORS row[j] = vector_load(panel + j * VECTOR_LANES);
        PIXELS VECTORS sums[i][j] += b[i] * row[j];
    }
    PIXELS VECTORS vector_store(
        tile->sums + i * TILE_COLUMNS + j * VECTOR_LANES, sums[i][j]);
}

static inline __attribute__((always_inline)) void
s_turned(const tile_turned_t *tile, size_t pixels, size_t vectors)
{
    if (vectors == 3)
        s_multiply_turned(tile, pixels, 3);
    else if (vectors == 2)
        s_multiply_turned(tile, pixels, 2);
    else
        s_multiply_turned(tile, pixels, 1);
}

void
tile_multiply_turned(const tile_turned_t *tile, size_t pixels, size_t vectors)
{
    assert(vectors >= 1 && vectors <= TILE_VECTORS);
    if (pixels == 8 || pixels == 7) {
        if (pixels == 8)
            s_turned(tile, 8, vectors);
        else
            s_turned(tile, 7, vectors);
        return;
    }
    tile_turned_t one = *tile;
    for (size_t i = 0; i < pixels; i++, one.b++, one.sums += TILE_COLUMNS)
        s_turned(&one, 1, vectors);
}
