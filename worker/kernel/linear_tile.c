/* Tiles of a product, in registers. */
#include "worker/kernel/linear_tile.h"

#include <assert.h>

enum {
    ROWS = LINEAR_TILE_ROWS,
    WIDTH = LINEAR_TILE_WIDTH,
    ROW_VECTORS = LINEAR_WIDTH / VECTOR_LANES,
    ROW_AHEAD = 512, /* floats: enough steps to hide the way to memory */
    LINE = 16,       /* floats */
};

#define INLINE static inline __attribute__((always_inline))

INLINE void
s_finish(float *sums, vector_t value, bool add)
{
    vector_store(sums, add ? vector_load(sums) + value : value);
}

/* Inlined for each number of rows, so that sums are registers. */
INLINE void
s_tile(const linear_tile_t *tile, int rows)
{
    const float *x = tile->x.data, *panel = tile->panel;
    const char *ahead = tile->ahead;
    size_t row_stride = tile->x.row_stride, step_stride = tile->x.step_stride;
    size_t ahead_step = tile->ahead_step, steps = tile->steps;
    bool both = ahead_step > LINE * sizeof(float);
    vector_t sums[ROWS][2];
    for (int r = 0; r < rows; r++)
        sums[r][0] = sums[r][1] = (vector_t){0};

    for (size_t k = 0; k < steps; k++) {
        __builtin_prefetch(ahead);
        if (both)
            __builtin_prefetch(ahead + LINE * sizeof(float));
        ahead += ahead_step;
        vector_t left = vector_load(panel);
        vector_t right = vector_load(panel + VECTOR_LANES);
        panel += LINEAR_WIDTH;
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            vector_t factor = vector_all(x[(size_t)r * row_stride]);
            sums[r][0] += factor * left;
            sums[r][1] += factor * right;
        }
        x += step_stride;
    }

    for (int r = 0; r < rows; r++) {
        s_finish(tile->sums + r * WIDTH, sums[r][0], tile->add);
        s_finish(tile->sums + r * WIDTH + VECTOR_LANES, sums[r][1], tile->add);
    }
}

/* Those of more rows than a level's tile has are never called. */
#define TILE(rows)                                                             \
    static void s_tile_##rows(const linear_tile_t *tile)                       \
    {                                                                          \
        s_tile(tile, rows < ROWS ? rows : ROWS);                               \
    }

TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
TILE(8)
TILE(9)
TILE(10)
TILE(11)
TILE(12)

void
linear_tile(const linear_tile_t *tile, size_t rows)
{
    static void (*const tiles[])(const linear_tile_t *tile) = {
        s_tile_1, s_tile_2, s_tile_3, s_tile_4,  s_tile_5,  s_tile_6,
        s_tile_7, s_tile_8, s_tile_9, s_tile_10, s_tile_11, s_tile_12,
    };
    assert(rows >= 1 && rows <= ROWS);
    tiles[rows - 1](tile);
}

INLINE void
s_row(const linear_tile_t *tile, int panels, size_t panel_stride)
{
    const float *x = tile->x.data, *panel = tile->panel;
    size_t step_stride = tile->x.step_stride, steps = tile->steps;
    vector_t sums[LINEAR_ROW_PANELS][ROW_VECTORS];
    for (int p = 0; p < panels; p++)
        for (int v = 0; v < ROW_VECTORS; v++)
            sums[p][v] = (vector_t){0};

    for (size_t k = 0; k < steps; k++) {
        vector_t factor = vector_all(*x);
#pragma GCC unroll 4
        for (int p = 0; p < panels; p++) {
            const float *from = panel + (size_t)p * panel_stride;
            for (int i = 0; i < LINEAR_WIDTH; i += LINE)
                __builtin_prefetch(from + ROW_AHEAD + i);
#pragma GCC unroll 8
            for (int v = 0; v < ROW_VECTORS; v++)
                sums[p][v] += factor * vector_load(from + v * VECTOR_LANES);
        }
        x += step_stride;
        panel += LINEAR_WIDTH;
    }

    for (int p = 0; p < panels; p++)
        for (int v = 0; v < ROW_VECTORS; v++)
            s_finish(tile->sums + p * LINEAR_WIDTH + v * VECTOR_LANES,
                     sums[p][v], tile->add);
}

void
linear_tile_row(const linear_tile_t *tile, size_t panels, size_t panel_stride)
{
    if (panels == LINEAR_ROW_PANELS)
        s_row(tile, LINEAR_ROW_PANELS, panel_stride);
    else
        s_row(tile, 1, panel_stride);
}
