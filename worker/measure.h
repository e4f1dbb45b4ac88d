/* How long a session's runs take, and how that compares to the machine. */
#ifndef CONVOY_WORKER_MEASURE_H
#define CONVOY_WORKER_MEASURE_H

#include "worker/engine/session.h"
#include "worker/profile.h"

typedef struct measure {
    int runs;
    double median_ms;
    double min_ms;
    double gflops;     /* 2 a multiply-add, direct algorithm, at the median */
    double peak_share; /* of what `threads` CPUs can do at most */
} measure_t;

/* Fill every input with random numbers, integers and bool with 0. */
void measure_fill(session_t *session, int batch);

/* Run `batch` samples again and again: a tenth of that many seconds to warm up,
 * one run at least, then as many runs as fit in the seconds, 3 at least and
 * 100000 at most. A profile (or NULL) gets the laps of each. */
int measure_session(session_t *session, int batch, int threads, double seconds,
                    profile_t *profile, measure_t *measure, fault_t *fault);

/* Multiply-adds a second of one CPU, times two, in GFLOP/s: the best of a few
 * loops of independent vector multiply-adds in registers. Takes about 50 ms. */
double measure_peak_gflops(void);

#endif
