"""What a model's tensors hold, by ONNX Runtime with its optimiser off.

PyTorch tells the outputs; what lies between has names in the ONNX file only.
ONNX Runtime gives every one of them, and is believed for a picture after it
gave PyTorch's output (docs/decisions/100-onnx-runtime-at-the-boundaries.md).
"""
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx

HERE = pathlib.Path(__file__).resolve().parent
TYPES = {"float32": np.float32, "int64": np.int64, "int32": np.int32,
         "bool": np.bool_, "uint8": np.uint8}


def with_outputs(path, names, target):
    """A copy of a model that gives more of its tensors; those it has."""
    model = onnx.load(path)
    known = {name for node in model.graph.node for name in node.output}
    given = {value.name for value in model.graph.output}
    known &= set(names)
    for name in sorted(known - given):
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(model, target)
    return known


def run(model, x, modules, folder):
    """Every output of a model, by name."""
    x.tofile(folder / "in.f32")
    ran = subprocess.run(
        ["node", HERE / "values.js", model, folder / "in.f32",
         ",".join(map(str, x.shape)), folder],
        check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "NODE_PATH": f"{modules}/node_modules"})
    return {value["name"]:
            np.fromfile(folder / str(i), TYPES[value["type"]])
            .reshape(value["dims"])
            for i, value in enumerate(json.loads(ran.stdout))}


def values(path, names, inputs, modules):
    """For each input, the output and the named tensors the model has."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path(path).parent) as name:
        folder = pathlib.Path(name)
        with_outputs(path, names, folder / "model.onnx")
        return [run(folder / "model.onnx", x, modules, folder)
                for x in inputs]
