/* A scale and a shift a channel. */
#include "worker/kernel/affine.h"

void
affine(float *y, const float *x, const float *scale, const float *shift,
       size_t channels, size_t inner)
{
    for (size_t c = 0; c < channels; c++) {
        float a = scale[c], b = shift[c];
        for (size_t i = 0; i < inner; i++)
            y[i] = x[i] * a + b;
        y += inner;
        x += inner;
    }
}
