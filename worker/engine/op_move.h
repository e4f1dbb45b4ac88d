/* Elements that need not move: what lies in one piece may stay where it is. */
#ifndef CONVOY_WORKER_ENGINE_OP_MOVE_H
#define CONVOY_WORKER_ENGINE_OP_MOVE_H

#include "worker/engine/op.h"

/* Whether a sample of input `slot` of a Concat is one piece of a sample of its
 * output, `offset` bytes from its start. False for other operators. */
bool op_move_joins(const build_t *build, const step_t *step, int slot,
                   size_t *offset);

/* Whether a sample of output `slot` of a Split, a Slice or the like is one
 * piece of a sample of its input. It reads the constants that say where. */
bool op_move_splits(const build_t *build, const step_t *step, int slot,
                    size_t *offset);

#endif
