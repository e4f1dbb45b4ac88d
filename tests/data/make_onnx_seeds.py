#!/usr/bin/python3
"""The seeds of tests/fuzz/corpus/onnx that are no other test's files: a small
model for each thing the reader does.

Run by hand with Debian's python3-onnx (1.12); it writes any opset, but checks
none over 17.
"""
import pathlib

from onnx import AttributeProto, StringStringEntryProto
from onnx import TensorProto as T
from onnx import helper as h

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "fuzz/corpus/onnx"
X = [("x", T.FLOAT, ["N", 4, 6, 6])]


def floats(name, values, dims=None):
    return h.make_tensor(name, T.FLOAT, dims or [len(values)], values)


def ints(name, values):
    return h.make_tensor(name, T.INT64, [len(values)], values)


def node(text, **attributes):
    """A node from "Op a b -> c"; "_" is an input that is left out."""
    before, after = text.split(" -> ")
    op, *inputs = before.split()
    return h.make_node(op, ["" if i == "_" else i for i in inputs],
                       after.split(), name=op.lower(), **attributes)


def save(name, opset, nodes, weights=(), inputs=X, outputs=("y",), ir=8,
         change=None):
    graph = h.make_graph(
        list(nodes), name,
        [h.make_tensor_value_info(*i) for i in inputs],
        [h.make_tensor_value_info(o, T.FLOAT, None) for o in outputs],
        list(weights))
    model = h.make_model(graph, producer_name="seed",
                         opset_imports=[h.make_opsetid("", opset)])
    model.ir_version = ir
    if change:
        change(model)
    (CORPUS / (name + ".onnx")).write_bytes(model.SerializeToString())


def old_opsets():
    save("upsample7", 7, [node("Upsample x -> y", scales=[1., 1., 2., 2.])],
         ir=3)
    save("upsample9", 9, [node("Upsample x s -> y", mode="linear")],
         [floats("s", [1, 1, 2, 2])])
    save("resize10", 10, [node("Resize x s -> y")],
         [floats("s", [1, 1, .5, .5])])
    save("slice9", 9, [node("Slice x -> y", starts=[1], ends=[3], axes=[2])])
    save("pad7", 7, [node("Pad x -> y", pads=[0, 0, 1, 1] * 2, value=1.)])
    save("norm7", 7, [node("BatchNormalization x s s s s -> y m v",
                           momentum=.5, spatial=1)],
         [floats("s", [1, 1, 1, 1])])
    save("split11", 11, [node("Split x -> a b", axis=1),
                         node("Concat a b -> y", axis=2)])
    save("softmax11", 11, [node("Softmax x -> y", axis=1)])
    save("logsoftmax9", 9, [node("LogSoftmax x -> y", axis=2)])
    save("halves9", 9, [node("Clip x -> y", min=-1., max=2.)],
         inputs=[("x", T.FLOAT16, ["N", 4])])
    save("squeeze11", 11, [node("Unsqueeze x -> u", axes=[0]),
                           node("Squeeze u -> q", axes=[0]),
                           node("ReduceSum q -> y", axes=[-1])])


def new_opsets():
    save("reduce18", 18, [node("ReduceMean x a -> y",
                               noop_with_empty_axes=0)], [ints("a", [2, 3])])
    save("resize19", 19, [node("Resize x _ _ s -> y", mode="cubic",
                               coordinate_transformation_mode="half_pixel",
                               keep_aspect_ratio_policy="stretch")],
         [ints("s", [1, 4, 9, 9])])
    save("group18", 18, [node("GroupNormalization x s s -> y", num_groups=2)],
         [floats("s", [.5, 2])])
    save("group21", 21, [node("GroupNormalization x s s -> y", num_groups=2)],
         [floats("s", [.5, 2, 1, 1])], ir=10)
    save("gelu20", 20, [node("Gelu x -> g", approximate="tanh"),
                        node("Mish g -> y")], ir=9)
    save("split18", 18, [node("Split x -> a b c", axis=2, num_outputs=3),
                         node("Sum a b c -> y")])
    save("pad19", 19, [node("Pad x p _ a -> y", mode="wrap")],
         [ints("p", [1, 1, 1, 1]), ints("a", [2, 3])])
    save("average19", 19, [node("AveragePool x -> y", kernel_shape=[2, 2],
                                dilations=[2, 2], ceil_mode=1)])


