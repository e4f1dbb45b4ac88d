/* The table of layers: torch.nn's words. */
#include "common/model/layers_ops.h"

#define ROW(op, kind, rank, emit, node, ...)                                   \
    {                                                                          \
        op, emit, LAYER_##kind, rank, node,                                    \
        {                                                                      \
            __VA_ARGS__                                                        \
        }                                                                      \
    }

const layer_row_t layer_rows[] = {
    ROW("Conv2d", WEIGHTED, 4, layer_conv, NULL, "in_channels", "out_channels",
        "kernel_size", "stride", "padding", "dilation", "groups", "bias",
        "padding_mode"),
    ROW("Linear", WEIGHTED, 0, layer_linear, NULL, "in_features",
        "out_features", "bias"),

    ROW("MaxPool2d", PLAIN, 4, layer_max_pool, NULL, "kernel_size", "stride",
        "padding", "dilation", "ceil_mode"),
    ROW("AvgPool2d", PLAIN, 4, layer_average_pool, NULL, "kernel_size",
        "stride", "padding", "ceil_mode", "count_include_pad"),
    ROW("AdaptiveAvgPool2d", PLAIN, 4, layer_adaptive_pool, NULL,
        "output_size"),

    ROW("BatchNorm2d", WEIGHTED, 4, layer_batch_norm, NULL, "num_features",
        "eps", "momentum", "affine", "track_running_stats"),

    ROW("ReLU", PLAIN, 0, layer_unary, "Relu", "inplace"),
    ROW("ReLU6", PLAIN, 0, layer_relu6, NULL, "inplace"),
    ROW("LeakyReLU", PLAIN, 0, layer_leaky_relu, NULL, "negative_slope",
        "inplace"),
    ROW("GELU", PLAIN, 0, layer_gelu, NULL, "approximate"),
    ROW("Sigmoid", PLAIN, 0, layer_unary, "Sigmoid", NULL),
    ROW("Tanh", PLAIN, 0, layer_unary, "Tanh", NULL),
    ROW("SiLU", PLAIN, 0, layer_silu, NULL, "inplace"),
    ROW("Hardswish", PLAIN, 0, layer_unary, "HardSwish", "inplace"),
    ROW("Softmax", PLAIN, 0, layer_softmax, "Softmax", "dim"),

    ROW("Flatten", PLAIN, 0, layer_flatten, NULL, "start_dim", "end_dim"),
    ROW("Dropout", PLAIN, 0, layer_identity, NULL, "p", "inplace"),
    ROW("Dropout2d", PLAIN, 0, layer_identity, NULL, "p", "inplace"),
    ROW("Identity", PLAIN, 0, layer_identity, NULL, NULL),

    ROW("Add", JOINS, 0, layer_chain, "Add", NULL),
    ROW("Concat", JOINS, 0, layer_concat, NULL, "dim"),
};

const size_t layer_rows_count = sizeof layer_rows / sizeof layer_rows[0];
