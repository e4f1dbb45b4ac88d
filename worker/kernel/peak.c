/* A loop of independent multiply-adds.
 *
 * Ten accumulators hide the latency of two units of four or five cycles.
 */
#include "worker/kernel/peak.h"

#include "worker/kernel/vector.h"

enum { ACCUMULATORS = 10 };

double
peak_run(size_t rounds, float *value)
{
    vector_t sums[ACCUMULATORS];
    vector_t factor = vector_all(0.5f + *value);
    vector_t term = vector_all(1.0f + *value);
    for (int k = 0; k < ACCUMULATORS; k++)
        sums[k] = term * (float)k;
    for (size_t r = 0; r < rounds; r++)
#pragma GCC unroll 10
        for (int k = 0; k < ACCUMULATORS; k++)
            sums[k] = sums[k] * factor + term;

    for (int k = 0; k < ACCUMULATORS; k++)
        *value += sums[k][0] + sums[k][VECTOR_LANES - 1];
    return 2.0 * VECTOR_LANES * ACCUMULATORS * (double)rounds;
}
