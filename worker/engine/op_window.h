/* Reading the attributes that convolution and pooling share. */
#ifndef CONVOY_WORKER_ENGINE_OP_WINDOW_H
#define CONVOY_WORKER_ENGINE_OP_WINDOW_H

#include "worker/engine/op.h"
#include "worker/kernel/window.h"

/* The window of a node over its first input and output, [N, C, H, W] or
 * [N, C, W], which is an image of one row. weights are those of a convolution,
 * NULL for a pool. -1 with FAULT_UNSUPPORTED where there are other axes. */
int op_window(const build_t *build, const step_t *step,
              const operand_t *weights, window_t *window, fault_t *fault);

/* The same for a ConvTranspose. */
int op_window_transposed(const build_t *build, const step_t *step,
                         window_t *window, fault_t *fault);

#endif
