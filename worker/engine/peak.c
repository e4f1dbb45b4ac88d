/* The machine's own limit, measured. */
#include "worker/engine/peak.h"

#include "common/clock.h"
#include "worker/kernel/peak.h"

enum { ROUNDS = 100000, REPEATS = 10 };

double
peak_gflops(void)
{
    static volatile float sink; /* keeps the loops from being dropped */
    double best = 0.0;
    for (const peak_loop_t *loop = peak_loops(); loop->name; loop++) {
        if (!loop->usable())
            continue;
        for (int i = 0; i < REPEATS; i++) {
            int64_t begin = clock_us();
            sink = loop->run(ROUNDS, 0.0f);
            int64_t us = clock_us() - begin;
            double flop = (double)ROUNDS * (double)loop->flop_a_round;
            if (us > 0 && flop / (double)us / 1e3 > best)
                best = flop / (double)us / 1e3;
        }
    }
    (void)sink;
    return best;
}
