/* Which way a convolution is computed, where several could.
 *
 * A function of the shape and the CPU level alone, so that all workers of a
 * level give the same bits; never of batch or threads, and nothing is timed at
 * load. bench/calibrate.c measures how good it is.
 */
#ifndef CONVOY_WORKER_ENGINE_CONV_RULE_H
#define CONVOY_WORKER_ENGINE_CONV_RULE_H

#include "worker/kernel/conv.h"

/* The outputs of a Winograd tile along each axis, 2 or 4; 0 where a direct way
 * is faster, or the only one. lanes: floats of a vector of the CPU level. */
int conv_rule_tile(const conv_shape_t *shape, int lanes);

#endif
