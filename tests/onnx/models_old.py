"""Models as opsets 7 to 17 said them, and models with an open batch axis."""
import numpy as np
from onnx import TensorProto

from models import (IMAGE, Constant, floats, ints, normal, one, scalar,
                    weights)


def windows(opset):
    x = normal(2, 4, 9, 8)
    yield one("conv", opset, "Conv", [x, weights(6, 4, 3, 2), weights(6)],
              pads=[1, 0, 2, 1], strides=[2, 1], dilations=[1, 2])
    yield one("conv_groups", opset, "Conv", [x, weights(6, 2, 3, 3)], group=2)
    yield one("conv_depthwise", opset, "Conv", [x, weights(8, 1, 3, 3)],
              group=4, auto_pad="SAME_UPPER", strides=[2, 2])
    yield one("conv_same_lower", opset, "Conv", [x, weights(5, 4, 2, 4)],
              auto_pad="SAME_LOWER", strides=[1, 2])
    yield one("conv_valid", opset, "Conv", [x, weights(5, 4, 3, 3)],
              auto_pad="VALID", kernel_shape=[3, 3])
    yield one("conv_1d", opset, "Conv",
              [normal(2, 4, 11), weights(6, 2, 3), weights(6)], group=2,
              pads=[2, 1], strides=[2], dilations=[2])
    transposed = "convtranspose"
    yield one(transposed, opset, "ConvTranspose",
              [x, weights(4, 3, 3, 2), weights(3)], strides=[2, 3],
              pads=[1, 0, 0, 1], output_padding=[1, 2])
    yield one(f"{transposed}_groups", opset, "ConvTranspose",
              [x, weights(4, 3, 3, 3)], group=2, dilations=[2, 1])
    yield one(f"{transposed}_shape", opset, "ConvTranspose",
              [x, weights(4, 2, 3, 3)], strides=[2, 2],
              output_shape=[18, 17])
    yield one(f"{transposed}_same", opset, "ConvTranspose",
              [x, weights(4, 2, 3, 3)], strides=[2, 2],
              auto_pad="SAME_LOWER")
    yield one(f"{transposed}_1d", opset, "ConvTranspose",
              [normal(2, 4, 7), weights(4, 3, 4)], strides=[3], pads=[1, 1])
    for op in ("MaxPool", "AveragePool"):
        name = op.lower()
        yield one(name, opset, op, [x], kernel_shape=[3, 3], strides=[2, 2],
                  pads=[1, 1, 0, 1])
        yield one(f"{name}_same", opset, op, [x], kernel_shape=[3, 3],
                  strides=[2, 2], auto_pad="SAME_UPPER")
        if opset >= 10:
            yield one(f"{name}_ceil", opset, op, [x], kernel_shape=[3, 3],
                      strides=[2, 2], ceil_mode=1)
        yield one(f"global{name}", opset, f"Global{op}", [x])
    yield one("averagepool_counted", opset, "AveragePool", [x],
              kernel_shape=[2, 3], pads=[1, 2, 1, 1], count_include_pad=1)


def products(opset):
    a, b = normal(3, 4), normal(4, 5)
    yield one("gemm", opset, "Gemm", [a, Constant(b), weights(5)], alpha=0.5,
              beta=2.0)
    yield one("gemm_transposed", opset, "Gemm",
              [normal(4, 3), weights(5, 4), weights(3, 1)], transA=1,
              transB=1)
    yield one("gemm_two_inputs", opset, "Gemm", [a, b, scalar(1.5)])
    yield one("matmul", opset, "MatMul", [normal(2, 3, 4), Constant(b)])
    yield one("matmul_two_inputs", opset, "MatMul",
              [normal(2, 1, 3, 4), normal(3, 4, 5)])
    yield one("matmul_vector", opset, "MatMul", [a, normal(4)])
    yield one("matmul_left", opset, "MatMul", [weights(6, 3), a])


