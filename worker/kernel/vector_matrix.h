/* One row times a packed weight matrix, for fully connected layers of one row
 * a sample.
 *
 *   y[outs] = x[depth] W[depth x outs]
 *
 * A tile of gemm would compute six or more rows where there is one; this
 * reads each weight once and is bound by memory. Packed weights: panels of
 * VECTOR_MATRIX_WIDTH outputs one after the other, each depth x width, zero
 * past the last output. Sums go over depth in fixed blocks, whatever the
 * number of samples.
 */
#ifndef CONVOY_WORKER_KERNEL_VECTOR_MATRIX_H
#define CONVOY_WORKER_KERNEL_VECTOR_MATRIX_H

#include <stddef.h>

enum { VECTOR_MATRIX_WIDTH = 32 };

/* Floats of the packed weights. */
size_t vector_matrix_floats(size_t depth, size_t outs);

/* Pack some outputs' weights[outs][depth], from an output that is a multiple
 * of VECTOR_MATRIX_WIDTH. */
void vector_matrix_pack_outs(const float *weights, size_t depth, size_t out,
                             size_t outs, float *packed);

/* Pack some steps of weights[depth][outs], from any of them. */
void vector_matrix_pack_steps(const float *weights, size_t depth, size_t outs,
                              size_t step, size_t steps, float *packed);

/* Compute outputs [out, out + count) of `samples` rows: x's rows are depth
 * floats apart, y's outs. out is a multiple of VECTOR_MATRIX_WIDTH; packed is
 * on a 64-byte border. */
void vector_matrix(float *y, const float *x, const float *packed, size_t depth,
                   size_t outs, size_t out, size_t count, size_t samples);

#endif
