"""Rarer shapes, attributes and numbers of the operators, at opset 17 or 18."""
import itertools

import numpy as np
from onnx import TensorProto

from models import (Constant, elem_type, floats, ints, normal, one, scalar,
                    weights)

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.2e-38, -1.2e-38, 3e38,
                    -3e38, 1.0, -1.0, 88.8, -88.8, 104.0, -104.0, 0.5],
                   np.float32)


def windows():
    x, deep = normal(1, 4, 9, 8), normal(2, 4, 5, 4, 6)
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        for op, more in (("Conv", [weights(4, 4, 3, 2)]), ("MaxPool", []),
                         ("AveragePool", [])):
            window = {} if more else {"kernel_shape": [3, 2]}
            if auto == "VALID" and op != "AveragePool":
                window["dilations"] = [2, 3]
            yield one(f"wide_{op.lower()}_{auto.lower()}", 17, op, [x, *more],
                      auto_pad=auto, strides=[2, 1], **window)
    # ONNX Runtime counts padding beyond the padding where both are set.
    for ceil, counted in ((0, 0), (0, 1), (1, 0)):
        yield one(f"wide_averagepool_{ceil}{counted}", 19, "AveragePool", [x],
                  kernel_shape=[4, 3], strides=[3, 2], pads=[1, 0, 2, 1],
                  ceil_mode=ceil, count_include_pad=counted)
    yield one("wide_conv_3d", 17, "Conv",
              [deep, weights(6, 2, 2, 3, 3), weights(6)], group=2,
              pads=[1, 0, 1, 0, 1, 2], strides=[1, 2, 2])
    yield one("wide_conv_pointwise", 17, "Conv", [x, weights(7, 4, 1, 1)],
              strides=[2, 2])
    yield one("wide_conv_of_one_pixel", 17, "Conv",
              [normal(1, 40, 1, 1), weights(33, 40, 1, 1), weights(33)])
    yield one("wide_conv_large", 17, "Conv", [x, weights(4, 1, 9, 8)],
              group=4, pads=[4, 3, 4, 4])
    yield one("wide_conv_multiplier", 17, "Conv", [x, weights(12, 1, 3, 3)],
              group=4, pads=[1, 1, 1, 1])
    yield one("wide_convtranspose_3d", 17, "ConvTranspose",
              [deep, weights(4, 3, 2, 3, 2)], strides=[2, 1, 3])
    for op in ("MaxPool", "AveragePool"):
        yield one(f"wide_{op.lower()}_3d", 17, op, [deep],
                  kernel_shape=[2, 3, 2], strides=[2, 1, 2],
                  pads=[0, 1, 1, 1, 1, 0])
        for shape in ((2, 3, 7), (2, 3, 4, 5, 6)):
            yield one(f"wide_global{op.lower()}_{len(shape)}", 17,
                      f"Global{op}", [normal(*shape)])
    yield one("wide_maxpool_indices", 17, "MaxPool", [normal(2, 3, 6, 5)],
              outputs=2, dtype=["float32", "int64"], kernel_shape=[2, 3],
              pads=[1, 1, 0, 1], strides=[2, 1])


def norms():
    variance = Constant(np.abs(normal(4)) + np.float32(0.5))
    for shape in ((3, 4), (2, 4, 5), (2, 4, 3, 2, 3)):
        yield one(f"wide_batchnormalization_{len(shape)}", 17,
                  "BatchNormalization", [normal(*shape), weights(4),
                                         weights(4), weights(4), variance])
    for shape in ((2, 4, 5), (2, 4, 3, 2, 3)):
        yield one(f"wide_instancenormalization_{len(shape)}", 17,
                  "InstanceNormalization",
                  [normal(*shape), weights(4), weights(4)], epsilon=0.1)
    yield one("wide_layernormalization_33", 17, "LayerNormalization",
              [3 + normal(4, 33), weights(33), weights(33)])
    for axis in (0, 1, -2):
        yield one(f"wide_layernormalization_{axis}", 17, "LayerNormalization",
                  [normal(3, 4, 5), weights(*(3, 4, 5)[axis:])], outputs=3,
                  axis=axis)
    for size in (1, 3, 7):
        yield one(f"wide_lrn_{size}", 17, "LRN", [normal(2, 6, 3, 2)],
                  size=size, alpha=0.5, beta=0.75, bias=0.5)
    for op in ("Softmax", "LogSoftmax"):
        masked = normal(3, 5)
        masked[:, 2:] = -np.inf
        yield one(f"wide_{op.lower()}_masked", 17, op, [masked])
        yield one(f"wide_{op.lower()}_large", 17, op, [1000 * normal(3, 5)])


