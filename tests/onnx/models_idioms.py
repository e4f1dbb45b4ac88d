"""What exporters make of ordinary code: shapes computed from shapes, formulas
spelt out. Each with an open batch axis, given three samples, opset 17."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from models import (Constant, Model, elem_type, ints, normal, scalar,
                    value_info, weights)

BATCH = 3


class Sketch:
    """A graph in the making: a call adds a node, numbers and arrays become
    initializers."""

    def __init__(self, name, x):
        self.name, self.x = name, x
        self.nodes, self.initializers = [], []

    def operand(self, value):
        if isinstance(value, str):
            return value
        array = (value.array if isinstance(value, Constant)
                 else scalar(value).array)
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def __call__(self, op, *operands, outputs=1, **attributes):
        made = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(
            op, [self.operand(o) for o in operands], made,
            f"{op.lower()}{len(self.nodes)}", **attributes))
        return made[0] if outputs == 1 else made

    def model(self, output, dtype="float32"):
        graph = helper.make_graph(
            self.nodes, self.name, [value_info("x", self.x, True)],
            [helper.make_tensor_value_info(output, elem_type(dtype), None)],
            self.initializers)
        model = helper.make_model(
            graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
        return Model(self.name, model, {"x": self.x}, [output])


def dim(g, x, axis):
    """x.size(axis), as a list of one number."""
    one = g("Gather", g("Shape", x), scalar(axis, np.int64), axis=0)
    return g("Unsqueeze", one, ints(0))


def flatten(g):
    """x.view(x.size(0), -1)"""
    return g("Reshape", "x", g("Concat", dim(g, "x", 0), ints(-1), axis=0))


def shuffle(g):
    """ShuffleNet's channels: split in groups, transposed, joined."""
    n, h, w = (dim(g, "x", axis) for axis in (0, 2, 3))
    groups = g("Concat", n, ints(2), ints(2), h, w, axis=0)
    y = g("Transpose", g("Reshape", "x", groups), perm=[0, 2, 1, 3, 4])
    return g("Reshape", y, g("Concat", n, ints(-1), h, w, axis=0))


