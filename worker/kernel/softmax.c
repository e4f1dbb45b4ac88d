/* Softmax: subtract the largest, so that no exponential overflows.
 *
 * A row is done in whole vectors, each lane with a sum of its own. The last one
 * ends where the row does: what it has in common with the one before is
 * computed twice and added once.
 */
#include "worker/kernel/softmax.h"

#include <math.h>
#include <stdbool.h>

#include "worker/kernel/exponential.h"
#include "worker/kernel/vector.h"

enum { LANES = VECTOR_LANES };

/* Of a last vector that has `rest` elements the one before it has not. */
static vector_t
s_new_lanes(size_t rest)
{
    static const float lanes[32] = {[16] = 1, 1, 1, 1, 1, 1, 1, 1,
                                    1,        1, 1, 1, 1, 1, 1, 1};
    return vector_load(lanes + 16 - LANES + rest);
}

static inline vector_t
s_larger(vector_t a, vector_t b)
{
    return VECTOR_CHOOSE(a > b, a, b);
}

static float
s_largest(const float *x, size_t count)
{
    vector_t most = vector_load(x);
    float lanes[LANES];
    for (size_t i = LANES; i + LANES <= count; i += LANES)
        most = s_larger(vector_load(x + i), most);
    most = s_larger(vector_load(x + count - LANES), most);
    vector_store(lanes, most);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] = lanes[l + half] > lanes[l] ? lanes[l + half] : lanes[l];
    return lanes[0];
}

/* The sum of exp(x - largest), which is kept in y where that is not NULL. */
static float
s_exponentials(float *y, const float *x, float largest, size_t count)
{
    vector_t sums = {0}, last = vector_load(x + count - LANES);
    float lanes[LANES];
    for (size_t i = 0; i + LANES <= count; i += LANES) {
        vector_t e = exponential(vector_load(x + i) - largest);
        sums += e;
        if (y)
            vector_store(y + i, e);
    }
    if (count % LANES != 0) {
        vector_t e = exponential(last - largest);
        sums += e * s_new_lanes(count % LANES);
        if (y)
            vector_store(y + count - LANES, e);
    }
    vector_store(lanes, sums);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

static float
s_logarithm(float x)
{
    return logarithm(vector_all(x))[0];
}

/* A row of at least LANES. */
static void
s_row(float *y, const float *x, size_t count, bool in_logs)
{
    float largest = s_largest(x, count);
    float sum = s_exponentials(in_logs ? NULL : y, x, largest, count);
    if (in_logs) {
        float low = s_logarithm(sum);
        for (size_t i = 0; i < count; i++)
            y[i] = x[i] - largest - low;
    } else {
        float factor = 1.0f / sum;
        for (size_t i = 0; i < count; i++)
            y[i] *= factor;
    }
}

/* Fewer are filled up with what adds nothing. */
static void
s_short_row(float *y, const float *x, size_t count, bool in_logs)
{
    float lanes[LANES];
    for (size_t l = 0; l < LANES; l++)
        lanes[l] = l < count ? x[l] : -INFINITY;
    s_row(lanes, lanes, LANES, in_logs);
    for (size_t l = 0; l < count; l++)
        y[l] = lanes[l];
}

static void
s_rows(float *y, const float *x, size_t rows, size_t count, bool in_logs)
{
    for (size_t r = 0; r < rows; r++, x += count, y += count) {
        if (count < LANES)
            s_short_row(y, x, count, in_logs);
        else
            s_row(y, x, count, in_logs);
    }
}

/* The first `count` lanes; the others read 0. */
static inline vector_t
s_load(const float *x, size_t count)
{
    if (count == LANES)
        return vector_load(x);
    float lanes[LANES] = {0};
    for (size_t l = 0; l < count; l++)
        lanes[l] = x[l];
    return vector_load(lanes);
}

static inline void
s_store(float *y, vector_t value, size_t count)
{
    if (count == LANES) {
        vector_store(y, value);
        return;
    }
    float lanes[LANES];
    vector_store(lanes, value);
    for (size_t l = 0; l < count; l++)
        y[l] = lanes[l];
}

/* LANES columns side by side or fewer, each of `count` numbers `step` apart. */
static void
s_columns(float *y, const float *x, size_t count, size_t columns, size_t step,
          bool in_logs)
{
    vector_t most = s_load(x, columns), sums = {0};
    for (size_t c = 1; c < count; c++)
        most = s_larger(s_load(x + c * step, columns), most);
    for (size_t c = 0; c < count; c++) {
        vector_t e = exponential(s_load(x + c * step, columns) - most);
        sums += e;
        if (!in_logs)
            s_store(y + c * step, e, columns);
    }
    vector_t last = in_logs ? logarithm(sums) : 1.0f / sums;
    for (size_t c = 0; c < count; c++, x += step, y += step) {
        vector_t value = in_logs ? s_load(x, columns) - most - last
                                 : s_load(y, columns) * last;
        s_store(y, value, columns);
    }
}

static void
s_run(float *y, const float *x, size_t outer, size_t count, size_t inner,
      bool in_logs)
{
    if (count == 0)
        return;
    if (inner == 1) {
        s_rows(y, x, outer, count, in_logs);
        return;
    }
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i += LANES) {
            size_t at = o * count * inner + i;
            s_columns(y + at, x + at, count,
                      inner - i < LANES ? inner - i : LANES, inner, in_logs);
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
