/* A whole model of an .onnx file in this process, without a broker. */
#ifndef CONVOY_WORKER_WHOLE_H
#define CONVOY_WORKER_WHOLE_H

#include "worker/engine/session.h"

/* Read and simplify a model file. NULL with a sentence that names it. */
graph_t *whole_read(const char *path, fault_t *fault);

/* Load what was read, if there is memory for it. threads 0: the online CPUs.
 * NULL with a sentence that does not name the file. */
session_t *whole_load(const graph_t *graph, int threads, int batch_max,
                      fault_t *fault);

/* Both. NULL with a sentence that names the file. */
session_t *whole_open(const char *path, int threads, int batch_max,
                      fault_t *fault);

#endif
