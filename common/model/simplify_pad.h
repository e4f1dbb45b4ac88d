/* A Pad with zeroes in front of a convolution or an average: exporters write
 * one where the framework pads apart, and where PyTorch counts the padding of
 * an average.
 */
#ifndef CONVOY_COMMON_MODEL_SIMPLIFY_PAD_H
#define CONVOY_COMMON_MODEL_SIMPLIFY_PAD_H

#include "common/fault.h"
#include "common/model/graph.h"

/* Let the window pad itself, in a sorted graph that shape inference accepts;
 * the Pad is marked removed. */
int simplify_pads(graph_t *graph, fault_t *fault);

#endif
