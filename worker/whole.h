/* A whole model of an .onnx file in this process, without a broker. */
#ifndef CONVOY_WORKER_WHOLE_H
#define CONVOY_WORKER_WHOLE_H

#include "worker/engine/session.h"

/* Read, simplify and load a model file. threads 0: the online CPUs. NULL with
 * a sentence that names the file. */
session_t *whole_open(const char *path, int threads, int batch_max,
                      fault_t *fault);

#endif
