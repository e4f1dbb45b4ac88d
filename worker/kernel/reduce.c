/* Reductions: several sums side by side, which compilers make vectors of. */
#include "worker/kernel/reduce.h"

#include <math.h>

enum { LANES = 16, COLUMNS = 64 };

#define INLINE static inline __attribute__((always_inline))

/* The loops below are written once and inlined for each kind, where this is
 * one instruction or two. */
INLINE double
s_next(reduce_kind_t kind, double sum, double x)
{
    switch (kind) {
    case REDUCE_MAX:
        return x > sum || x != x ? x : sum;
    case REDUCE_MIN:
        return x < sum || x != x ? x : sum;
    case REDUCE_LENGTH:
        return sum + x * x;
    default:
        return sum + x;
    }
}

/* Of the sums of lanes: they are squares already. */
INLINE double
s_join(reduce_kind_t kind, double a, double b)
{
    return s_next(kind == REDUCE_LENGTH ? REDUCE_SUM : kind, a, b);
}

static double
s_start(reduce_kind_t kind)
{
    return kind == REDUCE_MAX   ? -(double)INFINITY
           : kind == REDUCE_MIN ? (double)INFINITY
                                : 0.0;
}

static float
s_end(reduce_kind_t kind, double sum, size_t count)
{
    if (kind == REDUCE_MEAN)
        sum /= (double)count;
    return (float)(kind == REDUCE_LENGTH ? sqrt(sum) : sum);
}

INLINE double
s_row(reduce_kind_t kind, const float *x, size_t count)
{
    double sums[LANES];
    for (int l = 0; l < LANES; l++)
        sums[l] = s_start(kind);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int l = 0; l < LANES; l++)
            sums[l] = s_next(kind, sums[l], (double)x[i + (size_t)l]);
    for (size_t l = 0; i < count; i++, l++)
        sums[l] = s_next(kind, sums[l], (double)x[i]);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sums[l] = s_join(kind, sums[l], sums[l + half]);
    return sums[0];
}

INLINE void
s_columns(reduce_kind_t kind, double *sums, const float *x, size_t count,
          size_t columns, size_t step)
{
    for (size_t c = 0; c < count; c++)
        for (size_t i = 0; i < columns; i++)
            sums[i] = s_next(kind, sums[i], (double)x[c * step + i]);
}

void
reduce_rows(reduce_kind_t kind, float *y, const float *x, size_t rows,
            size_t count)
{
    for (size_t r = 0; r < rows; r++, x += count) {
        double sum = kind == REDUCE_MAX      ? s_row(REDUCE_MAX, x, count)
                     : kind == REDUCE_MIN    ? s_row(REDUCE_MIN, x, count)
                     : kind == REDUCE_LENGTH ? s_row(REDUCE_LENGTH, x, count)
                                             : s_row(REDUCE_SUM, x, count);
        y[r] = s_end(kind, sum, count);
    }
}

void
reduce_columns(reduce_kind_t kind, float *y, const float *x, size_t count,
               size_t columns, size_t step)
{
    for (size_t done = 0; done < columns; done += COLUMNS) {
        size_t width = columns - done < COLUMNS ? columns - done : COLUMNS;
        double sums[COLUMNS];
        for (size_t i = 0; i < width; i++)
            sums[i] = s_start(kind);
        switch (kind) {
        case REDUCE_MAX:
            s_columns(REDUCE_MAX, sums, x + done, count, width, step);
            break;
        case REDUCE_MIN:
            s_columns(REDUCE_MIN, sums, x + done, count, width, step);
            break;
        case REDUCE_LENGTH:
            s_columns(REDUCE_LENGTH, sums, x + done, count, width, step);
            break;
        default:
            s_columns(REDUCE_SUM, sums, x + done, count, width, step);
        }
        for (size_t i = 0; i < width; i++)
            y[done + i] = s_end(kind, sums[i], count);
    }
}
