/* One row times a packed weight matrix. */
#include "worker/kernel/vector_matrix.h"

#include <string.h>

enum { WIDTH = VECTOR_MATRIX_WIDTH, LANES = 4, BLOCK = 128 };

typedef float lanes_t __attribute__((vector_size(LANES * 4)));

/* Eight sums hide the latency of an addition. */
enum { SUMS = WIDTH / LANES };

size_t
vector_matrix_floats(size_t depth, size_t outs)
{
    return (outs + WIDTH - 1) / WIDTH * WIDTH * depth;
}

void
vector_matrix_pack_outs(const float *weights, size_t depth, size_t out,
                        size_t outs, float *packed)
{
    for (size_t first = 0; first < outs; first += WIDTH) {
        float *panel = packed + (out + first) * depth;
        size_t used = outs - first < WIDTH ? outs - first : WIDTH;
        if (used < WIDTH)
            memset(panel, 0, WIDTH * depth * sizeof *panel);
        for (size_t o = 0; o < used; o++)
            for (size_t k = 0; k < depth; k++)
                panel[k * WIDTH + o] = weights[(first + o) * depth + k];
    }
}

void
vector_matrix_pack_steps(const float *weights, size_t depth, size_t outs,
                         size_t step, size_t steps, float *packed)
{
    for (size_t first = 0; first < outs; first += WIDTH) {
        float *to = packed + first * depth + step * WIDTH;
        size_t used = outs - first < WIDTH ? outs - first : WIDTH;
        for (size_t k = 0; k < steps; k++, to += WIDTH) {
            memcpy(to, weights + k * outs + first, used * sizeof *to);
            memset(to + used, 0, (WIDTH - used) * sizeof *to);
        }
    }
}

/* y[WIDTH] += x[steps] times a panel's steps. */
static void
s_add_block(float *y, const float *x, const float *panel, size_t steps)
{
    lanes_t sums[SUMS] = {{0.0f}};
    const lanes_t *weights = (const lanes_t *)(const void *)panel;
    for (size_t k = 0; k < steps; k++) {
        lanes_t factor = {x[k], x[k], x[k], x[k]};
        for (int i = 0; i < SUMS; i++)
            sums[i] += factor * weights[i];
        weights += SUMS;
    }
    for (int i = 0; i < SUMS; i++)
        for (int lane = 0; lane < LANES; lane++)
            y[i * LANES + lane] += sums[i][lane];
}

/* Blocks outside, samples inside: a block of a panel stays in the first-level
 * cache for all samples. */
static void
s_panel(float *y, const float *x, const float *panel, size_t depth, size_t outs,
        size_t used, size_t samples)
{
    for (size_t s = 0; s < samples; s++)
        memset(y + s * outs, 0, used * sizeof *y);
    for (size_t k = 0; k < depth; k += BLOCK) {
        size_t steps = depth - k < BLOCK ? depth - k : BLOCK;
        for (size_t s = 0; s < samples; s++) {
            float sums[WIDTH] = {0.0f};
            memcpy(sums, y + s * outs, used * sizeof *sums);
            s_add_block(sums, x + s * depth + k, panel + k * WIDTH, steps);
            memcpy(y + s * outs, sums, used * sizeof *sums);
        }
    }
}

void
vector_matrix(float *y, const float *x, const float *packed, size_t depth,
              size_t outs, size_t out, size_t count, size_t samples)
{
    for (size_t o = out; o < out + count; o += WIDTH) {
        size_t left = out + count - o;
        s_panel(y + o, x, packed + o * depth, depth, outs,
                left < WIDTH ? left : WIDTH, samples);
    }
}
