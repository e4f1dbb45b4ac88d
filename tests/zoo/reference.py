"""What a model's tensors hold, by ONNX Runtime with its optimiser off.

PyTorch tells the outputs; what lies between has names in the ONNX file only.
ONNX Runtime gives every one of them, and is believed for a picture after it
gave PyTorch's output (docs/decisions/100-onnx-runtime-at-the-boundaries.md).
"""
import pathlib
import sys
import tempfile

import onnx

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "onnxruntime"))
import session  # noqa: E402  (the path comes first)


def with_outputs(path, names, target):
    """Write a copy of a model that gives these of its tensors too."""
    model = onnx.load(path)
    known = {name for node in model.graph.node for name in node.output}
    given = {value.name for value in model.graph.output}
    for name in sorted(known & set(names) - given):
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(model, target)


def run(model, feeds, modules, folder):
    """Every output of a model for inputs, both by name."""
    inputs = [session.given(name, value, folder / f"in-{i}")
              for i, (name, value) in enumerate(feeds.items())]
    outputs = [{"name": value.name, "path": str(folder / f"out-{i}")}
               for i, value in enumerate(onnx.load(model).graph.output)]
    result, = session.run(modules, [{"model": str(model), "inputs": inputs,
                                     "outputs": outputs}], folder)
    if isinstance(result, str):
        raise RuntimeError(f"ONNX Runtime: {result}")
    return result


def values(path, names, inputs, modules):
    """For each input, the output and the named tensors the model has."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path(path).parent) as name:
        folder = pathlib.Path(name)
        with_outputs(path, names, folder / "model.onnx")
        return [run(folder / "model.onnx", {"input": x}, modules, folder)
                for x in inputs]
