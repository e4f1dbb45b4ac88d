/* Convoy's engine as one of the peers of bench/engine.py.
 *
 *   engine MODEL.onnx INPUT.f32 THREADS BATCH
 *
 * Loads the model, runs it on the file's BATCH samples and says on a line of
 * stdout what came out, what it cost and on what machine; then each line of
 * stdin is a number of seconds to run for, answered by a line. All lines are
 * JSON objects; peak_mib is what memory grew by since before the load.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/session.h"
#include "worker/measure.h"
#include "worker/whole.h"

typedef struct peer {
    session_t *session;
    int threads;
    int batch;
    double base_mib;
} peer_t;

/* "VmRSS:" or "VmHWM:" of this process. */
static double
s_memory_mib(const char *key)
{
    char line[160];
    double kib = 0.0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtod(line + strlen(key), NULL);
    if (file)
        fclose(file);
    return kib / 1024.0;
}

/* Let the peak begin at what is in use now. */
static void
s_forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file) {
        fputs("5", file);
        fclose(file);
    }
}

static int
s_read_input(const peer_t *self, const char *path, fault_t *fault)
{
    FILE *file = fopen(path, "rb");
    bool complete = file && session_inputs_count(self->session) == 1;
    for (int s = 0; complete && s < self->batch; s++) {
        size_t bytes;
        void *row = session_input_row(self->session, 0, s, &bytes);
        complete = fread(row, 1, bytes, file) == bytes;
    }
    if (file)
        fclose(file);
    if (!complete)
        return fault_set(fault, FAULT_INPUT, "%s: not %d samples of the input",
                         path, self->batch);
    return 0;
}

static int
s_load(peer_t *self, char **argv, fault_t *fault)
{
    self->threads = atoi(argv[3]);
    self->batch = atoi(argv[4]);
    measure_peak_gflops();
    s_forget_peak();
    self->base_mib = s_memory_mib("VmRSS:");
    self->session = whole_open(argv[1], self->threads, self->batch, fault);
    if (!self->session)
        return -1;
    if (session_batch_max(self->session) < self->batch)
        return fault_set(fault, FAULT_INPUT, "%s: no batch of %d", argv[1],
                         self->batch);
    if (s_read_input(self, argv[2], fault))
        return -1;
    return session_run(self->session, self->batch, fault);
}

static void
s_print_load(const peer_t *self)
{
    printf("{\"level\": \"%s\", \"peak_gflops\": %.1f, \"gflop\": %.6f, "
           "\"output\": [",
           session_cpu(), measure_peak_gflops(),
           session_flop(self->session) * self->batch / 1e9);
    for (int s = 0; s < self->batch; s++) {
        size_t bytes;
        const float *row = session_output_row(self->session, 0, s, &bytes);
        for (size_t i = 0; i < bytes / sizeof *row; i++)
            printf("%s%.9g", s + i ? ", " : "", (double)row[i]);
    }
    puts("]}");
    fflush(stdout);
}

static int
s_answer(const peer_t *self, double seconds, fault_t *fault)
{
    measure_t measure;
    if (measure_session(self->session, self->batch, self->threads, seconds,
                        NULL, &measure, fault))
        return -1;
    printf("{\"median_ms\": %.6f, \"min_ms\": %.6f, \"runs\": %d, "
           "\"peak_mib\": %.2f}\n",
           measure.median_ms, measure.min_ms, measure.runs,
           s_memory_mib("VmHWM:") - self->base_mib);
    fflush(stdout);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: engine MODEL INPUT THREADS BATCH\n");
        return 64;
    }
    peer_t peer = {0};
    fault_t fault = {0};
    char line[64];
    int result = s_load(&peer, argv, &fault);
    if (result == 0)
        s_print_load(&peer);
    while (result == 0 && fgets(line, sizeof line, stdin))
        result = s_answer(&peer, strtod(line, NULL), &fault);
    if (result != 0)
        fprintf(stderr, "engine: %s\n", fault.text);
    session_destroy(&peer.session);
    return result == 0 ? 0 : 1;
}
