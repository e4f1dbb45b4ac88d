/* The machine's own limit, measured. */
#include "worker/engine/peak.h"

#include "common/clock.h"
#include "worker/engine/level.h"

enum { ROUNDS = 100000, REPEATS = 10 };

double
peak_gflops(void)
{
    double best = 0.0;
    for (int i = 0; i < REPEATS; i++) {
        float value = 0.0f;
        int64_t begin = clock_us();
        double flop = kernels()->peak_run(ROUNDS, &value);
        int64_t us = clock_us() - begin;
        if (us > 0 && flop / (double)us / 1e3 > best)
            best = flop / (double)us / 1e3;
    }
    return best;
}
