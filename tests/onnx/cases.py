"""The ONNX project's own node tests of the operators Convoy promises.

Debian's python3-onnx 1.12 generates them. Each is a model of one node (or, its
name ending in _expanded, of the node's definition as a function), inputs, and
the outputs a correct implementation gives.

Inputs that say what shape something has (Reshape's shape, Slice's starts,
axes, pads, ...) become initializers here: Convoy fixes shapes when it loads a
model, and exporters write them as constants. Everything else stays an input.
A test of an operator whose definition is older than opset 7 says opset 7 here,
where that definition is still the one in force.
"""
import dataclasses
import warnings

import numpy as np

# numpy 1.24 took these away; the generator of onnx 1.12 was written before.
for alias in (bool, int, float, complex, object, str):
    setattr(np, alias.__name__, alias)

import onnx  # noqa: E402  (the aliases come first)
from onnx import numpy_helper  # noqa: E402
from onnx.backend.test.case import node as node_cases  # noqa: E402

OPERATORS = """
Conv ConvTranspose Gemm MatMul
MaxPool AveragePool GlobalAveragePool GlobalMaxPool
BatchNormalization InstanceNormalization LayerNormalization
GroupNormalization LRN
Relu LeakyRelu PRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Mish Softplus
Tanh Gelu Erf Clip Softmax LogSoftmax
Add Sub Mul Div Pow Sqrt Exp Log Abs Neg Floor Ceil Reciprocal Min Max Mean Sum
Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Where
ReduceMean ReduceSum ReduceMax ReduceMin ReduceL2 ArgMax
Concat Split Slice Gather Reshape Flatten Transpose Squeeze Unsqueeze Expand
Tile Pad Resize Upsample DepthToSpace SpaceToDepth Shape Size Constant
ConstantOfShape Range Cast Identity Dropout Mod ScatterND
""".split()

# Which inputs of an operator decide shapes (of Dropout: whether it is off).
SHAPE_INPUTS = {
    "ConstantOfShape": (0,),
    "Dropout": (1, 2),
    "Expand": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "ReduceL2": (1,),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceSum": (1,),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}

OPSET_MIN = 7  # the oldest that Convoy reads

# What "in float32" means: float32, and the types that shapes and masks have.
PROMISED = {"float32", "int64", "int32", "bool"}


@dataclasses.dataclass
class Case:
    name: str
    op: str         # of the test; an expanded one's is that of its node
    promised: bool  # every tensor is of a promised type
    model: onnx.ModelProto
    inputs: dict    # name to array
    outputs: dict


def dtypes(case):
    """Names of the types of a test case's inputs and outputs."""
    for vector in case.data_sets[0]:
        for value in vector:
            yield value.dtype.name if hasattr(value, "dtype") else "sequence"


def freeze_shapes(model, inputs):
    """Turn the inputs that decide shapes into initializers, in place."""
    frozen = {node.input[i] for node in model.graph.node
              for i in SHAPE_INPUTS.get(node.op_type, ())
              if i < len(node.input)}
    for value in list(model.graph.input):
        if value.name in frozen and value.name in inputs:
            model.graph.initializer.append(numpy_helper.from_array(
                np.ascontiguousarray(inputs.pop(value.name)).reshape(
                    [d.dim_value for d in value.type.tensor_type.shape.dim]),
                value.name))
            model.graph.input.remove(value)


def prepare(case, name, op):
    graph = case.model.graph
    inputs, outputs = case.data_sets[0]
    promised = all(name in PROMISED for name in dtypes(case))
    inputs = dict(zip((v.name for v in graph.input), inputs))
    outputs = dict(zip((v.name for v in graph.output), outputs))
    freeze_shapes(case.model, inputs)
    for opset in case.model.opset_import:
        opset.version = max(opset.version, OPSET_MIN)
    return Case(name, op, promised, case.model, inputs, outputs)


def collect():
    """Every test of the listed operators, and the expanded ones made of
    nothing but those."""
    np.random.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = node_cases.collect_testcases(None)
    op, seen, cases = None, {}, []
    for case in found:
        nodes = [node.op_type for node in case.model.graph.node]
        expanded = case.name.endswith("_expanded")
        op = op if expanded else nodes[0]
        if not set(nodes) <= set(OPERATORS):
            continue
        seen[case.name] = seen.get(case.name, 0) + 1
        again = f"_{seen[case.name]}" if seen[case.name] > 1 else ""
        cases.append(prepare(case, case.name + again, op))
    return cases
