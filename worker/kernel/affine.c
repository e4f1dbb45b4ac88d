/* A scale and a shift a channel, and an activation. */
#include "worker/kernel/affine.h"

enum { BLOCK = 2048 }; /* floats that the cache keeps for the activation */

static void
s_block(float *y, const float *x, float scale, float shift,
        const activation_t *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * scale + shift;
    if (f->kind != ACTIVATION_NONE)
        activate(f, y, y, count);
}

void
affine(float *y, const float *x, const float *scale, const float *shift,
       const activation_t *f, size_t channels, size_t inner)
{
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < inner; i += BLOCK)
            s_block(y + i, x + i, scale[c], shift[c], f,
                    inner - i < BLOCK ? inner - i : BLOCK);
        y += inner;
        x += inner;
    }
}
