"""Small models that check what node tests of onnx 1.12 cannot.

newer() has operators and definitions of opsets 18 to 21, older() what opsets 7
to 12 said with attributes or other words, batches() a batch axis left open.
python3-onnx serialises operators it does not know, as long as nobody asks its
checker. What is right is ONNX Runtime's business.
"""
import dataclasses
import zlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.mapping import NP_TYPE_TO_TENSOR_TYPE

# Constant(array): an initializer; a plain array: an input.
Constant = dataclasses.make_dataclass("Constant", ["array"])

IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10}  # by opset; older ones: 7


@dataclasses.dataclass
class Model:
    name: str
    model: object
    inputs: dict   # name to array
    outputs: list  # names


def ints(*values):
    return Constant(np.array(values, np.int64))


def floats(*values):
    return Constant(np.array(values, np.float32))


def scalar(value, dtype=np.float32):
    return Constant(np.array(value, dtype))


def normal(*shape):
    """Reproducible elements; the seed follows from the shape."""
    seed = zlib.crc32(repr(shape).encode())
    return np.asarray(np.random.default_rng(seed).standard_normal(shape),
                      np.float32)


def weights(*shape):
    return Constant(normal(*shape) / np.float32(np.prod(shape[1:]) ** 0.5))


def value_info(name, array, batch):
    dims = list(array.shape)
    if batch:
        dims[0] = "N"
    return helper.make_tensor_value_info(name, elem_type(array.dtype), dims)


def elem_type(dtype):
    return NP_TYPE_TO_TENSOR_TYPE[np.dtype(dtype)]


def one(name, opset, op, operands, outputs=1, dtype="float32", batch=False,
        **attributes):
    """A model of one node. Operands: arrays, Constants, None for an absent
    one; dtype: of the outputs, one for all or a list."""
    names, inputs, initializers = [], {}, []
    for i, operand in enumerate(operands):
        names.append("" if operand is None else f"x{i}")
        if isinstance(operand, Constant):
            initializers.append(numpy_helper.from_array(operand.array,
                                                        names[i]))
        elif operand is not None:
            inputs[names[i]] = operand
    made = [f"y{i}" for i in range(outputs)]
    dtypes = dtype if isinstance(dtype, list) else [dtype] * outputs
    graph = helper.make_graph(
        [helper.make_node(op, names, made, op.lower(), **attributes)], name,
        [value_info(n, a, batch) for n, a in inputs.items()],
        [helper.make_tensor_value_info(n, elem_type(t), None)
         for n, t in zip(made, dtypes)],
        initializers)
    model = helper.make_model(
        graph, ir_version=IR_VERSIONS.get(opset, 7),
        opset_imports=[helper.make_opsetid("", opset)])
    return Model(f"{name}_{opset}", model, inputs, made)


IMAGE = (2, 4, 5, 6)


def reduces(opset):
    """Axes became an input in 18 (for ReduceSum in 13)."""
    x = normal(3, 4, 5)
    for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2",
               "ReduceSum"):
        name = op.lower()
        yield one(name, opset, op, [x, ints(1)])
        yield one(f"{name}_two_axes", opset, op, [x, ints(-1, 0)], keepdims=0)
        yield one(f"{name}_all", opset, op, [x])
        yield one(f"{name}_noop", opset, op, [x, ints()],
                  noop_with_empty_axes=1)
        yield one(f"{name}_int32", opset, op,
                  [np.arange(24, dtype=np.int32).reshape(2, 3, 4), ints(2)],
                  dtype="int32")


