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
    ROW("Conv1d", WEIGHTED, 3, layer_conv, NULL, "in_channels", "out_channels",
        "kernel_size", "stride", "padding", "dilation", "groups", "bias",
        "padding_mode"),
    ROW("Conv2d", WEIGHTED, 4, layer_conv, NULL, "in_channels", "out_channels",
        "kernel_size", "stride", "padding", "dilation", "groups", "bias",
        "padding_mode"),
    ROW("ConvTranspose1d", WEIGHTED, 3, layer_conv_transpose, NULL,
        "in_channels", "out_channels", "kernel_size", "stride", "padding",
        "output_padding", "groups", "bias", "dilation"),
    ROW("ConvTranspose2d", WEIGHTED, 4, layer_conv_transpose, NULL,
        "in_channels", "out_channels", "kernel_size", "stride", "padding",
        "output_padding", "groups", "bias", "dilation"),
    ROW("Linear", WEIGHTED, 0, layer_linear, NULL, "in_features",
        "out_features", "bias"),

    ROW("MaxPool1d", PLAIN, 3, layer_max_pool, NULL, "kernel_size", "stride",
        "padding", "dilation", "ceil_mode"),
    ROW("MaxPool2d", PLAIN, 4, layer_max_pool, NULL, "kernel_size", "stride",
        "padding", "dilation", "ceil_mode"),
    ROW("AvgPool1d", PLAIN, 3, layer_average_pool, NULL, "kernel_size",
        "stride", "padding", "ceil_mode", "count_include_pad"),
    ROW("AvgPool2d", PLAIN, 4, layer_average_pool, NULL, "kernel_size",
        "stride", "padding", "ceil_mode", "count_include_pad"),
    ROW("AdaptiveAvgPool1d", PLAIN, 3, layer_adaptive_average_pool, NULL,
        "output_size"),
    ROW("AdaptiveAvgPool2d", PLAIN, 4, layer_adaptive_average_pool, NULL,
        "output_size"),
    ROW("AdaptiveMaxPool1d", PLAIN, 3, layer_adaptive_max_pool, NULL,
        "output_size"),
    ROW("AdaptiveMaxPool2d", PLAIN, 4, layer_adaptive_max_pool, NULL,
        "output_size"),

    ROW("BatchNorm1d", WEIGHTED, 0, layer_batch_norm_1d, NULL, "num_features",
        "eps", "momentum", "affine", "track_running_stats"),
    ROW("BatchNorm2d", WEIGHTED, 4, layer_batch_norm, NULL, "num_features",
        "eps", "momentum", "affine", "track_running_stats"),

    ROW("ReLU", PLAIN, 0, layer_unary, "Relu", "inplace"),
    ROW("ReLU6", PLAIN, 0, layer_relu6, NULL, "inplace"),
    ROW("LeakyReLU", PLAIN, 0, layer_leaky_relu, "LeakyRelu", "negative_slope",
        "inplace"),
    ROW("PReLU", WEIGHTED, 0, layer_prelu, NULL, "num_parameters"),
    ROW("ELU", PLAIN, 0, layer_elu, "Elu", "alpha", "inplace"),
    ROW("CELU", PLAIN, 0, layer_elu, "Celu", "alpha", "inplace"),
    ROW("SELU", PLAIN, 0, layer_unary, "Selu", "inplace"),
    ROW("GELU", PLAIN, 0, layer_gelu, NULL, "approximate"),
    ROW("Sigmoid", PLAIN, 0, layer_unary, "Sigmoid", NULL),
    ROW("Tanh", PLAIN, 0, layer_unary, "Tanh", NULL),
    ROW("SiLU", PLAIN, 0, layer_silu, NULL, "inplace"),
    ROW("Mish", PLAIN, 0, layer_unary, "Mish", "inplace"),
    ROW("Softplus", PLAIN, 0, layer_unary, "Softplus", NULL),
    ROW("Hardswish", PLAIN, 0, layer_unary, "HardSwish", "inplace"),
    ROW("Hardsigmoid", PLAIN, 0, layer_hard_sigmoid, NULL, "inplace"),
    ROW("Hardtanh", PLAIN, 0, layer_hardtanh, NULL, "min_val", "max_val",
        "inplace"),
    ROW("Softmax", PLAIN, 0, layer_softmax, "Softmax", "dim"),
    ROW("LogSoftmax", PLAIN, 0, layer_softmax, "LogSoftmax", "dim"),

    ROW("Flatten", PLAIN, 0, layer_flatten, NULL, "start_dim", "end_dim"),
    ROW("Unflatten", PLAIN, 0, layer_unflatten, NULL, "dim",
        "unflattened_size"),
    ROW("Permute", PLAIN, 0, layer_permute, NULL, "dims"),
    ROW("ChannelShuffle", PLAIN, 4, layer_channel_shuffle, NULL, "groups"),
    ROW("PixelShuffle", PLAIN, 4, layer_pixel_shuffle, NULL, "upscale_factor"),
    ROW("PixelUnshuffle", PLAIN, 4, layer_pixel_unshuffle, NULL,
        "downscale_factor"),
    ROW("Narrow", PLAIN, 0, layer_narrow, NULL, "dim", "start", "length"),

    ROW("Dropout", PLAIN, 0, layer_identity, NULL, "p", "inplace"),
    ROW("Dropout1d", PLAIN, 0, layer_identity, NULL, "p", "inplace"),
    ROW("Dropout2d", PLAIN, 0, layer_identity, NULL, "p", "inplace"),
    ROW("StochasticDepth", PLAIN, 0, layer_identity, NULL, "p", "mode"),
    ROW("Identity", PLAIN, 0, layer_identity, NULL, NULL),

    ROW("Add", JOINS, 0, layer_chain, "Add", NULL),
    ROW("Sub", JOINS, 0, layer_chain, "Sub", NULL),
    ROW("Mul", JOINS, 0, layer_chain, "Mul", NULL),
    ROW("Div", JOINS, 0, layer_chain, "Div", NULL),
    ROW("Concat", JOINS, 0, layer_concat, NULL, "dim"),
};

const size_t layer_rows_count = sizeof layer_rows / sizeof layer_rows[0];
