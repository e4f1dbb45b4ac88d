"""Models in ONNX Runtime: the Python side of session.js."""
import json
import os
import pathlib
import subprocess

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def given(name, array, path):
    """An input of a job; its elements go to a path."""
    array.tofile(path)
    return {"name": name, "dtype": array.dtype.name, "shape": array.shape,
            "path": str(path)}


def run(modules, jobs, folder):
    """Run jobs in turn, as session.js describes them: for each a dict of
    arrays by name, or a sentence where ONNX Runtime refuses."""
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs))
    done = subprocess.run(
        ["node", HERE / "session.js", path], check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ,
             "NODE_PATH": f"{modules.resolve()}/node_modules"})
    results = []
    for job, answer in zip(jobs, json.loads(done.stdout)):
        results.append(answer.get("error") or {
            output["name"]: np.fromfile(output["path"], tensor["dtype"])
            .reshape(tensor["shape"])
            for output, tensor in zip(job["outputs"], answer["outputs"])})
    return results