def resizes(opset):
    x = normal(1, 2, 6, 8)
    for mode in ("nearest", "linear", "cubic"):
        for way in ("half_pixel", "align_corners", "asymmetric",
                    "pytorch_half_pixel"):
            yield one(f"resize_{mode}_{way}", opset, "Resize",
                      [x, None, None, ints(1, 2, 9, 5)], mode=mode,
                      coordinate_transformation_mode=way)
        yield one(f"resize_{mode}_axes", opset, "Resize",
                  [x, None, floats(1.5, 2.0)], mode=mode, axes=[2, 3])
    yield one("resize_not_larger", opset, "Resize",
              [x, None, None, ints(12, 10)], axes=[2, 3], mode="linear",
              keep_aspect_ratio_policy="not_larger")
    yield one("resize_not_smaller", opset, "Resize",
              [x, None, None, ints(12, 10)], axes=[3, 2], mode="linear",
              keep_aspect_ratio_policy="not_smaller")
    yield one("resize_antialias", opset, "Resize",
              [x, None, None, ints(1, 2, 3, 4)], mode="linear", antialias=1)
    if opset >= 19:
        yield one("resize_symmetric", opset, "Resize",
                  [x, None, floats(1, 1, 0.6, 0.7)], mode="linear",
                  coordinate_transformation_mode="half_pixel_symmetric")


def pads(opset):
    x = normal(2, 3, 4, 5)
    for mode in ("constant", "reflect", "edge",
                 *(["wrap"] if opset >= 19 else [])):
        yield one(f"pad_{mode}", opset, "Pad",
                  [x, ints(0, 1, 2, 0, 1, 0, 2, 3)], mode=mode)
        yield one(f"pad_{mode}_axes", opset, "Pad",
                  [x, ints(1, 2, 2, 1), None, ints(3, -2)], mode=mode)
    yield one("pad_value", opset, "Pad",
              [x, ints(0, 0, 1, 1, 0, 0, 1, 1), scalar(2.5)])
    yield one("pad_negative", opset, "Pad",
              [x, ints(0, 0, -1, 1, 0, 0, 1, -2), scalar(-1)])
    yield one("pad_int64", opset, "Pad",
              [np.arange(6).reshape(2, 3), ints(0, 1, 1, 0),
               scalar(7, np.int64)], dtype="int64")


def scatters(opset):
    data, updates = normal(4, 3, 2), normal(3, 2)
    index = np.array([[0, 1], [3, 2], [0, 1]])
    for reduction in ("none", "add", "mul", "max", "min"):
        apart = index[:2] if reduction == "none" else index
        yield one(f"scatternd_{reduction}", opset, "ScatterND",
                  [data, apart, updates[:len(apart)]], reduction=reduction)
    yield one("scatternd_constant", opset, "ScatterND",
              [data, ints([1], [2]), normal(2, 3, 2)])


def pools(opset):
    x = normal(1, 2, 9, 10)
    for op in ("AveragePool", "MaxPool"):
        name = op.lower()
        for ceil in (0, 1):
            yield one(f"{name}_ceil{ceil}", opset, op, [x],
                      kernel_shape=[3, 3], strides=[2, 2], ceil_mode=ceil)
            yield one(f"{name}_padded_ceil{ceil}", opset, op, [x],
                      kernel_shape=[3, 4], strides=[2, 3], ceil_mode=ceil,
                      pads=[1, 1, 1, 1])
        yield one(f"{name}_1d", opset, op, [normal(2, 3, 11)],
                  kernel_shape=[4], strides=[3], pads=[1, 2])
        for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            yield one(f"{name}_{auto.lower()}", opset, op, [x],
                      kernel_shape=[3, 2], strides=[2, 2], auto_pad=auto)
    yield one("averagepool_counted", opset, "AveragePool", [x],
              kernel_shape=[3, 3], pads=[1, 0, 1, 1], count_include_pad=1)
    if opset >= 19:
        yield one("averagepool_dilated", opset, "AveragePool", [x],
                  kernel_shape=[3, 2], dilations=[2, 3], pads=[1, 1, 1, 1])
    yield one("maxpool_dilated", opset, "MaxPool", [x], kernel_shape=[3, 2],
              dilations=[2, 3], pads=[1, 1, 1, 1])