def scale_twice(g):
    """Sizes from a shape, halved again by integer arithmetic."""
    shape = g("Shape", "x")
    spatial = g("Slice", shape, ints(2), ints(4), ints(0))
    twice = g("Mul", spatial, ints(2))
    head = g("Slice", shape, ints(0), ints(2), ints(0))
    sizes = g("Concat", head, twice, axis=0)
    up = g("Resize", "x", Constant(np.zeros(0, np.float32)),
           Constant(np.zeros(0, np.float32)), sizes, mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return g("Slice", up, ints(0), g("Div", g("Slice", g("Shape", up),
                                              ints(2), ints(3), ints(0)),
                                     ints(2)), ints(2))


def layer_norm(g):
    mean = g("ReduceMean", "x", axes=[-1], keepdims=1)
    centred = g("Sub", "x", mean)
    variance = g("ReduceMean", g("Pow", centred, 2.0), axes=[-1], keepdims=1)
    y = g("Div", centred, g("Sqrt", g("Add", variance, 1e-5)))
    return g("Add", g("Mul", y, weights(6)), weights(6))


def gelu(g):
    erf = g("Erf", g("Div", "x", np.sqrt(2.0)))
    return g("Mul", g("Mul", "x", g("Add", erf, 1.0)), 0.5)


def gelu_other_order(g):
    erf = g("Erf", g("Mul", "x", np.sqrt(0.5)))
    return g("Mul", g("Mul", "x", 0.5), g("Add", 1.0, erf))


def silu(g):
    return g("Mul", "x", g("Sigmoid", "x"))


def hard_swish(g):
    return g("Mul", "x", g("HardSigmoid", "x", alpha=1 / 6, beta=0.5))


def hard_swish_by_clip(g):
    return g("Div", g("Mul", "x", g("Clip", g("Add", "x", 3.0), 0.0, 6.0)),
             6.0)


def group_norm(g):
    """torch.nn.GroupNorm(2, 4) as PyTorch 1.13 exports it."""
    y = g("Reshape", "x", ints(0, 2, -1))
    y = g("InstanceNormalization", y, Constant(np.ones(2, np.float32)),
          Constant(np.zeros(2, np.float32)))
    y = g("Reshape", y, g("Shape", "x"))
    return g("Add", g("Mul", y, weights(4, 1, 1)), weights(4, 1, 1))


def squeeze_excite(g):
    mean = g("GlobalAveragePool", "x")
    gate = g("Relu", g("Conv", mean, weights(2, 4, 1, 1), weights(2)))
    gate = g("HardSigmoid", g("Conv", gate, weights(4, 2, 1, 1)), alpha=1 / 6)
    return g("Mul", gate, "x")


def attention(g):
    """Of x[N, C, H, W] as a sequence of H * W tokens, two heads."""
    n = dim(g, "x", 0)
    y = g("Transpose", g("Reshape", "x", g("Concat", n, ints(4, -1), axis=0)),
          perm=[0, 2, 1])
    qkv = g("Add", g("MatMul", y, weights(4, 12)), weights(12))
    qkv = g("Reshape", qkv, g("Concat", n, ints(-1, 3, 2, 2), axis=0))
    qkv = g("Transpose", qkv, perm=[2, 0, 3, 1, 4])
    q, k, v = g("Split", qkv, ints(1, 1, 1), outputs=3, axis=0)
    q, k, v = (g("Squeeze", part, ints(0)) for part in (q, k, v))
    scores = g("MatMul", g("Mul", q, 0.7), g("Transpose", k,
                                             perm=[0, 1, 3, 2]))
    y = g("MatMul", g("Softmax", scores, axis=-1), v)
    y = g("Transpose", y, perm=[0, 2, 1, 3])
    return g("Reshape", y, g("Concat", n, ints(-1, 4), axis=0))


def attention_batch_second(g):
    """The same with the batch as axis 1, as torch.nn.MultiheadAttention."""
    n = dim(g, "x", 0)
    y = g("Reshape", "x", g("Concat", n, ints(4, -1), axis=0))
    y = g("Transpose", y, perm=[2, 0, 1])
    qkv = g("Add", g("MatMul", y, weights(4, 12)), weights(12))
    length = dim(g, y, 0)
    heads = g("Mul", n, ints(2))
    parts = []
    for part in g("Split", qkv, ints(4, 4, 4), outputs=3, axis=2):
        part = g("Reshape", part, g("Concat", length, heads, ints(2), axis=0))
        parts.append(g("Transpose", part, perm=[1, 0, 2]))
    scores = g("MatMul", parts[0], g("Transpose", parts[1], perm=[0, 2, 1]))
    y = g("MatMul", g("Softmax", scores, axis=-1), parts[2])
    y = g("Transpose", y, perm=[1, 0, 2])
    y = g("Reshape", y, g("Concat", length, n, ints(4), axis=0))
    return g("Transpose", y, perm=[1, 0, 2])


def windows(g):
    """Swin's windows of 3 x 3, rolled by one and back."""
    y = g("Transpose", "x", perm=[0, 2, 3, 1])
    for axis in (1, 2):
        y = g("Concat", g("Slice", y, ints(1), ints(2**31 - 1), ints(axis)),
              g("Slice", y, ints(0), ints(1), ints(axis)), axis=axis)
    n = dim(g, "x", 0)
    y = g("Reshape", y, g("Concat", n, ints(2, 3, 2, 3, 4), axis=0))
    y = g("Transpose", y, perm=[0, 1, 3, 2, 4, 5])
    y = g("Reshape", y, g("Concat", g("Mul", n, ints(4)), ints(9, 4), axis=0))
    y = g("Softmax", y, axis=1)
    y = g("Reshape", y, g("Concat", n, ints(2, 2, 3, 3, 4), axis=0))
    y = g("Transpose", y, perm=[0, 1, 3, 2, 4, 5])
    return g("Reshape", y, g("Concat", n, ints(6, 6, 4), axis=0))


def class_token(g):
    """Vision transformers: a learnt token before the others."""
    n = dim(g, "x", 0)
    y = g("Transpose", g("Reshape", "x", g("Concat", n, ints(4, 36), axis=0)),
          perm=[0, 2, 1])
    shape = g("Concat", n, ints(-1, -1), axis=0)
    filled = g("Where", g("Equal", shape, ints(-1, -1, -1)),
               g("ConstantOfShape", g("Shape", shape),
                 value=numpy_helper.from_array(np.array([1]))), shape)
    token = g("Expand", weights(1, 1, 4), filled)
    y = g("Add", g("Concat", token, y, axis=1), weights(1, 37, 4))
    return g("Gather", y, scalar(0, np.int64), axis=1)


def masked(g):
    """Numbers chosen by a mask, the mask by a comparison."""
    mask = g("And", g("Greater", "x", 0.0), g("Not", g("Less", "x", 0.1)))
    return g("Where", mask, g("Log", g("Max", "x", 1e-3)), -1.0)


def positions(g):
    """An arange as long as an axis, cast and added."""
    width = g("Gather", g("Shape", "x"), scalar(3, np.int64), axis=0)
    row = g("Range", scalar(0, np.int64), width, scalar(1, np.int64))
    return g("Add", "x", g("Cast", row, to=TensorProto.FLOAT))


def conv_batch_norm(g):
    y = g("Conv", "x", weights(5, 4, 3, 3), weights(5), pads=[1, 1, 1, 1])
    variance = Constant(np.abs(normal(5)) + np.float32(0.5))
    y = g("BatchNormalization", y, weights(5), weights(5), weights(5),
          variance)
    return g("Relu", y)


def transposes(g):
    """ConvNeXt: channels last for the norm, and back."""
    y = g("Conv", "x", weights(4, 1, 3, 3), group=4, pads=[1, 1, 1, 1])
    y = g("Transpose", y, perm=[0, 2, 3, 1])
    y = g("LayerNormalization", y, weights(4), weights(4), axis=-1)
    y = g("MatMul", y, weights(4, 8))
    y = g("Transpose", gelu_of(g, y), perm=[0, 3, 1, 2])
    return g("Add", g("Slice", y, ints(0), ints(4), ints(1)), "x")


def gelu_of(g, x):
    erf = g("Erf", g("Div", x, np.sqrt(2.0)))
    return g("Mul", g("Mul", x, g("Add", erf, 1.0)), 0.5)


def pixel_shuffle_pad(g):
    """pad's numbers computed, as PyTorch exports torch.nn.functional.pad."""
    few = g("Cast", ints(1, 1, 1, 1), to=TensorProto.INT64)
    more = g("ConstantOfShape", ints(4),
             value=numpy_helper.from_array(np.array([0])))
    both = g("Reshape", g("Concat", few, more, axis=0), ints(-1, 2))
    turned = g("Slice", both, ints(-1), ints(-2**63 + 1), ints(0), ints(-1))
    pads = g("Reshape", g("Transpose", turned, perm=[1, 0]), ints(-1))
    return g("Pad", "x", pads, 0.0, mode="constant")


IDIOMS = [flatten, shuffle, scale_twice, layer_norm, gelu, gelu_other_order,
          silu, hard_swish, hard_swish_by_clip, group_norm, squeeze_excite,
          attention, attention_batch_second, windows, class_token, masked,
          positions, conv_batch_norm, transposes, pixel_shuffle_pad]


def idioms():
    for idiom in IDIOMS:
        sketch = Sketch(f"idiom_{idiom.__name__}", normal(BATCH, 4, 6, 6))
        yield sketch.model(idiom(sketch))
