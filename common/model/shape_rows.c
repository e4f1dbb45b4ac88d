/* The table of operators as shape inference sees them, by name. */
#include "common/model/shape_ops.h"

#include <string.h>

static const shape_row_t rows[] = {
    {"Abs", shape_unary_number, NULL, 1, NULL, 0},
    {"Add", shape_binary, NULL, 1, NULL, 0},
    {"And", shape_logic, NULL, 1, NULL, 0},
    {"AveragePool", shape_pool, flop_pool, 0, mixes_image, 0},
    {"BatchNormalization", shape_batch_norm, NULL, 2, mixes_image, 0},
    {"Cast", shape_cast, NULL, 0, NULL, 0},
    {"Ceil", shape_unary_float, NULL, 1, NULL, 0},
    {"Clip", shape_clip, NULL, 1, NULL, 0},
    {"Concat", shape_concat, NULL, 0, mixes_axis, 0},
    {"Conv", shape_conv, flop_conv, 0, mixes_image, 0},
    {"Div", shape_binary, NULL, 1, NULL, 0},
    {"Dropout", shape_dropout, NULL, 0, NULL, 0},
    {"Elu", shape_unary_float, NULL, 1, NULL, 0},
    {"Equal", shape_equality, NULL, 1, NULL, 0},
    {"Erf", shape_unary_float, NULL, 1, NULL, 0},
    {"Exp", shape_unary_float, NULL, 1, NULL, 0},
    {"Flatten", shape_flatten, NULL, 0, NULL, 0},
    {"Floor", shape_unary_float, NULL, 1, NULL, 0},
    {"Gelu", shape_unary_float, NULL, 1, NULL, 0},
    {"Gemm", shape_gemm, flop_gemm, 0, mixes_gemm, 0},
    {"GlobalAveragePool", shape_global_pool, flop_global_pool, 0, mixes_image,
     0},
    {"GlobalMaxPool", shape_global_pool, flop_global_pool, 0, mixes_image, 0},
    {"Greater", shape_compare, NULL, 1, NULL, 0},
    {"GreaterOrEqual", shape_compare, NULL, 1, NULL, 0},
    {"HardSigmoid", shape_unary_float, NULL, 1, NULL, 0},
    {"HardSwish", shape_unary_float, NULL, 1, NULL, 0},
    {"Identity", shape_unary, NULL, 0, NULL, 0},
    {"LeakyRelu", shape_unary_float, NULL, 1, NULL, 0},
    {"Less", shape_compare, NULL, 1, NULL, 0},
    {"LessOrEqual", shape_compare, NULL, 1, NULL, 0},
    {"Log", shape_unary_float, NULL, 1, NULL, 0},
    {"LogSoftmax", shape_softmax, NULL, 3, mixes_axis, 0},
    {"MatMul", shape_matmul, flop_matmul, 0, mixes_matmul, 0},
    {"Max", shape_extremum, NULL, 1, NULL, 0},
    {"MaxPool", shape_pool, flop_pool, 0, mixes_image, 0},
    {"Mean", shape_sum, NULL, 1, NULL, 0},
    {"Min", shape_extremum, NULL, 1, NULL, 0},
    {"Mod", shape_mod, NULL, 1, NULL, 0},
    {"Mul", shape_binary, NULL, 1, NULL, 0},
    {"Neg", shape_unary_number, NULL, 1, NULL, 0},
    {"Not", shape_not, NULL, 1, NULL, 0},
    {"Or", shape_logic, NULL, 1, NULL, 0},
    {"Pow", shape_pow, NULL, 1, NULL, 0},
    {"PRelu", shape_prelu, NULL, 1, NULL, 0},
    {"Reciprocal", shape_unary_float, NULL, 1, NULL, 0},
    {"ReduceL2", shape_reduce_sum, flop_reduce, 0, mixes_reduce, 1 << 1},
    {"ReduceMax", shape_reduce_extremum, flop_reduce, 0, mixes_reduce, 1 << 1},
    {"ReduceMean", shape_reduce_sum, flop_reduce, 0, mixes_reduce, 1 << 1},
    {"ReduceMin", shape_reduce_extremum, flop_reduce, 0, mixes_reduce, 1 << 1},
    {"ReduceSum", shape_reduce_sum, flop_reduce, 0, mixes_reduce, 1 << 1},
    {"Relu", shape_unary_number, NULL, 1, NULL, 0},
    {"Reshape", shape_reshape, NULL, 0, NULL, 1 << 1},
    {"Shape", shape_shape, NULL, 0, NULL, 1 << 0},
    {"Sigmoid", shape_unary_float, NULL, 1, NULL, 0},
    {"Silu", shape_unary_float, NULL, 1, NULL, 0},
    {"Size", shape_size, NULL, 0, NULL, 1 << 0},
    {"Softmax", shape_softmax, NULL, 3, mixes_axis, 0},
    {"Sqrt", shape_unary_float, NULL, 1, NULL, 0},
    {"Squeeze", shape_squeeze, NULL, 0, NULL, 1 << 1},
    {"Sub", shape_binary, NULL, 1, NULL, 0},
    {"Sum", shape_sum, NULL, 1, NULL, 0},
    {"Tanh", shape_unary_float, NULL, 1, NULL, 0},
    {"Transpose", shape_transpose, NULL, 0, NULL, 0},
    {"Unsqueeze", shape_unsqueeze, NULL, 0, NULL, 1 << 1},
};

const shape_row_t *
shape_row(const char *op)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].op, op) == 0)
            return &rows[i];
    return NULL;
}
