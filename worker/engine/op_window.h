/* Reading the attributes that convolution and pooling share. */
#ifndef CONVOY_WORKER_ENGINE_OP_WINDOW_H
#define CONVOY_WORKER_ENGINE_OP_WINDOW_H

#include "worker/engine/op.h"
#include "worker/kernel/window.h"

/* The window of a node over its first input and output, both [N, C, H, W].
 * kernel is the kernel's shape where the node need not say it (a convolution's
 * weights), or NULL. */
int op_window(const build_t *build, const step_t *step, const int *kernel,
              window_t *window, fault_t *fault);

#endif