def activations(opset):
    x = 3 * normal(2, 3, 4)
    for op in ("Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid",
               "Softplus", "Tanh", "Neg", "Abs", "Floor", "Ceil", "Exp",
               "Reciprocal"):
        yield one(op.lower(), opset, op, [x])
    for op in ("Sqrt", "Log"):
        yield one(op.lower(), opset, op, [np.abs(x)])
    yield one("leakyrelu_alpha", opset, "LeakyRelu", [x], alpha=0.3)
    yield one("elu_alpha", opset, "Elu", [x], alpha=0.7)
    yield one("selu_values", opset, "Selu", [x], alpha=1.5, gamma=0.9)
    yield one("hardsigmoid_values", opset, "HardSigmoid", [x], alpha=0.4,
              beta=0.1)
    yield one("prelu", opset, "PRelu", [x, weights(3, 1)])
    if opset >= 9:
        yield one("erf", opset, "Erf", [x])
    if opset >= 12:
        yield one("celu", opset, "Celu", [x], alpha=0.6)
    for op in ("Softmax", "LogSoftmax"):
        yield one(op.lower(), opset, op, [normal(*IMAGE)])
        for axis in (0, 2, 3) if opset < 11 else (0, 2, -1):
            yield one(f"{op.lower()}_axis{axis}", opset, op,
                      [normal(*IMAGE)], axis=axis)


def arithmetic(opset):
    a, b = normal(2, 3, 4), normal(3, 1)
    for op in ("Add", "Sub", "Mul", "Div"):
        yield one(op.lower(), opset, op, [a, b])
        for dtype in ("int32", "int64"):
            yield one(f"{op.lower()}_{dtype}", opset, op,
                      [np.arange(-6, 6).reshape(3, 4).astype(dtype),
                       np.array([[1], [-2], [3]], dtype)], dtype=dtype)
    yield one("pow", opset, "Pow", [np.abs(a), b])
    yield one("pow_square", opset, "Pow", [a, scalar(2)])
    for op in ("Min", "Max", "Mean", "Sum"):  # they broadcast since 8
        yield one(op.lower(), opset, op,
                  [a, -a, 2 * a] if opset < 8 else [a, b, normal(1, 4)])
    comparisons = {"Greater": 7, "Less": 7, "Equal": 11,
                   "GreaterOrEqual": 12, "LessOrEqual": 12}
    for op, since in comparisons.items():
        if opset >= since:
            yield one(op.lower(), opset, op, [a, b], dtype="bool")
    for op in ("And", "Or"):
        yield one(op.lower(), opset, op, [a > 0, b > 0], dtype="bool")
    yield one("not", opset, "Not", [a > 0], dtype="bool")
    if opset >= 9:
        yield one("where", opset, "Where", [a > 0, b, a])
    if opset >= 10:
        i, j = np.arange(-6, 6), np.array([5] * 6 + [-5] * 6)
        yield one("mod", opset, "Mod", [i, j], dtype="int64")
        yield one("fmod", opset, "Mod", [normal(9), 0.3 + np.abs(normal(9))],
                  fmod=1)


def as_attributes(opset):
    """Below opset 13 (reductions: 18) these numbers were attributes."""
    x = normal(2, 3, 4, 5)
    for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2",
               *(["ReduceSum"] if opset < 13 else [])):
        yield one(op.lower(), opset, op, [x], axes=[1, 3], keepdims=0)
        yield one(f"{op.lower()}_all", opset, op, [x])
    yield one("argmax", opset, "ArgMax", [x], axis=2, dtype="int64")
    yield one("argmax_flat", opset, "ArgMax", [x], axis=1, keepdims=0,
              dtype="int64")
    if opset < 13:
        yield one("squeeze", opset, "Squeeze", [normal(1, 3, 1)], axes=[2])
        yield one("unsqueeze", opset, "Unsqueeze", [x], axes=[0, 3])
        yield one("split", opset, "Split", [x], outputs=2, axis=3,
                  split=[2, 3])
        yield one("split_equal", opset, "Split", [x], outputs=2)
    if opset < 11:
        yield one("clip", opset, "Clip", [x], min=-0.5, max=0.25)
        yield one("clip_below", opset, "Clip", [x], min=-0.5)
        for mode in ("constant", "reflect", "edge"):
            yield one(f"pad_{mode}", opset, "Pad", [x], mode=mode,
                      pads=[0, 1, 2, 0, 1, 0, 1, 2],
                      **({"value": 1.5} if mode == "constant" else {}))
    if opset < 10:
        yield one("slice", opset, "Slice", [x], starts=[1, -3], ends=[9, -1],
                  axes=[1, 3])
        yield one("slice_plain", opset, "Slice", [x], starts=[0, 1],
                  ends=[1, 3])


