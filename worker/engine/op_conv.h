/* What the ways to compute a convolution share.
 *
 * Each way is a file with rows of the name Conv: op_conv_vector.c,
 * op_conv_depthwise.c, op_conv_winograd.c, op_conv_direct.c. The first whose
 * check accepts a node computes it, in the order of op.c; the last one accepts
 * every convolution that is supported. Which way a convolution goes follows
 * from its shape and the CPU level alone, never from the batch or the threads,
 * so that all workers give the same bits.
 */
#ifndef CONVOY_WORKER_ENGINE_OP_CONV_H
#define CONVOY_WORKER_ENGINE_OP_CONV_H

#include "worker/engine/op.h"
#include "worker/kernel/conv.h"

/* The head of every way's state. */
typedef struct conv {
    conv_shape_t shape; /* of one group */
    int groups;
    size_t images;     /* of a sample: more than one in a fixed batch */
    size_t in_floats;  /* of a group's input, of one image */
    size_t out_floats; /* of a group's output */
} conv_t;

/* Read a node; also the check that all ways have in common. */
int conv_read(const build_t *build, const step_t *step, conv_t *conv,
              fault_t *fault);

/* Fill step->bias: a value for each output channel, zeros where the node has
 * none. */
int conv_prepare_bias(const build_t *build, step_t *step, fault_t *fault);

/* What the packed weights of a step will take if it goes Winograd's way; 0 of
 * any other step. */
size_t conv_winograd_bytes(const build_t *build, const step_t *step);

/* Whether a step can multiply its input by a factor a channel: it goes straight
 * from the input's own rows. */
bool conv_direct_scales(const build_t *build, const step_t *step);

/* How a way keeps the weights of a group. */
typedef struct conv_packing {
    /* Pack weights[channels][channels_in][kernel_y][kernel_x], from an output
     * channel that is a multiple of channels_multiple. */
    void (*pack)(const void *layout, const float *weights, size_t channel,
                 size_t channels, float *packed);
    const void *layout;
    size_t channels_multiple;
    size_t weights_floats; /* of a group, packed */
} conv_packing_t;

/* Fill step->weights, group after group. Some channels after others are read,
 * so that large weights are never in memory twice. */
int conv_prepare_weights(const build_t *build, step_t *step,
                         const conv_packing_t *packing, fault_t *fault);

/* Where group g of an image lies; images count through all samples, and a
 * group has `floats`. */
float *conv_image(const conv_t *conv, const operand_t *operand, size_t image,
                  size_t g, size_t floats);

/* What happens at the end to group g of an image: bias and residual of the
 * group's first channel. */
conv_end_t conv_end(const step_t *step, size_t image, size_t g);

#endif
