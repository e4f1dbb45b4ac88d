/* Operators that only put elements elsewhere, as walks: element after element
 * of an output, where in input 0 it comes from. Evaluation and the engine copy
 * along the same walk.
 */
#ifndef CONVOY_COMMON_MODEL_MOVES_H
#define CONVOY_COMMON_MODEL_MOVES_H

#include "common/model/eval.h"
#include "common/model/graph.h"
#include "common/model/walk.h"

/* The walk that output `slot`, of this shape, of a node is made by; the
 * elements of input 0 are not looked at. Types are as shape inference has
 * accepted them; a Gather is of one index. NULL, or a sentence about what is
 * wrong. */
const char *moves_find(const node_t *node, const array_t *const *inputs,
                       int slot, const shape_t *shape, walk_t *walk);

#endif
