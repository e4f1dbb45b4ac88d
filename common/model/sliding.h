/* A window that slides over an image [N, channels, spatial...]: what Conv,
 * ConvTranspose and the pools say about it, worked out for one input.
 */
#ifndef CONVOY_COMMON_MODEL_SLIDING_H
#define CONVOY_COMMON_MODEL_SLIDING_H

#include <stdint.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/tensor.h"

enum {
    SLIDING_AXES = 3,
    SLIDING_EXTENT_MAX = 1 << 20, /* of a kernel, stride, dilation, padding */
};

/* The spatial axes stand at the end of each array; where there are fewer than
 * SLIDING_AXES, those in front have one element and a kernel of 1.
 *
 * Along an axis, output o sees the inputs o * stride - begin + k * dilation
 * for k < kernel; what is not in 0..in-1 is padding. Transposed, it is input i
 * that is added to the outputs i * stride - begin + k * dilation. */
typedef struct sliding {
    int axes; /* spatial ones of the image */
    int64_t in[SLIDING_AXES], out[SLIDING_AXES];
    int64_t kernel[SLIDING_AXES], stride[SLIDING_AXES];
    int64_t dilation[SLIDING_AXES];
    int64_t begin[SLIDING_AXES], end[SLIDING_AXES]; /* padding */
} sliding_t;

/* The window of a Conv with weights [channels, channels a group, kernel...],
 * or of a pool (weights NULL) over an input x; auto_pad and ceil_mode are
 * worked out. -1 with FAULT_INPUT naming the node. */
int sliding_read(const node_t *node, const shape_t *x, const shape_t *weights,
                 sliding_t *self, fault_t *fault);

/* The same for a ConvTranspose; output_shape is worked out as well. */
int sliding_read_transposed(const node_t *node, const shape_t *x,
                            const shape_t *weights, sliding_t *self,
                            fault_t *fault);

/* x[N, *, ...] with other channels and the output's extents. */
shape_t sliding_output(const sliding_t *self, const shape_t *x,
                       int64_t channels);

#endif
