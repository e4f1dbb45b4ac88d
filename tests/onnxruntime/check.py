#!/usr/bin/env python3
"""Exported parts, chained in ONNX Runtime, give the fleet's numbers.

    check.py FOLDER_WITH_NODE_MODULES [pipeline.cfg [INPUT.npy]]

Exports the parts of a pipeline (the demo's by default), runs them one after
another in ONNX Runtime, runs the same input through a broker and one worker a
part, and compares: relative error (2-norm) at most 1e-5.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
os.environ.setdefault("CONVOY_BIN", str(ROOT / "bin"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from fleet import BIN, Fleet  # noqa: E402  (the path comes first)

BOUND = 1e-5


def in_onnxruntime(modules, parts, x, folder):
    x.tofile(folder / "in.f32")
    subprocess.run(
        ["node", HERE / "chain.js", folder / "in.f32", folder / "out.f32",
         ",".join(str(d) for d in x.shape), *parts],
        check=True, env={**os.environ, "NODE_PATH": f"{modules}/node_modules"})
    return np.fromfile(folder / "out.f32", np.float32)


def in_a_fleet(fleet, config, parts, x, folder):
    fleet.broker(config)
    for part in range(parts):
        fleet.worker(part)
    np.save(folder / "in.npy", x)
    code, _, err = fleet.client("--tensor", folder / "in.npy", "--output",
                                folder / "out.npy")
    if code != 0:
        sys.exit(err)
    return np.load(folder / "out.npy").ravel()


def main():
    modules = pathlib.Path(sys.argv[1]).resolve()
    x = (np.load(sys.argv[3]) if len(sys.argv) > 3 else
         np.random.default_rng(1).standard_normal((1, 3, 32, 32)))
    x = np.ascontiguousarray(x, np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        fleet = Fleet(folder)
        try:
            config = (pathlib.Path(sys.argv[2]).resolve()
                      if len(sys.argv) > 2 else fleet.config())
            code, _, err = fleet.run(BIN / "broker", "-c", config, "--export",
                                     folder / "parts")
            if code != 0:
                sys.exit(err)
            parts = sorted((folder / "parts").glob("part-*.onnx"))
            theirs = in_onnxruntime(modules, parts, x, folder)
            ours = in_a_fleet(fleet, config, len(parts), x, folder)
        finally:
            fleet.close()
    error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    print(f"{len(parts)} parts, {ours.size} outputs, relative error against "
          f"ONNX Runtime {error:.2e} (bound {BOUND:g})")
    return 0 if ours.shape == theirs.shape and error <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
