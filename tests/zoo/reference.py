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
    """Write a copy of a model that gives these of its tensors too."""
    model = onnx.load(path)
    known = {name for node in model.graph.node for name in node.output}
    given = {value.name for value in model.graph.output}
    for name in sorted(known & set(names) - given):
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(model, target)


def run(model, feeds, modules, folder):
    """Every output of a model for float32 inputs, both by name."""
    for i, value in enumerate(feeds.values()):
        value.tofile(folder / f"in-{i}")
    (folder / "feeds.json").write_text(json.dumps(
        [{"name": name, "dims": value.shape}
         for name, value in feeds.items()]))
    subprocess.run(["node", HERE / "values.js", model, folder], check=True,
                   env={**os.environ, "NODE_PATH": f"{modules}/node_modules"})
    results = json.loads((folder / "results.json").read_text())
    return {value["name"]:
            np.fromfile(folder / f"out-{i}", TYPES[value["type"]])
            .reshape(value["dims"]) for i, value in enumerate(results)}


def values(path, names, inputs, modules):
    """For each input, the output and the named tensors the model has."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path(path).parent) as name:
        folder = pathlib.Path(name)
        with_outputs(path, names, folder / "model.onnx")
        return [run(folder / "model.onnx", {"input": x}, modules, folder)
                for x in inputs]
