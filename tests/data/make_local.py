#!/usr/bin/env python3
"""Write the models of tests/e2e/test_local.py into local/, with Debian's
python3-onnx (1.12): several inputs and outputs, of every type, with a batch and
without.
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

OUT = pathlib.Path(__file__).resolve().parent / "local"
TYPES = {"f32": T.FLOAT, "f16": T.FLOAT16, "f64": T.DOUBLE, "i64": T.INT64,
         "i32": T.INT32, "i16": T.INT16, "i8": T.INT8, "u8": T.UINT8,
         "b": T.BOOL}


def save(name, nodes, inputs, outputs, constants=()):
    """inputs and outputs: {name: (type, dims)}."""
    graph = h.make_graph(
        nodes, name,
        *([h.make_tensor_value_info(key, *value) for key, value in ends.items()]
          for ends in (inputs, outputs)),
        [numpy_helper.from_array(array, key) for key, array in constants])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(OUT / f"{name}.onnx"))


def types():
    """An input of each type, each passed on, and their sum in float32; bool
    turned over as well."""
    nodes = [h.make_node("Identity", [t], [t + "_out"]) for t in TYPES]
    nodes += [h.make_node("Cast", [t], [t + "_cast"], to=T.FLOAT)
              for t in TYPES]
    nodes += [h.make_node("Sum", [t + "_cast" for t in TYPES], ["sum"]),
              h.make_node("Not", ["b"], ["not"])]
    dims = ["N", 3]
    outputs = {t + "_out": (TYPES[t], dims) for t in TYPES}
    outputs |= {"sum": (T.FLOAT, dims), "not": (T.BOOL, dims)}
    save("types", nodes, {t: (TYPES[t], dims) for t in TYPES}, outputs)


def half():
    """Computed in float16 and in float64, as exporters leave it."""
    nodes = [h.make_node("Relu", ["x"], ["y"]),
             h.make_node("Cast", ["y"], ["wide"], to=T.DOUBLE),
             h.make_node("Mul", ["wide", "wide"], ["z"])]
    save("half", nodes, {"x": (T.FLOAT16, ["N", 4])},
         {"y": (T.FLOAT16, ["N", 4]), "z": (T.DOUBLE, ["N", 4])})


def words():
    """Indices into a table, a mask over the words, scores and the best one."""
    table = np.arange(40, dtype=np.float32).reshape(10, 4) % 7
    weight = np.array([[1, -1, 0], [0, 1, -1], [1, 0, 1], [-1, 1, 1]],
                      np.float32)
    nodes = [h.make_node("Gather", ["table", "ids"], ["rows"]),
             h.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
             h.make_node("Where", ["mask3", "rows", "zero"], ["kept"]),
             h.make_node("ReduceSum", ["kept", "middle"], ["mean"],
                         keepdims=0),
             h.make_node("MatMul", ["mean", "weight"], ["scores"]),
             h.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0)]
    save("words", nodes,
         {"ids": (T.INT64, ["N", 5]), "mask": (T.BOOL, ["N", 5])},
         {"scores": (T.FLOAT, ["N", 3]), "best": (T.INT64, ["N"])},
         [("table", table), ("weight", weight),
          ("last", np.array([2], np.int64)),
          ("middle", np.array([1], np.int64)),
          ("zero", np.array(0, np.float32))])


def fixed():
    """A batch of two and no other."""
    save("fixed", [h.make_node("Softmax", ["x"], ["y"], axis=1)],
         {"x": (T.FLOAT, [2, 3])}, {"y": (T.FLOAT, [2, 3])})


def threshold():
    """A scalar input beside a batch: nothing that could be stacked."""
    nodes = [h.make_node("Greater", ["x", "limit"], ["above"]),
             h.make_node("Cast", ["above"], ["ones"], to=T.INT32),
             h.make_node("ReduceSum", ["ones"], ["count"], keepdims=0)]
    save("threshold", nodes,
         {"x": (T.FLOAT, ["N", 3]), "limit": (T.FLOAT, [])},
         {"above": (T.BOOL, ["N", 3]), "count": (T.INT32, [])})


def pairs():
    """Two open sizes: every row of a with every row of b."""
    nodes = [h.make_node("Transpose", ["b"], ["turned"], perm=[1, 0]),
             h.make_node("MatMul", ["a", "turned"], ["products"])]
    save("pairs", nodes, {"a": (T.FLOAT, ["N", 4]), "b": (T.FLOAT, ["M", 4])},
         {"products": (T.FLOAT, ["N", "M"])})


def nothing():
    """No input at all."""
    nodes = [h.make_node("Range", ["start", "end", "step"], ["y"])]
    save("nothing", nodes, {}, {"y": (T.INT64, [4])},
         [("start", np.array(2, np.int64)), ("end", np.array(14, np.int64)),
          ("step", np.array(3, np.int64))])


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for make in (types, half, words, fixed, threshold, pairs, nothing):
        make()
