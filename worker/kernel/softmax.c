/* Softmax: subtract the largest, so that no exponential overflows.
 *
 * The exponentials are made in a loop of their own, which compilers make
 * vectors of; the sum, whose order must not change, is another.
 */
#include "worker/kernel/softmax.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "worker/kernel/exponential.h"

enum { LANES = 16, COLUMNS = 64 };

static float
s_largest(const float *x, size_t count)
{
    float most[LANES];
    for (size_t l = 0; l < LANES; l++)
        most[l] = x[l < count ? l : 0];
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            most[l] = x[i + l] > most[l] ? x[i + l] : most[l];
    for (; i < count; i++)
        most[0] = x[i] > most[0] ? x[i] : most[0];
    for (size_t l = 1; l < LANES; l++)
        most[0] = most[l] > most[0] ? most[l] : most[0];
    return most[0];
}

/* The sum of exp(x - largest), which is kept in y where that is not NULL. */
static float
s_exponentials(float *y, const float *x, float largest, size_t count)
{
    float sums[LANES] = {0};
    for (size_t done = 0; done < count; done += COLUMNS) {
        size_t width = count - done < COLUMNS ? count - done : COLUMNS;
        float kept[COLUMNS], *to = y ? y + done : kept;
        for (size_t i = 0; i < width; i++)
            to[i] = exponential(x[done + i] - largest);
        size_t i = 0;
        for (; i + LANES <= width; i += LANES)
            for (size_t l = 0; l < LANES; l++)
                sums[l] += to[i + l];
        for (size_t l = 0; i < width; i++, l++)
            sums[l] += to[i];
    }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sums[l] += sums[l + half];
    return sums[0];
}

static void
s_rows(float *y, const float *x, size_t rows, size_t count, bool logarithm)
{
    for (size_t r = 0; r < rows; r++, x += count, y += count) {
        float largest = s_largest(x, count);
        float sum = s_exponentials(logarithm ? NULL : y, x, largest, count);
        float low = logf(sum);
        if (logarithm)
            for (size_t i = 0; i < count; i++)
                y[i] = x[i] - largest - low;
        else
            for (size_t i = 0; i < count; i++)
                y[i] /= sum;
    }
}

/* Some columns side by side, each of `count` numbers `step` apart. */
static void
s_columns(float *y, const float *x, size_t count, size_t columns, size_t step,
          bool logarithm)
{
    float largest[COLUMNS], sums[COLUMNS] = {0}, e[COLUMNS];
    for (size_t i = 0; i < columns; i++)
        largest[i] = x[i];
    for (size_t c = 1; c < count; c++)
        for (size_t i = 0; i < columns; i++) {
            float value = x[c * step + i];
            largest[i] = value > largest[i] ? value : largest[i];
        }
    for (size_t c = 0; c < count; c++) {
        for (size_t i = 0; i < columns; i++)
            e[i] = exponential(x[c * step + i] - largest[i]);
        for (size_t i = 0; i < columns; i++)
            sums[i] += e[i];
        if (!logarithm)
            memcpy(y + c * step, e, columns * sizeof *e);
    }
    for (size_t i = 0; logarithm && i < columns; i++)
        sums[i] = logf(sums[i]);
    for (size_t c = 0; c < count; c++, x += step, y += step) {
        if (logarithm)
            for (size_t i = 0; i < columns; i++)
                y[i] = x[i] - largest[i] - sums[i];
        else
            for (size_t i = 0; i < columns; i++)
                y[i] /= sums[i];
    }
}

static void
s_run(float *y, const float *x, size_t outer, size_t count, size_t inner,
      bool logarithm)
{
    if (count == 0)
        return;
    if (inner == 1) {
        s_rows(y, x, outer, count, logarithm);
        return;
    }
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i += COLUMNS) {
            size_t at = o * count * inner + i;
            s_columns(y + at, x + at, count,
                      inner - i < COLUMNS ? inner - i : COLUMNS, inner,
                      logarithm);
        }
}

void
softmax(float *y, const float *x, size_t outer, size_t count, size_t inner)
{
    s_run(y, x, outer, count, inner, false);
}

void
log_softmax(float *y, const float *x, size_t outer, size_t count, size_t inner)
{
    s_run(y, x, outer, count, inner, true);
}
