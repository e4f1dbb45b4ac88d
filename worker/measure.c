/* How long a session's runs take. */
#include "worker/measure.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/engine/peak.h"

enum { RUNS_MIN = 5, RUNS_MAX = 100000, WARM_RUNS = 3 };

static float
s_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1.0f;
}

static void
s_fill(session_t *session, int batch)
{
    uint32_t state = 1;
    for (int i = 0; i < session_inputs_count(session); i++)
        for (int s = 0; s < batch; s++) {
            size_t bytes;
            float *row = session_input_row(session, i, s, &bytes);
            if (session_input(session, i)->dtype != DTYPE_FLOAT32) {
                memset(row, 0, bytes);
                continue;
            }
            for (size_t k = 0; k < bytes / sizeof *row; k++)
                row[k] = s_random(&state);
        }
}

static int
s_by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int
s_repeat(session_t *session, int batch, double seconds, int64_t *times_us,
         int *runs, fault_t *fault)
{
    for (int i = 0; i < WARM_RUNS; i++)
        if (session_run(session, batch, fault))
            return -1;
    int64_t end = clock_us() + (int64_t)(seconds * 1e6);
    int count = 0;
    while (count < RUNS_MAX && (count < RUNS_MIN || clock_us() < end)) {
        int64_t begin = clock_us();
        if (session_run(session, batch, fault))
            return -1;
        times_us[count++] = clock_us() - begin;
    }
    *runs = count;
    return 0;
}

int
measure_session(session_t *session, int batch, int threads, double seconds,
                measure_t *measure, fault_t *fault)
{
    int64_t *times_us = mem_new(RUNS_MAX, sizeof *times_us, fault);
    if (!times_us)
        return -1;
    s_fill(session, batch);
    int runs,
        result = s_repeat(session, batch, seconds, times_us, &runs, fault);
    if (result == 0) {
        qsort(times_us, (size_t)runs, sizeof *times_us, s_by_size);
        double median_us = (double)times_us[runs / 2];
        median_us = median_us > 0.0 ? median_us : 1.0;
        *measure = (measure_t){
            .runs = runs,
            .median_ms = median_us / 1e3,
            .min_ms = (double)times_us[0] / 1e3,
            .gflops = session_flop(session) * batch / median_us / 1e3,
        };
        measure->peak_share =
            measure->gflops / (measure_peak_gflops() * threads);
    }
    free(times_us);
    return result;
}

double
measure_peak_gflops(void)
{
    static double best;
    if (best == 0.0)
        best = peak_gflops();
    return best;
}