def norms(opset):
    per = 4 if opset >= 21 else 2  # per channel since 21, per group before
    yield one("groupnormalization", opset, "GroupNormalization",
              [normal(*IMAGE), weights(per), weights(per)], num_groups=2)
    yield one("groupnormalization_3d", opset, "GroupNormalization",
              [normal(2, 4, 3), weights(per), weights(per)], num_groups=2,
              epsilon=0.1)
    yield one("layernormalization", opset, "LayerNormalization",
              [normal(2, 5, 8), weights(8), weights(8)])
    yield one("layernormalization_unbiased", opset, "LayerNormalization",
              [normal(2, 5, 8), weights(5, 8)], axis=1, epsilon=0.01)
    yield one("instancenormalization", opset, "InstanceNormalization",
              [normal(*IMAGE), weights(4), weights(4)])
    variance = Constant(np.abs(normal(4)) + np.float32(0.5))
    yield one("batchnormalization", opset, "BatchNormalization",
              [normal(*IMAGE), weights(4), weights(4), weights(4), variance])
    yield one("lrn", opset, "LRN", [normal(1, 7, 3, 4)], size=3, alpha=0.02,
              beta=0.6, bias=1.5)


def shapes(opset):
    x = normal(2, 3, 4)
    yield one("shape", opset, "Shape", [x], dtype="int64")
    yield one("shape_slice", opset, "Shape", [x], dtype="int64", start=-2,
              end=10)
    yield one("size", opset, "Size", [x], dtype="int64")
    yield one("reshape", opset, "Reshape", [x, ints(0, -1, 2)])
    yield one("reshape_zero", opset, "Reshape",
              [np.zeros((0, 3), np.float32), ints(3, 0)], allowzero=1)
    yield one("identity", opset, "Identity", [x])
    yield one("flatten", opset, "Flatten", [x], axis=-1)
    yield one("transpose", opset, "Transpose", [x], perm=[2, 0, 1])
    yield one("squeeze", opset, "Squeeze", [normal(1, 3, 1, 2), ints(0, -2)])
    yield one("squeeze_all", opset, "Squeeze", [normal(1, 3, 1, 2)])
    yield one("unsqueeze", opset, "Unsqueeze", [x, ints(0, -1)])
    yield one("constantofshape", opset, "ConstantOfShape", [ints(2, 3)],
              dtype="int64", value=numpy_helper.from_array(np.array([7])))
    yield one("constant", opset, "Constant", [],
              value=numpy_helper.from_array(x))
    yield one("constant_floats", opset, "Constant", [],
              value_floats=[1.0, -2.0])
    yield one("constant_int", opset, "Constant", [], value_int=3,
              dtype="int64")
    yield one("split", opset, "Split", [normal(2, 7), ints(3, 4)], outputs=2,
              axis=1)


def casts(opset):
    x = np.array([-2.7, -0.5, 0.0, 0.5, 1.9, 300.2], np.float32)
    for to in ("int64", "int32", "bool", "float16", "float64", "float32"):
        yield one(f"cast_{to}", opset, "Cast", [x], dtype=to,
                  to=elem_type(to))
    yield one("cast_from_bool", opset, "Cast", [x > 0], to=TensorProto.FLOAT)
    yield one("cast_from_int64", opset, "Cast", [np.arange(-3, 4)],
              dtype="int32", to=TensorProto.INT32)


def newer():
    """What opsets 18 to 21 brought or said anew."""
    x = normal(3, 4, 5)
    for opset in (18, 19, 20, 21):
        for family in (reduces, resizes, pads, scatters, pools, norms, shapes,
                       casts):
            yield from family(opset)
        yield one("mish", opset, "Mish", [4 * x])
        yield one("split_equal", opset, "Split", [normal(2, 6)], outputs=3,
                  axis=1, num_outputs=3)
        yield one("split_uneven", opset, "Split", [normal(2, 7)], outputs=3,
                  axis=1, num_outputs=3)
        for dtype in ("int32", "int64", "bool", "float32"):
            a = np.arange(12).reshape(3, 4).astype(dtype)
            yield one(f"equal_{dtype}", opset, "Equal", [a, a[:1]],
                      dtype="bool")
    for opset in (20, 21):
        yield one("gelu", opset, "Gelu", [3 * x])
        yield one("gelu_tanh", opset, "Gelu", [3 * x], approximate="tanh")
        for op in ("ReduceMax", "ReduceMin"):
            yield one(f"{op.lower()}_bool", opset, op, [x > 0.5, ints(1)],
                      dtype="bool")
