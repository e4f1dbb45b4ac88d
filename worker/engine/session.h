/* A part made ready to run: loaded, checked, planned, packed.
 *
 * A session is built once for a graph and a largest batch; running allocates
 * nothing. Rows are samples: the caller writes each sample of each input into
 * its row, runs, and reads the rows of the outputs.
 *
 *   input_row(i, 0..batch-1) -> session_run(batch) -> output_row(o, ...)
 *
 * Bits: a sample's outputs depend on its inputs and the CPU level only, never
 * on the batch it ran in or the number of threads.
 */
#ifndef CONVOY_WORKER_ENGINE_SESSION_H
#define CONVOY_WORKER_ENGINE_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/graph.h"

typedef struct session session_t;

typedef struct session_options {
    int threads;   /* >= 1 */
    int batch_max; /* >= 1; ignored (1) where the graph is not batchable */
} session_options_t;

/* A step of a run, for those who look where the time goes. */
typedef struct lap {
    char node[128];  /* its name, or that of its output; cut at the front */
    char op[48];     /* ONNX operator */
    char fused[64];  /* what else the step computes: " + residual + Relu" */
    char out[64];    /* shape of a sample of the first output: "[1, 64, 56]" */
    const char *way; /* how, where the operator has several ways; else "" */
    double flop;     /* of a sample, of the node itself */
    int64_t ns;      /* of the last run */
} lap_t;

/* Build from a sorted graph whose inputs have shapes. The graph is not needed
 * afterwards. NULL with FAULT_UNSUPPORTED naming the node and operator,
 * FAULT_INPUT for a graph that does not fit together, FAULT_MEMORY. */
session_t *session_new(const graph_t *graph, const session_options_t *options,
                       fault_t *fault);
void session_destroy(session_t **self);

/* About how many bytes session_new would hold for this graph, so that a part
 * that is too large is refused before it is loaded. Errors as session_new. */
int session_estimate(const graph_t *graph, const session_options_t *options,
                     size_t *bytes, fault_t *fault);

int session_inputs_count(const session_t *self);
int session_outputs_count(const session_t *self);

/* Specs with DIM_BATCH as axis 0 where the session is batchable. Borrowed
 * until the session is destroyed. */
const tensor_spec_t *session_input(const session_t *self, int index);
const tensor_spec_t *session_output(const session_t *self, int index);

/* The largest batch one run takes. */
int session_batch_max(const session_t *self);

/* Where a sample of an input is written before a run, and where a sample of an
 * output lies after it; valid until the next run. *bytes is the row's size. */
void *session_input_row(session_t *self, int index, int sample, size_t *bytes);
const void *session_output_row(const session_t *self, int index, int sample,
                               size_t *bytes);

/* Run samples 0..batch-1; subnormal numbers count as zero (flush.h). -1 with
 * FAULT_CANCELLED, or FAULT_INPUT where the samples themselves cannot be
 * computed (an index out of range). */
int session_run(session_t *self, int batch, fault_t *fault);

/* Ask the run in progress to end early with FAULT_CANCELLED; callable from any
 * thread. Without a run in progress it does nothing. */
void session_cancel(session_t *self);

/* Counts up while a run makes progress, from any thread. */
atomic_uint *session_progress(session_t *self);

/* From now on time each step of a run; the graph is the one that the session
 * was built from. FAULT_MEMORY. */
int session_watch(session_t *self, const graph_t *graph, fault_t *fault);

/* What the steps of a run are and how long each took in the last one, in the
 * order they run; *count is 0 where nobody watches. Borrowed until the session
 * is destroyed. */
const lap_t *session_laps(const session_t *self, size_t *count);

/* Floating-point operations (2 a multiply-add) of one sample, by the direct
 * algorithm. */
double session_flop(const session_t *self);

/* Steps of a run: nodes, less what needs no work of its own. */
int session_steps_count(const session_t *self);

/* Bytes held: packed weights, arena. */
size_t session_bytes(const session_t *self);

/* "CPU level + micro-kernel", sent in HELLO: workers that show the same text
 * give the same bits. */
const char *session_cpu(void);

#endif