def as_inputs(opset):
    """What these say with inputs from some opset on."""
    x = normal(2, 3, 4, 5)
    if opset >= 10:
        index = Constant(np.array([1, -1], np.int32))
        yield one("slice", opset, "Slice",
                  [x, index, Constant(np.array([3, -9], np.int32)),
                   Constant(np.array([1, 2], np.int32)),
                   Constant(np.array([1, -2], np.int32))])
    if opset >= 11:
        yield one("clip", opset, "Clip", [x, scalar(-0.5), scalar(0.25)])
        yield one("clip_above", opset, "Clip", [x, None, scalar(0.25)])
        for mode in ("constant", "reflect", "edge"):
            yield one(f"pad_{mode}", opset, "Pad",
                      [x, ints(0, 1, 2, 0, 1, 0, 1, 2)], mode=mode)
        yield one("range", opset, "Range",
                  [scalar(v, np.int64) for v in (10, 1, -3)], dtype="int64")
        yield one("scatternd", opset, "ScatterND",
                  [normal(4, 3), ints([1], [3]), normal(2, 3)])
    if opset >= 9:
        yield one("constantofshape", opset, "ConstantOfShape", [ints(2, 3)])
    if opset >= 8:
        yield one("expand", opset, "Expand", [normal(3, 1), ints(2, 1, 4)])
    if opset >= 13:
        yield one("clip_int64", opset, "Clip",
                  [np.arange(9), scalar(2, np.int64), scalar(6, np.int64)],
                  dtype="int64")


def sizes(opset):
    """Upsample until 9, Resize from 10 on."""
    x = normal(1, 2, 4, 5)
    scales = [1.0, 1.0, 2.0, 3.0]
    for mode in ("nearest", "linear"):
        if opset < 9:
            yield one(f"upsample_{mode}", opset, "Upsample", [x], mode=mode,
                      scales=scales)
        elif opset == 9:
            yield one(f"upsample_{mode}", opset, "Upsample",
                      [x, floats(*scales)], mode=mode)
        elif opset == 10:
            yield one(f"resize_{mode}", opset, "Resize",
                      [x, floats(*scales)], mode=mode)
            yield one(f"resize_{mode}_smaller", opset, "Resize",
                      [x, floats(1, 1, 0.5, 0.6)], mode=mode)
        else:
            yield one(f"resize_{mode}", opset, "Resize",
                      [x, floats(), floats(*scales)], mode=mode)
            yield one(f"resize_{mode}_sizes", opset, "Resize",
                      [x, floats(), floats(), ints(1, 2, 7, 3)], mode=mode,
                      coordinate_transformation_mode="align_corners")
    if opset >= 11:
        for mode in ("linear", "cubic"):
            yield one(f"resize_{mode}_smaller", opset, "Resize",
                      [x, floats(), floats(1, 1, 0.6, 0.7)], mode=mode,
                      coordinate_transformation_mode="align_corners")
        for mode in ("floor", "ceil", "round_prefer_ceil"):
            yield one(f"resize_{mode}", opset, "Resize",
                      [x, floats(), floats(1, 1, 1.6, 0.7)],
                      nearest_mode=mode)


def layouts(opset):
    x = normal(2, 3, 4, 5)
    yield one("reshape", opset, "Reshape", [x, ints(0, -1, 10)])
    yield one("flatten", opset, "Flatten", [x], axis=2)
    yield one("transpose", opset, "Transpose", [x])
    yield one("concat", opset, "Concat", [x, normal(2, 1, 4, 5)], axis=1)
    yield one("tile", opset, "Tile", [x, ints(1, 2, 1, 3)])
    yield one("gather", opset, "Gather", [x, ints([0, 2], [1, 1])], axis=2)
    yield one("gather_inputs", opset, "Gather", [x, np.array([1, 0, 1])])
    yield one("depthtospace", opset, "DepthToSpace", [normal(1, 8, 2, 3)],
              blocksize=2)
    yield one("spacetodepth", opset, "SpaceToDepth", [normal(1, 2, 4, 6)],
              blocksize=2)
    if opset >= 11:
        yield one("depthtospace_crd", opset, "DepthToSpace",
                  [normal(1, 8, 2, 3)], blocksize=2, mode="CRD")
    yield one("shape", opset, "Shape", [x], dtype="int64")
    yield one("cast", opset, "Cast", [x], dtype="int64",
              to=TensorProto.INT64)
    if opset < 12:
        yield one("dropout", opset, "Dropout", [x], ratio=0.3)
    else:
        yield one("dropout", opset, "Dropout", [x, scalar(0.3)])
    variance = Constant(np.abs(normal(3)) + np.float32(0.5))
    yield one("batchnormalization", opset, "BatchNormalization",
              [x, weights(3), weights(3), weights(3), variance],
              epsilon=0.01)
    yield one("instancenormalization", opset, "InstanceNormalization",
              [x, weights(3), weights(3)])
    yield one("lrn", opset, "LRN", [normal(1, 7, 3, 4)], size=5, alpha=0.1)


