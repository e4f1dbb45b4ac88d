/* How long a session's runs take. */
#include "worker/measure.h"

#include <stdlib.h>
#include <string.h>

#include "common/cast.h"
#include "common/clock.h"
#include "common/mem.h"
#include "worker/engine/peak.h"

enum { RUNS_MIN = 3, RUNS_MAX = 100000, WARM_SHARE = 10 };

static float
s_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1.0f;
}

/* Random numbers in [-1, 1); whole ones are 0, which every table has a row
 * for. */
static void
s_fill_row(void *row, size_t bytes, dtype_t dtype, uint32_t *state)
{
    size_t size = dtype_size(dtype);
    bool floating = cast_allowed(DTYPE_FLOAT32, dtype);
    memset(row, 0, bytes);
    for (size_t at = 0; floating && at < bytes; at += size) {
        float value = s_random(state);
        tensor_convert(dtype, (char *)row + at, DTYPE_FLOAT32, &value, 1);
    }
}

void
measure_fill(session_t *session, int batch)
{
    uint32_t state = 1;
    for (int i = 0; i < session_inputs_count(session); i++)
        for (int s = 0; s < batch; s++) {
            size_t bytes;
            void *row = session_input_row(session, i, s, &bytes);
            s_fill_row(row, bytes, session_input(session, i)->dtype, &state);
        }
}

static int
s_by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int
s_repeat(session_t *session, int batch, double seconds, profile_t *profile,
         int64_t *times_ns, int *runs, fault_t *fault)
{
    int64_t span = (int64_t)(seconds * 1e9);
    int64_t warm = clock_ns() + span / WARM_SHARE;
    do
        if (session_run(session, batch, fault))
            return -1;
    while (clock_ns() < warm);
    int64_t end = clock_ns() + span;
    int count = 0;
    while (count < RUNS_MAX && (count < RUNS_MIN || clock_ns() < end)) {
        int64_t begin = clock_ns();
        if (session_run(session, batch, fault))
            return -1;
        times_ns[count++] = clock_ns() - begin;
        if (profile)
            profile_add(profile);
    }
    *runs = count;
    return 0;
}

int
measure_session(session_t *session, int batch, int threads, double seconds,
                profile_t *profile, measure_t *measure, fault_t *fault)
{
    int64_t *times_ns = mem_new(RUNS_MAX, sizeof *times_ns, fault);
    if (!times_ns)
        return -1;
    int runs, result = s_repeat(session, batch, seconds, profile, times_ns,
                                &runs, fault);
    if (result == 0) {
        qsort(times_ns, (size_t)runs, sizeof *times_ns, s_by_size);
        double median_ns = (double)times_ns[runs / 2];
        median_ns = median_ns > 0.0 ? median_ns : 1.0;
        *measure = (measure_t){
            .runs = runs,
            .median_ms = median_ns / 1e6,
            .min_ms = (double)times_ns[0] / 1e6,
            .gflops = session_flop(session) * batch / median_ns,
        };
        measure->peak_share =
            measure->gflops / (measure_peak_gflops() * threads);
    }
    free(times_ns);
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
