#!/usr/bin/env python3
"""Convoy against ONNX Runtime on models of every opset from 7 to 21.

    runtime.py FOLDER_WITH_NODE_MODULES [--bin DIR] [--build DIR]
        [--random N] [WORD...]

Runs the models of models*.py (those whose name has one of the given words in
it) in ONNX Runtime and in `worker --local`, and compares: the same type and
shape, relative error (2-norm) at most 1e-5. Fails where they differ, where a
worker crashes or hangs (on the models of models_hostile.py as well, which have
no right answer), and where Convoy refuses what refused.txt does not list with a
reason or runs what it lists.
"""
import argparse
import collections
import concurrent.futures
import pathlib
import sys

import numpy as np

import convoy
import models
import models_hostile
import models_idioms
import models_old
import models_random
import models_wide
import nodes

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "onnxruntime"))
import session  # noqa: E402  (the path comes first)

BOUND = 1e-5
NOISE = 1e-6  # of an element: what is left where a mean meets its own numbers


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "bin")
    parser.add_argument("--build", type=pathlib.Path,
                        default=ROOT / "build/onnx-models")
    parser.add_argument("--known", type=pathlib.Path,
                        default=HERE / "refused.txt")
    parser.add_argument("--random", type=int, default=300, metavar="N",
                        help="how many random graphs")
    parser.add_argument("words", nargs="*")
    return parser.parse_intermixed_args()


def write(model, build):
    """The files of a model; the job for session.js that reads them."""
    folder = build / model.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    path.write_bytes(model.model.SerializeToString())
    job = {"model": str(path), "inputs": [],
           "outputs": [{"name": name, "path": str(folder / f"{name}.raw")}
                       for name in model.outputs]}
    for name, array in model.inputs.items():
        job["inputs"].append(session.given(name, array,
                                           folder / f"{name}.raw"))
    return job


def difference(got, want, bound=BOUND):
    """Why two arrays are not the same, or None."""
    if got.dtype != want.dtype or got.shape != want.shape:
        return (f"is {got.dtype} {got.shape}, "
                f"not {want.dtype} {want.shape}")
    if want.dtype.kind != "f":
        wrong = np.count_nonzero(got != want)
        return f"differs in {wrong} elements" if wrong else None
    a, b = got.astype(np.float64), want.astype(np.float64)
    strange = ~np.isfinite(a) | ~np.isfinite(b)
    if not np.array_equal(a[strange], b[strange], equal_nan=True):
        return f"has {a[strange]} where there is {b[strange]}"
    error = np.linalg.norm(a[~strange] - b[~strange])
    norm = np.linalg.norm(b[~strange])
    if error > bound * norm + NOISE * a.size ** 0.5:
        return f"has the relative error {error / max(norm, 1e-30):.1e}"
    return None


def judge(model, theirs, worker, build):
    """(status, why) of one model."""
    if isinstance(theirs, str):
        return "unknown", theirs.splitlines()[0][:160]
    folder = build / model.name
    ran = convoy.run(worker, folder / "model.onnx", model.inputs,
                     model.outputs, folder)
    if ran.status != "ran":
        return ran.status, ran.sentence
    for name in model.outputs:
        why = difference(ran.outputs[name], theirs[name])
        if why:
            return "failed", f"output '{name}' {why}"
    return "passed", ""


def every_model(graphs):
    yield from models.newer()
    yield from models_old.older()
    yield from models_old.batches()
    yield from models_wide.wide()
    yield from models_idioms.idioms()
    yield from map(models_random.random_graph, range(graphs))


def run_hostile(worker, build, words):
    """How many of the models that make no sense crash or hang."""
    bad, counts = 0, collections.Counter()
    for model in models_hostile.hostile():
        if words and not any(w in model.name for w in words):
            continue
        write(model, build)
        folder = build / model.name
        ran = convoy.run(worker, folder / "model.onnx", model.inputs,
                         model.outputs, folder)
        counts[ran.status] += 1
        if ran.status in ("crashed", "hung"):
            bad += 1
            print(f"{ran.status} {model.name}: {ran.sentence}")
    print("hostile numbers: "
          + ", ".join(f"{n} {status}" for status, n in counts.items()))
    return bad


def main():
    wanted = options()
    chosen = [m for m in every_model(wanted.random)
              if not wanted.words or any(w in m.name for w in wanted.words)]
    jobs = [write(model, wanted.build) for model in chosen]
    theirs = session.run(wanted.modules, jobs, wanted.build)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        judged = list(pool.map(
            lambda m, t: judge(m, t, wanted.bin / "worker", wanted.build),
            chosen, theirs))
    known = nodes.read_known(wanted.known)
    bad = run_hostile(wanted.bin / "worker", wanted.build, wanted.words)
    for model, (status, why) in zip(chosen, judged):
        pattern = nodes.pattern_of(model.name, known)
        if status == "passed" and pattern:
            bad += 1
            print(f"passed {model.name}: but '{pattern}' is listed as refused")
        elif status != "passed":
            listed = pattern if status == "refused" else None
            bad += status != "unknown" and not listed
            print(f"{status} {model.name}: {why}"
                  + (f"\n    known: {known[listed]}" if listed else ""))
    counts = collections.Counter(status for status, _ in judged)
    print(f"against ONNX Runtime: {len(chosen)} models, "
          + ", ".join(f"{n} {status}" for status, n in counts.items())
          + " (unknown: ONNX Runtime itself refuses)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
