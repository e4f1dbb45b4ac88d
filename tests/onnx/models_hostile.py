"""Models whose numbers make no sense: sizes that do not fit, axes that are not
there, divisors of zero. Convoy may refuse them or run them, at once; it must
not crash, hang, or ask for memory that nobody has. ONNX Runtime is not asked.
"""
import numpy as np

from models import floats, ints, normal, one, scalar, weights

MOST, LEAST = np.iinfo(np.int64).max, np.iinfo(np.int64).min
EXTENT = 1 << 20
NAN = float("nan")


def int64(value):
    return scalar(value, np.int64)


def rows():
    """(operator, opset, operands, attributes); the outputs are float32 unless
    a dtype is among the attributes."""
    x = normal(1, 2, 3, 4)
    pair = np.array([[1, LEAST], [0, -1], [1, -1], [MOST, LEAST]])
    whole = {"dtype": "int64"}
    yield "Range", 17, [int64(0), int64(MOST), int64(1)], whole
    yield "Range", 17, [int64(0), int64(5), int64(0)], whole
    yield "Range", 17, [int64(LEAST), int64(MOST), int64(MOST)], whole
    yield "Range", 17, [scalar(0), scalar(1e30), scalar(1e-30)], {}
    yield "Range", 17, [scalar(NAN), scalar(1), scalar(1)], {}
    for sizes in ((EXTENT,) * 3, (MOST, 2), (-1,), (1 << 35,)):
        yield "ConstantOfShape", 17, [ints(*sizes)], {}
    for sizes in ((MOST, 1, 1, 1, 1), (-5, 1, 1, 1)):
        yield "Expand", 17, [x, ints(*sizes)], {}
    for counts in ((MOST,) * 4, (-1, 1, 1, 1)):
        yield "Tile", 17, [x, ints(*counts)], {}
    for begin, end in ((MOST, MOST), (LEAST, 0), (-9, 0), (50, 0), (-3, 1)):
        for mode in ("constant", "reflect", "edge", "wrap"):
            yield "Pad", 19, [x, ints(0, 0, begin, 0, 0, 0, end, 0)], {
                "mode": mode}
    for scale in (1e30, 0, NAN, -2):
        for mode in ("nearest", "linear", "cubic"):
            yield "Resize", 17, [x, None, floats(1, 1, scale, 1)], {
                "mode": mode}
    yield "Resize", 17, [x, None, None, ints(1, 2, MOST, 4)], {}
    yield "Resize", 17, [x, None, None, ints(1, 2, 5, 4)], {
        "mode": "cubic", "cubic_coeff_a": NAN}
    for roi in (NAN, 1e38):
        yield "Resize", 17, [x, floats(*[roi] * 8), None, ints(1, 2, 5, 4)], {
            "mode": "cubic",
            "coordinate_transformation_mode": "tf_crop_and_resize"}
    for numbers in ((LEAST, MOST, 3, MOST), (MOST, LEAST, 3, LEAST),
                    (0, 1, 3, 0), (0, 1, LEAST, 1)):
        yield "Slice", 17, [x, *map(ints, numbers)], {}
    yield "Gather", 17, [x, np.array([MOST, LEAST, 7])], {"axis": 2}
    yield "Gather", 17, [x, ints(MOST)], {"axis": 2}
    yield "Gather", 17, [x, ints(0)], {"axis": MOST}
    yield "ScatterND", 17, [x, np.array([[LEAST, 0], [5, 5]]),
                            normal(2, 3, 4)], {}
    yield "ScatterND", 17, [x, np.zeros((2, 9), np.int64), normal(2)], {}
    for sizes in ((MOST, MOST), (-1, 3)):
        yield "Split", 17, [x, ints(*sizes)], {"outputs": 2, "axis": 1}
    yield "Split", 18, [x], {"outputs": 2, "axis": 1, "num_outputs": MOST}
    for sizes in ((MOST, MOST), (-1, -1), (-1, 0, 0, 0, 0), (-1, 1 << 62, 4)):
        yield "Reshape", 17, [x, ints(*sizes)], {}
    for size in (MOST, 0):
        yield "DepthToSpace", 17, [x], {"blocksize": size}
        yield "SpaceToDepth", 17, [x], {"blocksize": size}
        yield "LRN", 17, [x], {"size": size}
        yield "GroupNormalization", 21, [x, weights(2), weights(2)], {
            "num_groups": size}
    for op in ("Div", "Mod", "Pow"):
        yield op, 17, [pair, pair[::-1].copy()], whole
        yield op, 17, [pair, pair.T[:1, :1].copy()], whole
    yield "Squeeze", 17, [x, ints(MOST, LEAST)], {}
    yield "Unsqueeze", 17, [x, ints(*range(8))], {}
    yield "Unsqueeze", 17, [x, ints(MOST)], {}
    yield "ReduceSum", 18, [x, ints(MOST)], {}
    for axis in (MOST, LEAST):
        yield "ArgMax", 17, [x], {"axis": axis, **whole}
        yield "Concat", 17, [x, x], {"axis": axis}
        yield "Softmax", 17, [x], {"axis": axis}
        yield "Flatten", 17, [x], {"axis": axis}
        yield "LayerNormalization", 17, [x, weights(4)], {"axis": axis}
        yield "Transpose", 17, [x], {"perm": [axis, 0, 0, 0]}
        yield "Shape", 17, [x], {"start": axis, "end": -axis - 1, **whole}
    kernel = weights(2, 2, 1, 1)
    yield "Conv", 17, [x, kernel], {"group": MOST}
    yield "Conv", 17, [x, kernel], {"pads": [EXTENT] * 4}
    yield "ConvTranspose", 17, [x, kernel], {"strides": [EXTENT] * 2}
    yield "ConvTranspose", 17, [x, kernel], {"output_shape": [EXTENT] * 2}
    for op in ("MaxPool", "AveragePool"):
        for pads in ([EXTENT - 1] * 4, [EXTENT - 1, EXTENT - 1, 0, 0]):
            yield op, 17, [x], {"kernel_shape": [EXTENT] * 2, "pads": pads,
                                "ceil_mode": 1}
    yield "Cast", 17, [x], {"to": 999}


def hostile():
    for i, (op, opset, operands, attributes) in enumerate(rows()):
        yield one(f"hostile_{op.lower()}_{i}", opset, op, operands,
                  **attributes)