def older():
    """Every definition that was in force from opset 7 to 17."""
    for opset in (*range(7, 14), 17):
        for family in (windows, products, activations, arithmetic,
                       as_attributes, as_inputs, sizes, layouts):
            yield from family(opset)


def batches():
    """Three samples where the model leaves their number open."""
    x, opset = normal(3, 4, 6, 6), 17
    rows = {
        "conv": ("Conv", [x, weights(4, 4, 3, 3)], {}),
        "convtranspose": ("ConvTranspose", [x, weights(4, 2, 2, 2)],
                          {"strides": [2, 2]}),
        "maxpool": ("MaxPool", [x], {"kernel_shape": [2, 2]}),
        "averagepool": ("AveragePool", [x], {"kernel_shape": [3, 3]}),
        "globalmaxpool": ("GlobalMaxPool", [x], {}),
        "lrn": ("LRN", [x], {"size": 3}),
        "instancenormalization": ("InstanceNormalization",
                                  [x, weights(4), weights(4)], {}),
        "layernormalization": ("LayerNormalization", [x, weights(6)], {}),
        "gemm": ("Gemm", [normal(3, 4), weights(4, 5)], {}),
        "matmul": ("MatMul", [x, normal(3, 4, 6, 2)], {}),
        "add": ("Add", [x, normal(3, 1, 6, 1)], {}),
        "add_constant": ("Add", [x, weights(4, 1, 6)], {}),
        "max_three": ("Max", [x, scalar(0.1), weights(6)], {}),
        "where": ("Where", [x > 0, x, weights(6)], {}),
        "prelu": ("PRelu", [x, weights(4, 1, 1)], {}),
        "softmax": ("Softmax", [x], {"axis": 1}),
        "reducemean": ("ReduceMean", [x], {"axes": [2, 3]}),
        "reducemax_inner": ("ReduceMax", [x], {"axes": [1], "keepdims": 0}),
        "concat": ("Concat", [x, normal(3, 1, 6, 6)], {"axis": 1}),
        "slice": ("Slice", [x, ints(1), ints(3), ints(1)], {}),
        "gather": ("Gather", [x, ints(2, 0)], {"axis": 1}),
        "gather_drop": ("Gather", [x, scalar(2, np.int64)], {"axis": 1}),
        "transpose": ("Transpose", [x], {"perm": [0, 2, 3, 1]}),
        "reshape": ("Reshape", [x, ints(-1, 24, 6)], {}),
        "flatten": ("Flatten", [x], {}),
        "pad": ("Pad", [x, ints(0, 0, 1, 1, 0, 0, 1, 1)],
                {"mode": "reflect"}),
        "resize": ("Resize", [x, None, floats(1, 1, 1.5, 2)],
                   {"mode": "linear"}),
        "tile": ("Tile", [x, ints(1, 2, 1, 1)], {}),
        "expand": ("Expand", [normal(3, 1, 6), ints(1, 4, 6)], {}),
        "depthtospace": ("DepthToSpace", [x], {"blocksize": 2}),
        "unsqueeze": ("Unsqueeze", [x, ints(1)], {}),
    }
    for name, (op, operands, attributes) in rows.items():
        yield one(f"batch_{name}", opset, op, operands, batch=True,
                  **attributes)
    yield one("batch_split", opset, "Split", [x, ints(1, 3)], outputs=2,
              axis=1, batch=True)
    yield one("batch_argmax", opset, "ArgMax", [x], axis=1, dtype="int64",
              batch=True)
    yield one("batch_cast", opset, "Cast", [x], to=TensorProto.INT32,
              dtype="int32", batch=True)
