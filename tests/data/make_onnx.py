#!/usr/bin/python3
"""Write the ONNX files the reader's tests look at.

Run by hand with Debian's python3-onnx (1.12) in this folder; the files it
writes are committed.
"""
import onnx
from onnx import TensorProto as T
from onnx import helper as h


def save(name, nodes, inputs, outputs, initializers, opset, ir):
    graph = h.make_graph(nodes, name, inputs, outputs, initializers)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)],
                         producer_name="other")
    model.ir_version = ir
    onnx.checker.check_model(model)
    onnx.save(model, name + ".onnx")


def floats(name, dims):
    return h.make_tensor_value_info(name, T.FLOAT, dims)


def old():
    """Opset 7, IR 3: attributes that became inputs, initializers that are
    inputs, weights in float_data."""
    weight = h.make_tensor("weight", T.FLOAT, [2, 3],
                           [1, 2, 3, 4, 5, 6.5])
    nodes = [
        h.make_node("MatMul", ["x", "weight"], ["product"]),
        h.make_node("Clip", ["product"], ["clipped"], min=-1.5, max=6.0),
        h.make_node("Dropout", ["clipped"], ["kept"], ratio=0.25),
        h.make_node("Unsqueeze", ["kept"], ["four"], axes=[2, 3]),
        h.make_node("ReduceMean", ["four"], ["mean"], axes=[2, 3],
                    keepdims=0),
        h.make_node("Flatten", ["mean"], ["flat"]),
        h.make_node("Softmax", ["flat"], ["y"]),
    ]
    save("old", nodes, [floats("x", ["batch", 2]), floats("weight", [2, 3])],
         [floats("y", ["batch", 3])], [weight], 7, 3)


def typed():
    """Every field a tensor's elements may stand in; constants of all kinds."""
    tensors = [
        h.make_tensor("f32", T.FLOAT, [2], [1.5, -2]),
        h.make_tensor("f64", T.DOUBLE, [2], [1.5, -2]),
        h.make_tensor("f16", T.FLOAT16, [2], [1.5, -2]),
        h.make_tensor("i64", T.INT64, [2], [1, -2]),
        h.make_tensor("i32", T.INT32, [2], [1, -2]),
        h.make_tensor("i8", T.INT8, [2], [1, -2]),
        h.make_tensor("u8", T.UINT8, [2], [1, 254]),
        h.make_tensor("b", T.BOOL, [2], [1, 0]),
        h.make_tensor("none", T.FLOAT, [0], []),
        h.make_tensor("one", T.FLOAT, [], [3]),
    ]
    nodes = [
        h.make_node("Constant", [], ["c_float"], value_float=2.5),
        h.make_node("Constant", [], ["c_int"], value_int=-3),
        h.make_node("Constant", [], ["c_floats"], value_floats=[1.0, 2.0]),
        h.make_node("Constant", [], ["c_ints"], value_ints=[4, 5, 6]),
        h.make_node("Constant", [], ["c_tensor"],
                    value=h.make_tensor("v", T.FLOAT, [2], [7, 8])),
        h.make_node("Add", ["x", "f32"], ["sum"], name="add"),
        h.make_node("Mul", ["sum", "c_float"], ["y"]),
    ]
    save("typed", nodes, [floats("x", ["N", 2])], [floats("y", ["N", 2])],
         tensors, 13, 8)


old()
typed()
