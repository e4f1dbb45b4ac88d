/* The engine's pace on the demo network: ms a batch, share of the CPU's peak.
 *
 *   engine [--json] [SECONDS a row]
 *
 * The peak is measured in the same run: independent vector multiply-adds in
 * registers, the widest that the CPU has (worker/kernel/peak).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/networks.h"
#include "worker/host.h"
#include "worker/measure.h"

typedef struct row {
    int batch;
    int threads;
} row_t;

static const row_t rows[] = {{1, 1}, {1, 2}, {8, 1}, {8, 2}};

enum { ROWS = sizeof rows / sizeof rows[0] };

static int
s_measure(const graph_t *graph, const row_t *row, double seconds,
          measure_t *measure, fault_t *fault)
{
    session_options_t options = {row->threads, row->batch};
    session_t *session = session_new(graph, &options, fault);
    if (!session)
        return -1;
    int result = measure_session(session, row->batch, row->threads, seconds,
                                 measure, fault);
    session_destroy(&session);
    return result;
}

static void
s_print(const row_t *row, const measure_t *m, bool json, bool first)
{
    if (json)
        printf("%s{\"model\": \"demo\", \"batch\": %d, \"threads\": %d, "
               "\"median_ms\": %.4f, \"min_ms\": %.4f, \"gflops\": %.2f, "
               "\"peak_share\": %.4f, \"rss_mib\": %u}",
               first ? "[" : ",\n ", row->batch, row->threads, m->median_ms,
               m->min_ms, m->gflops, m->peak_share, host_rss_mib());
    else
        printf("%5d %7d %10.3f %10.3f %10.3f %9.1f %7.0f %%\n", row->batch,
               row->threads, m->median_ms, m->min_ms, m->median_ms / row->batch,
               m->gflops, 100.0 * m->peak_share);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    double seconds = argc > 1 + json ? atof(argv[1 + json]) : 2.0;
    fault_t fault = {0};
    network_t network;
    network_init(&network, 1);
    network_cifar(&network);
    if (!json) {
        printf("demo network, random weights; %s; peak %.1f GFLOP/s a CPU\n",
               session_cpu(), measure_peak_gflops());
        printf("batch threads  median ms     min ms  ms/sample   GFLOP/s"
               "  of peak\n");
    }
    int result = 0;
    for (size_t i = 0; i < ROWS && result == 0; i++) {
        measure_t measure;
        result = s_measure(network.graph, &rows[i], seconds, &measure, &fault);
        if (result == 0)
            s_print(&rows[i], &measure, json, i == 0);
    }
    if (json)
        puts("]");
    if (result != 0)
        fprintf(stderr, "engine: %s\n", fault.text);
    network_release(&network);
    return result == 0 ? 0 : 1;
}
