/* `worker --model FILE --local`: a whole model in this process, no broker. */
#ifndef CONVOY_WORKER_LOCAL_H
#define CONVOY_WORKER_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"

typedef struct local_options {
    const char *model;          /* an .onnx file */
    int threads;                /* 0: the online CPUs */
    bool direct;                /* graph_t's: no Winograd */
    const char *const *tensors; /* "[NAME=]IN.npy", one an input */
    size_t tensors_count;
    const char *const *outputs; /* "[NAME=]OUT.npy", any of the outputs */
    size_t outputs_count;
} local_options_t;

/* Read the model and the tensors, run, write the outputs. A tensor without a
 * name is the input or output of its place in the model; an input may hold any
 * number of samples (all inputs the same) and may omit the batch axis of one.
 * -1 with a sentence that names the file, tensor or node. */
int local_run(const local_options_t *options, fault_t *fault);

#endif
