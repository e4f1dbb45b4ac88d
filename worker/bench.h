/* `worker --model FILE --bench`: how fast this machine runs a model. */
#ifndef CONVOY_WORKER_BENCH_H
#define CONVOY_WORKER_BENCH_H

#include <stdbool.h>

#include "common/fault.h"

typedef struct bench_options {
    const char *model; /* an .onnx file */
    int batch;         /* 0: 1 */
    int threads;       /* 0: the online CPUs */
    double seconds;    /* 0: 3 */
    bool direct;       /* graph_t's: no Winograd */
    bool json;
    bool profile;    /* show each step too */
    const char *svg; /* where a chart of the steps goes, or NULL */
} bench_options_t;

/* Run the model on random input for that long and print median, minimum and
 * GFLOP/s on stdout: text, or with json the object {"model", "batch",
 * "threads", "median_ms", "min_ms", "gflops", "peak_share", "rss_mib"}, with
 * a profile "profile" too (worker/profile.h). */
int bench_run(const bench_options_t *options, fault_t *fault);

#endif
