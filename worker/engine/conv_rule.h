/* Which way a convolution is computed, where several could.
 *
 * A function of the shape and the CPU level alone, so that all workers of a
 * level give the same bits; never of batch or threads, and nothing is timed at
 * load. bench/calibrate.c measures how good it is.
 */
#ifndef CONVOY_WORKER_ENGINE_CONV_RULE_H
#define CONVOY_WORKER_ENGINE_CONV_RULE_H

#include "worker/kernel/conv.h"

/* The outputs of a Winograd tile along each axis, 2, 4 or 6; 0 where a direct
 * way is faster, or the only one. */
int conv_rule_tile(const conv_shape_t *shape);

#endif
