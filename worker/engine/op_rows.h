/* The rows of each operator family; a row without a name ends a list. */
#ifndef CONVOY_WORKER_ENGINE_OP_ROWS_H
#define CONVOY_WORKER_ENGINE_OP_ROWS_H

#include "worker/engine/op.h"

extern const op_t op_rows_conv_vector[];
extern const op_t op_rows_conv_depthwise[];
extern const op_t op_rows_conv_winograd[];
extern const op_t op_rows_conv_direct[]; /* any Conv */
extern const op_t op_rows_conv_transpose[];
extern const op_t op_rows_matmul[];  /* weights on the right */
extern const op_t op_rows_product[]; /* anything else */
extern const op_t op_rows_pool[];
extern const op_t op_rows_unary[];
extern const op_t op_rows_binary[];
extern const op_t op_rows_reduce[];
extern const op_t op_rows_norm[];
extern const op_t op_rows_moments[];
extern const op_t op_rows_shape[];
extern const op_t op_rows_move[];
extern const op_t op_rows_resize[];

#endif
