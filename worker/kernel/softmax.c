/* Softmax: subtract the largest, so that no exponential overflows. */
#include "worker/kernel/softmax.h"

#include "worker/kernel/exponential.h"

static void
s_line(float *y, const float *x, size_t count, size_t step)
{
    float largest = x[0];
    for (size_t i = 1; i < count; i++)
        largest = x[i * step] > largest ? x[i * step] : largest;
    float sum = 0.0f;
    for (size_t i = 0; i < count; i++) {
        float e = exponential(x[i * step] - largest);
        y[i * step] = e;
        sum += e;
    }
    for (size_t i = 0; i < count; i++)
        y[i * step] /= sum;
}

void
softmax(float *y, const float *x, size_t outer, size_t count, size_t inner)
{
    if (count == 0)
        return;
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i++) {
            size_t at = o * count * inner + i;
            s_line(y + at, x + at, count, inner);
        }
}