def products():
    for c in ((), (1,), (5,), (3, 1), (1, 5), (3, 5), (1, 1)):
        yield one(f"wide_gemm_{'x'.join(map(str, c))}", 17, "Gemm",
                  [normal(3, 4), weights(4, 5), normal(*c)], beta=0.5)
        yield one(f"wide_gemm_constant_{'x'.join(map(str, c))}", 17, "Gemm",
                  [normal(3, 4), weights(4, 5), Constant(normal(*c))])
    for a, b in itertools.product((0, 1), (0, 1)):
        for kind in (Constant, np.asarray):
            yield one(f"wide_gemm_{a}{b}_{kind.__name__}", 17, "Gemm",
                      [normal(*((4, 3) if a else (3, 4))),
                       kind(normal(*((5, 4) if b else (4, 5))))],
                      transA=a, transB=b, alpha=0.3)
    shapes = [((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)),
              ((2, 3, 4), (4,)), ((4,), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)),
              ((1, 3, 4), (6, 4, 2)), ((7, 2, 3, 4), (1, 4, 2)),
              ((1, 4), (4, 1)), ((3, 1), (1, 5)), ((70, 130), (130, 65))]
    for i, (a, b) in enumerate(shapes):
        yield one(f"wide_matmul_{i}", 17, "MatMul", [normal(*a), normal(*b)])
        yield one(f"wide_matmul_right_{i}", 17, "MatMul",
                  [normal(*a), Constant(normal(*b))])
        yield one(f"wide_matmul_left_{i}", 17, "MatMul",
                  [Constant(normal(*a)), normal(*b)])


def layouts():
    x = normal(3, 4, 5)
    most = np.iinfo(np.int64).max
    slices = [([1], [most], [0], [1]), ([-1], [-most], [1], [-1]),
              ([most], [0], [2], [-2]), ([0, 1], [2, 4], [-1, -2], [1, 2]),
              ([3], [1], [1], [1]), ([-100], [100], [2], [3])]
    for i, (start, end, axes, steps) in enumerate(slices):
        yield one(f"wide_slice_{i}", 17, "Slice",
                  [x, ints(*start), ints(*end), ints(*axes), ints(*steps)])
    for i, index in enumerate((scalar(-1, np.int64), ints([0, 1], [2, -3]),
                               ints(2), Constant(np.array([1], np.int32)))):
        for axis in (0, 1, -1):
            yield one(f"wide_gather_{i}_{axis}", 17, "Gather", [x, index],
                      axis=axis)
    for mode in ("constant", "edge"):
        yield one(f"wide_pad_{mode}_crop", 17, "Pad",
                  [x, ints(0, -1, 2, 1, 2, -3)], mode=mode)
    yield one("wide_pad_wrap", 19, "Pad", [x, ints(2, 3, 4, 1, 2, 5)],
              mode="wrap")
    for target in ((3, 4, 5), (1, 4, 1), (2, 3, 4, 5), (5,)):
        yield one(f"wide_expand_{len(target)}_{target[0]}", 17, "Expand",
                  [x, ints(*target)])
    yield one("wide_tile_1d", 17, "Tile", [normal(3), ints(4)])
    yield one("wide_concat_three", 17, "Concat",
              [x, Constant(normal(3, 2, 5)), normal(3, 1, 5)], axis=-2)
    yield one("wide_split_three", 17, "Split", [x, ints(1, 0, 4)], outputs=3,
              axis=-1)
    yield one("wide_split_default", 17, "Split", [normal(4, 3)], outputs=2)
    yield one("wide_transpose_5d", 17, "Transpose", [normal(2, 3, 4, 2, 3)],
              perm=[3, 1, 4, 0, 2])
    for last in (0, 1):
        yield one(f"wide_argmax_ties_{last}", 17, "ArgMax",
                  [np.round(x)], axis=1, select_last_index=last,
                  dtype="int64")
    yield one("wide_scatternd_element", 17, "ScatterND",
              [x, ints([0, 1, 2], [-1, -1, -1]), normal(2)])