def shapes():
    """What exporters write around a Reshape."""
    save("view", 13,
         [node("Shape x -> s"), node("Gather s zero -> n", axis=0),
          node("Unsqueeze n axes -> m"), node("Concat m rest -> d", axis=0),
          node("Reshape x d -> y")],
         [h.make_tensor("zero", T.INT64, [], [0]), ints("axes", [0]),
          ints("rest", [-1])])
    save("constants", 13,
         [node("Constant -> a", value_ints=[1, 4, 1, 1]),
          node("ConstantOfShape a -> b",
               value=h.make_tensor("v", T.FLOAT, [1], [2])),
          node("Range zero six one -> r"), node("Cast r -> f", to=T.FLOAT),
          node("Mul x f -> m"), node("Add m b -> y")],
         [h.make_tensor(n, T.INT64, [], [v])
          for n, v in [("zero", 0), ("six", 6), ("one", 1)]])
    save("where", 13,
         [node("Greater x z -> c"), node("Where c x z -> w"),
          node("Expand w e -> f"), node("Transpose f -> y",
                                        perm=[0, 2, 3, 1])],
         [floats("z", [0]), ints("e", [1, 4, 6, 6])])
    save("scatter", 16,
         [node("Flatten x -> f"), node("ScatterND w i u -> s",
                                       reduction="add"),
          node("Gemm f s b -> y", transB=1, alpha=.5)],
         [floats("w", [.5] * 144 * 2, [2, 144]),
          h.make_tensor("i", T.INT64, [1, 1], [1]),
          floats("u", [1] * 144, [1, 144]), floats("b", [1, 2])])
    save("attention", 17,
         [node("LayerNormalization x s b -> n m v", axis=-1),
          node("MatMul n w -> q"), node("Transpose q -> t",
                                        perm=[0, 1, 3, 2]),
          node("MatMul q t -> p"), node("Softmax p -> a", axis=-1),
          node("MatMul a q -> y")],
         [floats("s", [1] * 6), floats("b", [0] * 6),
          floats("w", [.1] * 36, [6, 6])])
    save("windows", 13,
         [node("Conv x w -> c", auto_pad="SAME_UPPER", group=2,
               dilations=[2, 1]),
          node("ConvTranspose c v -> t", strides=[2, 2],
               output_padding=[1, 1]),
          node("LRN t -> l", size=3), node("MaxPool l -> m",
                                           kernel_shape=[3, 3], ceil_mode=1),
          node("GlobalMaxPool m -> g"), node("ArgMax g -> i", axis=1),
          node("Cast i -> y", to=T.FLOAT)],
         [floats("w", [.1] * 72, [4, 2, 3, 3]),
          floats("v", [.1] * 32, [4, 2, 2, 2])])


def refusals():
    """What is refused, so that mutations find the way behind it."""
    def external(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("float_data")
        tensor.data_location = T.EXTERNAL
        for key, value in [("location", "w.bin"), ("offset", "16"),
                           ("length", "16")]:
            tensor.external_data.append(
                StringStringEntryProto(key=key, value=value))

    def untyped(model):
        for attribute in model.graph.node[0].attribute:
            attribute.type = AttributeProto.UNDEFINED

    def loop(model):
        attribute = model.graph.node[0].attribute.add()
        attribute.name, attribute.type = "body", AttributeProto.GRAPH
        attribute.g.CopyFrom(h.make_graph([node("Relu a -> b")], "body", [],
                                          []))

    save("external", 17, [node("Add x w -> y")], [floats("w", [1, 2, 3, 4])],
         change=external)
    save("untyped", 7, [node("LeakyRelu x -> y", alpha=.5)], ir=1,
         change=untyped)
    save("loop", 17, [node("Loop x -> y")], change=loop)
    save("domain", 17, [h.make_node("Relu", ["x"], ["y"],
                                    domain="ai.onnx.ml")])
    save("passed", 17, [], outputs=["x"])


old_opsets()
new_opsets()
shapes()
refusals()
