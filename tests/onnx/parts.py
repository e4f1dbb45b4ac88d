#!/usr/bin/env python3
"""Random graphs and idioms, cut in parts: the chain gives what the whole gives.
And models of every opset as one part, which is written at opset 17 or 21.

    parts.py FOLDER_WITH_NODE_MODULES [--bin DIR] [--build DIR] [--random N]

`broker --export` cuts each model in two and in three parts. The parts run one
after another in `worker --local` (within 1e-6 of the whole) and in ONNX Runtime
(within 1e-5 of the whole there), which also shows that the files are what ONNX
wants. A model that has no place to cut is counted.
"""
import argparse
import collections
import dataclasses
import pathlib
import subprocess
import sys

import onnx

import convoy
import models
import models_idioms
import models_old
import models_random
import runtime

BOUND = 1e-6
PARTS = (2, 3)


@dataclasses.dataclass
class Pending:
    model: models.Model
    parts: int
    one: bool  # a sample at a time
    why: str   # what is wrong so far
    first: int  # of the jobs: the whole model, then its parts
    end: int


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path,
                        default=runtime.ROOT / "bin")
    parser.add_argument("--build", type=pathlib.Path,
                        default=runtime.ROOT / "build/onnx-parts")
    parser.add_argument("--random", type=int, default=100, metavar="N",
                        help="how many random graphs")
    return parser.parse_args()


def export(broker, folder, parts):
    """The part files of a written model, or the broker's sentence."""
    out = folder / "parts"
    config = folder / "cut.cfg"
    config.write_text(f'model: {{ name = "cut"; file = "model.onnx"; '
                      f'parts = {parts}; }};\n')
    done = subprocess.run([broker, "-c", config, "--export", out],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return convoy.sentence_of(done.stderr) or f"exit {done.returncode}"
    return sorted(out.glob("part-*.onnx"))


def is_open(value):
    """Whether an input's axis 0 is the batch."""
    dims = value.type.tensor_type.shape.dim
    return len(dims) > 0 and dims[0].dim_param != ""


def takes_one(file):
    """Whether a part has no open batch."""
    return not any(map(is_open, onnx.load(file).graph.input))


def names(values):
    return [value.name for value in values]


def chain(worker, files, model, folder):
    """The outputs of parts, each run on what those before it made."""
    tensors = dict(model.inputs)
    for file in files:
        graph = onnx.load(file).graph
        ran = convoy.run(worker, file,
                         {n: tensors[n] for n in names(graph.input)},
                         names(graph.output), folder)
        if ran.status != "ran":
            raise RuntimeError(f"{file.name} {ran.status}: {ran.sentence}")
        tensors.update(ran.outputs)
    return tensors


def jobs_of(files, job, folder):
    """The same for session.js: a job a part."""
    places = {i["name"]: i for i in job["inputs"]}
    for file in files:
        graph = onnx.load(file).graph
        outputs = [{"name": n, "path": str(folder / f"parts-{n}.raw")}
                   for n in names(graph.output)]
        yield {"model": str(file), "outputs": outputs,
               "inputs": [places[n] for n in names(graph.input)]}
        places.update({o["name"]: o for o in outputs})


def judge(model, got, want, bound, who):
    for name in model.outputs:
        why = runtime.difference(got[name], want[name], bound)
        if why:
            return f"output '{name}' {why} in {who}"
    return None


def prepare(model, parts, wanted, jobs):
    """Export and run a model in parts and whole; append the jobs for ONNX
    Runtime. Gives what to judge, or a sentence where it cannot be cut."""
    build = wanted.build / f"{parts}"
    folder = build / model.name
    runtime.write(model, build)
    files = export(wanted.bin / "broker", folder, parts)
    if isinstance(files, str):
        return files
    one = is_open(model.model.graph.input[0]) and any(map(takes_one, files))
    if one:  # a part that does not batch: a sample at a time is its promise
        model.inputs = {n: a[:1] for n, a in model.inputs.items()}
    job = runtime.write(model, build)
    first = len(jobs)
    jobs += [job, *jobs_of(files, job, folder)]
    whole = convoy.run(wanted.bin / "worker", folder / "model.onnx",
                       model.inputs, model.outputs, folder)
    try:
        got = chain(wanted.bin / "worker", files, model, folder)
        why = whole.sentence or judge(model, got, whole.outputs, BOUND,
                                      "Convoy")
    except RuntimeError as error:
        why = str(error)
    return Pending(model, parts, bool(one), why, first, len(jobs))


def every_model(graphs):
    for model in (*models.newer(), *models_old.older(),
                  *models_old.batches()):
        yield model, 1
    for parts in PARTS:
        for seed in range(graphs):
            yield models_random.random_graph(seed), parts
        for model in models_idioms.idioms():
            yield model, parts


def main():
    wanted = options()
    counts, jobs, pending = collections.Counter(), [], []
    for model, parts in every_model(wanted.random):
        prepared = prepare(model, parts, wanted, jobs)
        if isinstance(prepared, str):
            counts["not cut"] += 1
            print(f"not cut {model.name}: {prepared}")
        else:
            pending.append(prepared)
    theirs = runtime.session.run(wanted.modules, jobs, wanted.build)
    for p in pending:
        made, why = {}, p.why
        for result in theirs[p.first + 1:p.end]:
            if isinstance(result, str):
                why = why or f"ONNX Runtime: {result.splitlines()[0]}"
            else:
                made.update(result)
        why = why or judge(p.model, made, theirs[p.first], runtime.BOUND,
                           "ONNX Runtime")
        counts["failed" if why else "passed"] += 1
        counts["of those a sample at a time"] += p.one
        if why:
            print(f"failed {p.model.name} in {p.parts} parts: {why}")
    print("cut in parts: " + ", ".join(f"{n} {s}" for s, n in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
