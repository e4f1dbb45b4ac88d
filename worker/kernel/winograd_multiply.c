/* Winograd's products: tiles of sums in registers. */
#include "worker/kernel/winograd_parts.h"

#define ROWS _Pragma("GCC unroll 8") for (size_t i = 0; i < PANEL_ROWS; i++)
#define VECTORS _Pragma("GCC unroll 3") for (size_t j = 0; j < vectors; j++)

enum { AHEAD = 128 * PANEL_ROWS }; /* U comes from afar: asked for in time */

/* `vectors` is a constant wherever this is inlined, so that the sums stay in
 * registers. */
static inline __attribute__((always_inline)) void
s_tile(size_t vectors, size_t depth, const float *u, const float *v, float *m,
       size_t m_stride)
{
    vector_t sums[PANEL_ROWS][PANEL_VECTORS];
    ROWS VECTORS sums[i][j] = (vector_t){0};
    for (size_t c = 0; c < depth; c++, u += PANEL_ROWS) {
        vector_t row[PANEL_VECTORS];
        __builtin_prefetch(u + AHEAD);
        VECTORS row[j] = vector_load(v + j * VECTOR_LANES);
        v += vectors * VECTOR_LANES;
        ROWS VECTORS sums[i][j] += u[i] * row[j];
    }
    ROWS VECTORS vector_store(m + i * m_stride + j * VECTOR_LANES, sums[i][j]);
}

void
winograd_multiply(const winograd_block_t *block, size_t rows, const float *u,
                  const float *v, float *m)
{
    size_t depth = (size_t)block->layout->shape.channels_in;
    size_t stride = block->vectors * VECTOR_LANES;
    for (size_t i = 0; i < rows; i += PANEL_ROWS, u += PANEL_ROWS * depth)
        for (size_t j = 0; j < block->vectors; j += PANEL_VECTORS) {
            const float *panel = v + j * depth * VECTOR_LANES;
            float *to = m + i * stride + j * VECTOR_LANES;
            size_t wide = block->vectors - j;
            if (wide >= 3)
                s_tile(3, depth, u, panel, to, stride);
            else if (wide == 2)
                s_tile(2, depth, u, panel, to, stride);
            else
                s_tile(1, depth, u, panel, to, stride);
        }
}
