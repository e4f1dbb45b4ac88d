/* What an operator is to the engine: a step of a plan and how it runs.
 *
 * To add an operator: write its functions and its row in the op_*.c of its
 * family (with a kernel in worker/kernel and a naive twin in tests/support if
 * it needs one); op.c lists the families. Nothing else knows operators by name,
 * save fuse.c. Of several rows of one name the first whose check accepts the
 * node runs it; what none accepts, common/model/eval may compute.
 *
 *   check    can we run this node? attributes, types; allocates nothing
 *   prepare  read its constants, pack its weights, fill in the step
 *   run      compute samples 0..batch-1, allocating nothing
 */
#ifndef CONVOY_WORKER_ENGINE_OP_H
#define CONVOY_WORKER_ENGINE_OP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/model/graph.h"
#include "common/tensor.h"
#include "worker/engine/threads.h"
#include "worker/kernel/activate.h"

/* A tensor of the plan; shape and elements are those of one sample, axis 0
 * included. A sample is dense. One that is batched has its samples `stride`
 * bytes apart, which is more than their bytes where it lies inside another
 * operand (share.h): go from sample to sample with operand_row. */
typedef struct operand {
    const char *name; /* borrowed from the graph, while building */
    dtype_t dtype;
    shape_t shape;
    size_t elements;
    size_t bytes;
    size_t stride; /* 0 of one that is not batched */
    bool batched;
    int value;     /* in the graph */
    bool constant; /* in the graph, or known from shapes alone */
    void *data;    /* the first sample, once the plan has its arena; of a
                      constant the elements once loaded, owned */
} operand_t;

typedef struct op op_t;
typedef struct step step_t;
typedef struct build build_t;
typedef struct run run_t;

struct op {
    const char *name; /* ONNX operator type */
    int (*check)(const build_t *build, const step_t *step, fault_t *fault);
    int (*prepare)(const build_t *build, step_t *step, fault_t *fault);
    void (*run)(const step_t *step, const run_t *run);
    unsigned flags;
    int detail; /* what distinguishes rows that share their functions */
};

/* Flags of an op. */
enum {
    OP_VIEW = 1,      /* the output is the first input's bytes */
    OP_IN_PLACE = 2,  /* the output may lie where an input of its size lay */
    OP_ACTIVATES = 4, /* takes an activation at its end */
    OP_SUMS = 8,      /* takes a residual before it */
    OP_ENDS = OP_ACTIVATES | OP_SUMS,
    OP_ANY_DTYPE = 16,     /* not only float32 */
    OP_DENSE = 32,         /* takes the samples of its first input, output and
                              residual for one after the other */
    OP_SUMS_IN_PLACE = 64, /* the output may lie where the residual lay */
};

enum { STEP_INPUTS_MIN = 3 }; /* places of a step's inputs, for a bias */

struct step {
    const op_t *op;
    int node;           /* in the graph, while building */
    operand_t **inputs; /* NULL where an optional input is absent */
    int inputs_count;
    operand_t **outputs;
    int outputs_count;
    bool batched; /* runs for each sample; otherwise once */

    operand_t *scale; /* fused by fuse.c where conv_direct_scales: a factor a
                         channel of the first input */

    /* Fused by fuse.c, where the op has OP_ACTIVATES, OP_SUMS. */
    activation_t activation;
    operand_t *residual; /* like the output, added before the activation */

    const char *way; /* set by prepare where the operator has several ways to
                        compute it: a word for profiles */

    /* Filled in by prepare; freed with free(). */
    void *state;
    graph_t *kept; /* the node alone, for operators that read it in a run */
    float *weights;
    float *bias;
    size_t weights_bytes;  /* of weights and bias */
    size_t scratch_floats; /* a thread */
};

/* What check and prepare may look at. */
struct build {
    const graph_t *graph;
    int threads;
};

enum { RUN_IDLE, RUN_BUSY, RUN_CANCELLED, RUN_FAILED };

/* What a running step may use. */
struct run {
    threads_t *threads;
    size_t batch;
    float *scratch; /* 64-byte aligned, scratch_stride floats a thread */
    size_t scratch_stride;
    atomic_uint *progress;
    atomic_int *state; /* RUN_... */
    fault_t *fault;    /* of run_fail */
};

/* The first row of an operator behind `after` (NULL: the first of all), or
 * NULL. */
const op_t *op_find(const char *name, const op_t *after);

/* The row for what common/model/eval computes. */
const op_t *op_eval(void);

/* Helpers of the op_*.c files. */

const node_t *step_node(const build_t *build, const step_t *step);

/* "Conv node 'conv1'", for sentences, into text[size]; returns text. */
const char *step_text(const build_t *build, const step_t *step, char *text,
                      size_t size);

/* -1 with FAULT_UNSUPPORTED: "Conv node 'x': <why>". */
int step_refuse(const build_t *build, const step_t *step, fault_t *fault,
                const char *why);

/* Samples that this step computes in this run. */
size_t step_samples(const step_t *step, const run_t *run);

/* Where sample s of an operand lies (the only one, if it is not batched). */
float *operand_row(const operand_t *operand, size_t sample);

/* Whether all samples together are one row of elements. */
bool operand_is_dense(const operand_t *operand);

/* Elements [first, first + count) of a constant, converted to `dtype`. */
int operand_read(const build_t *build, const operand_t *operand, size_t first,
                 size_t count, dtype_t dtype, void *to, fault_t *fault);

/* All elements of a constant as float32, aligned; the caller frees. NULL with
 * FAULT_INPUT naming what is not constant. */
float *step_constant(const build_t *build, const operand_t *operand,
                     fault_t *fault);

/* Make a constant operand's elements available to run, in its dtype; nothing
 * for any other operand. */
int operand_load(const build_t *build, operand_t *operand, fault_t *fault);

/* Count one tile done; false if the run was cancelled or failed. */
bool run_advance(const run_t *run);

/* End the run with run->fault, which the caller (the thread that runs the
 * plan, not a task) has filled in. */
void run_fail(const run_t *run);

#endif