def resizes():
    x = normal(1, 2, 5, 7)
    ways = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
    sizes = ((1, 2, 11, 4), (1, 2, 3, 13), (1, 2, 1, 1), (1, 2, 5, 14))
    for way, size in itertools.product(ways, sizes):
        name = f"wide_resize_{way}_{size[2]}x{size[3]}"
        for near in ("round_prefer_floor", "round_prefer_ceil", "floor",
                     "ceil"):
            yield one(f"{name}_{near}", 17, "Resize",
                      [x, None, None, ints(*size)], mode="nearest",
                      coordinate_transformation_mode=way, nearest_mode=near)
        yield one(f"{name}_linear", 17, "Resize",
                  [x, None, None, ints(*size)], mode="linear",
                  coordinate_transformation_mode=way)
        for outside, a in ((0, -0.75), (1, -0.5)):
            yield one(f"{name}_cubic_{outside}", 17, "Resize",
                      [x, None, None, ints(*size)], mode="cubic",
                      coordinate_transformation_mode=way,
                      exclude_outside=outside, cubic_coeff_a=a)
    for mode in ("nearest", "linear", "cubic"):
        yield one(f"wide_resize_scales_{mode}", 17, "Resize",
                  [x, None, floats(1, 1, 2.3, 0.45)], mode=mode)
        yield one(f"wide_resize_crop_{mode}", 17, "Resize",
                  [x, floats(0, 0, 0.2, -0.3, 1, 1, 0.7, 1.2), None,
                   ints(1, 2, 4, 6)], mode=mode, extrapolation_value=9.0,
                  coordinate_transformation_mode="tf_crop_and_resize")
    yield one("wide_resize_channels_last", 17, "Resize",
              [normal(1, 5, 7, 2), None, floats(1, 2, 1.5, 1)],
              mode="linear")
    yield one("wide_resize_1d", 17, "Resize",
              [normal(2, 3, 8), None, floats(1, 1, 1.7)], mode="linear")
    yield one("wide_resize_3d", 17, "Resize",
              [normal(1, 2, 3, 4, 5), None, floats(1, 1, 2, 1.5, 1.2)],
              mode="linear")


def casts():
    wide = np.array([-1e10, -129.5, -1.5, -0.0, 0.4, 0.5, 1.5, 2.5, 127.9,
                     255.0], np.float64)
    kinds = ("float32", "float64", "float16", "int64", "int32", "int16",
             "int8", "uint8", "bool")
    small = np.clip(wide, -100, 100)
    for source, to in itertools.product(kinds, kinds):
        given = np.abs(small) if "uint8" in (source, to) else small
        yield one(f"wide_cast_{source}_{to}", 17, "Cast",
                  [given.astype(source)], dtype=to, to=elem_type(to))
    whole = np.array([-2**40 - 3, 300, 2**31, -1, 0, 2**63 - 1])
    for to in ("int32", "int16", "int8", "uint8", "bool", "float32"):
        yield one(f"wide_cast_whole_{to}", 17, "Cast", [whole], dtype=to,
                  to=elem_type(to))


def specials():
    """Infinities, no numbers, zeros of either sign, the smallest that a run
    tells from zero, what overflows; less what ONNX Runtime itself gets wrong
    (the root of infinity, erf of no number, the largest of no number, squares
    that overflow)."""
    for op in ("Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid",
               "HardSwish", "Softplus", "Tanh", "Neg", "Abs", "Floor", "Ceil",
               "Exp", "Reciprocal"):
        yield one(f"special_{op.lower()}", 17, op, [SPECIAL])
    yield one("special_mish", 18, "Mish", [SPECIAL])
    yield one("special_erf", 17, "Erf", [SPECIAL[1:]])
    yield one("special_gelu", 20, "Gelu", [SPECIAL])
    yield one("special_log", 17, "Log", [SPECIAL])
    yield one("special_sqrt", 17, "Sqrt", [SPECIAL[3:]])
    column = SPECIAL.reshape(-1, 1)
    for op in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Mean"):
        yield one(f"special_{op.lower()}", 17, op, [SPECIAL, column])
    finite = SPECIAL[np.isfinite(SPECIAL)]
    yield one("special_pow", 17, "Pow", [finite, column])
    for op in ("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"):
        yield one(f"special_{op.lower()}", 17, op, [SPECIAL, column],
                  dtype="bool")
    yield one("special_clip", 17, "Clip", [SPECIAL, scalar(-2), scalar(50)])
    yield one("special_where", 17, "Where", [SPECIAL > 0, SPECIAL, column])
    for op in ("ReduceMax", "ReduceMin", "ReduceMean"):
        yield one(f"special_{op.lower()}", 17, op,
                  [SPECIAL.reshape(8, 2)], axes=[1])
    yield one("special_argmax", 17, "ArgMax", [SPECIAL[1:].reshape(5, 3)],
              axis=1, dtype="int64")
    yield one("special_maxpool", 17, "MaxPool",
              [SPECIAL[1:].reshape(1, 1, 3, 5)], kernel_shape=[2, 2])
    yield one("special_cast_bool", 17, "Cast", [SPECIAL], dtype="bool",
              to=TensorProto.BOOL)
    for a, b in ((7, -2), (-7, 2), (-7, -2)):
        pair = [np.array([a], np.int64), np.array([b], np.int64)]
        for op in ("Div", "Mod"):
            yield one(f"special_{op.lower()}_{a}_{b}", 17, op, pair,
                      dtype="int64")


def wide():
    for family in (windows, norms, products, layouts, resizes, casts,
                   specials):
        yield from family()
