/* The table of kernels, one for each CPU level.
 *
 * The files of this folder are compiled once per level (the Makefile's LEVELS)
 * and linked into one object in which every name but kernels_LEVEL is local.
 * So a kernel is written as a plain function with a plain name, and is reached
 * from outside through the table alone: worker/engine/level chooses it,
 * kernels()->softmax(...) calls.
 *
 * A new kernel: its prototype in a header of this folder, the header and a row
 * here. Inside the folder kernels call each other directly.
 */
#ifndef CONVOY_WORKER_KERNEL_KERNELS_H
#define CONVOY_WORKER_KERNEL_KERNELS_H

#include "worker/kernel/activate.h"
#include "worker/kernel/affine.h"
#include "worker/kernel/binary.h"
#include "worker/kernel/conv_direct.h"
#include "worker/kernel/conv_transpose.h"
#include "worker/kernel/depthwise.h"
#include "worker/kernel/gemm.h"
#include "worker/kernel/layout.h"
#include "worker/kernel/linear.h"
#include "worker/kernel/norm.h"
#include "worker/kernel/peak.h"
#include "worker/kernel/pool.h"
#include "worker/kernel/reduce.h"
#include "worker/kernel/resize.h"
#include "worker/kernel/softmax.h"
#include "worker/kernel/winograd.h"

/* clang-format off */
#define KERNELS(row)                                                           \
    row(activate)                                                              \
    row(activate_column)                                                       \
    row(activate_row)                                                          \
    row(affine)                                                                \
    row(binary)                                                                \
    row(binary_simplify)                                                       \
    row(conv_direct)                                                           \
    row(conv_direct_init)                                                      \
    row(conv_direct_lay_out)                                                   \
    row(conv_direct_pack)                                                      \
    row(conv_transpose)                                                        \
    row(conv_transpose_init)                                                   \
    row(conv_transpose_pack)                                                   \
    row(depthwise_init)                                                        \
    row(depthwise_pack)                                                        \
    row(depthwise_planes)                                                      \
    row(depthwise_scratch_floats)                                              \
    row(gemm_block)                                                            \
    row(gemm_block_offset)                                                     \
    row(gemm_columns)                                                          \
    row(gemm_init)                                                             \
    row(gemm_name)                                                             \
    row(gemm_pack)                                                             \
    row(gemm_packed_floats)                                                    \
    row(gemm_rows)                                                             \
    row(gemm_step)                                                             \
    row(gemm_tile)                                                             \
    row(layout_plane)                                                          \
    row(linear)                                                                \
    row(linear_pack_outs)                                                      \
    row(linear_pack_steps)                                                     \
    row(linear_rows_a_call)                                                    \
    row(linear_weights_floats)                                                 \
    row(log_softmax)                                                           \
    row(norm_channels)                                                         \
    row(norm_group)                                                            \
    row(norm_rows)                                                             \
    row(peak_run)                                                              \
    row(pool_average)                                                          \
    row(pool_init)                                                             \
    row(pool_largest)                                                          \
    row(pool_max)                                                              \
    row(pool_mean)                                                             \
    row(pool_scratch_floats)                                                   \
    row(reduce_columns)                                                        \
    row(reduce_rows)                                                           \
    row(resize_columns)                                                        \
    row(resize_rows)                                                           \
    row(softmax)                                                               \
    row(winograd)                                                              \
    row(winograd_init)                                                         \
    row(winograd_pack)
/* clang-format on */

#define KERNELS_FIELD(name) __typeof__(name) *name;

typedef struct kernels {
    const char *level; /* "avx2" */
    int lanes;         /* floats of a vector */
    KERNELS(KERNELS_FIELD)
} kernels_t;

extern const kernels_t kernels_baseline;
#if defined(__x86_64__)
extern const kernels_t kernels_avx2;
extern const kernels_t kernels_avx512;
#endif

#endif
