#!/usr/bin/python3
"""Does Convoy compute what PyTorch computes? Eighteen architectures say.

    check_zoo.py FOLDER NODE_MODULES_FOLDER [MODEL...]

FOLDER has what make_zoo.py wrote. With every planted error that concerns it a
model has to fail first (planted.py). Then it runs whole by worker --local, as
a chain of exported parts, and through a fleet, for one and two pictures:

    plants    planted errors noticed
    whole     error of the output against PyTorch, batch 1 and 2
    boundary  largest error of a tensor that crosses a cut
    runtime   difference between three parts and the whole, in ONNX Runtime
    chain     largest difference between parts run one by one and the whole
    fleet     largest difference between a running fleet and the whole
    bits      whether chain and fleet gave the whole's very bits
    .pth      difference between the whole and etc/models with a checkpoint

Errors are relative, in the 2-norm. Where a file has batch norms, ONNX Runtime
runs them in the whole and not in the parts, and rounding differs.
"""
import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from fleet import BIN, ROOT, Fleet  # noqa: E402  (the path comes first)
from make_zoo import ZOO  # noqa: E402
import planted  # noqa: E402
import reference  # noqa: E402

CUTS = (2, 3, 5)
RUNTIME_PARTS = 3
BATCHES = (1, 2)
TORCH_BOUND = 1e-4
WHOLE_BOUND = 1e-6
ROUTES_BOUND = 1e-5
SECONDS = 120
TITLES = ("plants", "whole b1", "b2", "boundary", "runtime", "chain", "fleet",
          "bits", ".pth")


class Failed(Exception):
    """A model does not pass."""


class Wrong(Failed):
    """Its numbers are wrong."""


def difference(ours, theirs, what, bound):
    """Relative error of an array; Wrong where it is not under a bound."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        raise Wrong(f"{what}: {ours.dtype}{list(ours.shape)}, not "
                    f"{theirs.dtype}{list(theirs.shape)}")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    error = np.linalg.norm(ours - theirs) / (np.linalg.norm(theirs) or 1)
    if not error < bound:
        raise Wrong(f"{what}: off by {error:.1e}")
    return float(error)


def succeed(fleet, *command):
    code, _, err = fleet.run(*command, timeout=SECONDS)
    if code != 0:
        raise Failed((err.strip().splitlines() or [f"status {code}"])[-1])


class Model:
    """One of the zoo, and a folder for what Convoy makes of it."""

    def __init__(self, zoo, name, fleet):
        self.name, self.fleet, self.folder = name, fleet, fleet.folder
        self.path = zoo / f"{name}.onnx"
        self.inputs, self.outputs = (
            [np.load(zoo / f"{name}.{what}.b{batch}.npy")
             for batch in BATCHES] for what in ("in", "out"))

    def local(self, path, feeds, names, worker=BIN / "worker"):
        """Run a file on arrays by name; its outputs by name."""
        options = []
        for i, (name, value) in enumerate(feeds.items()):
            np.save(self.folder / f"in-{i}.npy", value)
            options += ["--tensor", f"{name}={self.folder}/in-{i}.npy"]
        for i, name in enumerate(names):
            options += ["--output", f"{name}={self.folder}/out-{i}.npy"]
        succeed(self.fleet, worker, "--model", path, "--local", *options)
        return {name: np.load(self.folder / f"out-{i}.npy")
                for i, name in enumerate(names)}

    def whole(self, worker=BIN / "worker"):
        """The outputs of the file as it is, and their errors."""
        wholes, errors = [], []
        for x, y in zip(self.inputs, self.outputs):
            ours = self.local(self.path, {"input": x}, ["output"], worker)
            wholes.append(ours["output"])
            errors.append(difference(wholes[-1], y, f"batch {len(x)}",
                                     TORCH_BOUND))
        return wholes, errors

    def notice(self, workers):
        """Wrong numbers of each of these workers; how many they are."""
        for patch, worker in workers.items():
            try:
                self.whole(worker)
            except Wrong:
                continue
            raise Failed(f"the planted {patch} goes unseen")
        return len(workers)

    def config(self, parts):
        return self.fleet.config(f'model: {{ name = "{self.name}"; '
                                 f'file = "{self.path}"; parts = {parts}; }};')

    @contextlib.contextmanager
    def exported(self, config):
        """The files of a config's parts, for a while."""
        folder = self.folder / "parts"
        succeed(self.fleet, BIN / "broker", "-c", config, "--export", folder)
        yield sorted(folder.glob("part-*.onnx"))
        shutil.rmtree(folder)

    def chain(self, files, run):
        """Run parts in turn: for each batch all tensors by name."""
        tensors = [{} for _ in self.inputs]
        for part in files:
            graph = onnx.load(part).graph
            inputs = [value.name for value in graph.input]
            outputs = [value.name for value in graph.output]
            for x, known in zip(self.inputs, tensors):
                known.setdefault(inputs[0], x)
                known.update(run(
                    part, {name: known[name] for name in inputs}, outputs))
        return tensors

    def from_checkpoint(self):
        """The outputs of the layer list with the .pth file."""
        config = self.folder / f"{self.name}.cfg"
        config.write_text((ROOT / "etc/models" / config.name).read_text())
        weights = re.search(r'^ *weights *= "(.*)";', config.read_text(),
                            re.MULTILINE).group(1)
        (self.folder / weights).symlink_to(self.path.with_suffix(".pth"))
        with self.exported(config) as files:
            return [list(known.values())[-1]
                    for known in self.chain(files, self.local)]

    def served(self, parts):
        """What a broker and a worker a part answer, for each batch."""
        fleet = Fleet(self.folder / f"fleet-{parts}")
        fleet.folder.mkdir()
        try:
            fleet.broker(self.config(parts))
            workers = [fleet.worker(part, wait=False)
                       for part in range(parts)]
            for worker in workers:
                worker.expect("ready", SECONDS)
            outputs = []
            for x in self.inputs:
                np.save(self.folder / "in.npy", x)
                succeed(fleet, BIN / "client", "--broker", fleet.clients,
                        "--tensor", self.folder / "in.npy",
                        "--output", self.folder / "out.npy")
                outputs.append(np.load(self.folder / "out.npy"))
            return outputs
        finally:
            fleet.close()
            shutil.rmtree(fleet.folder)


def largest(wholes, others, what, bound):
    """The largest difference between outputs, over the batches."""
    return max(difference(other, whole, f"{what}, batch {len(whole)}", bound)
               for whole, other in zip(wholes, others))


def origin(name):
    """A tensor as the file calls it: behind a part that hands it on, too."""
    return re.sub(r"\.via\d+$", "", name)


def at_boundaries(model, chains, values):
    """The largest error of what crosses a cut, over the batches."""
    names = {name for chain in chains for name in chain[0]}
    errors = [0.0]
    for name in sorted(names - {"input", "output"}):
        if origin(name) not in values[0]:
            raise Failed(f"a cut made up the tensor {name}")
        theirs = [known[origin(name)] for known in values]
        errors += [largest(theirs, [known[name] for known in chain],
                           f"boundary {name}", TORCH_BOUND)
                   for chain in chains if name in chain[0]]
    return max(errors)


def check(model, modules, workers, row):
    """Fill a model's row; Failed says what is wrong."""
    def by_runtime(part, feeds, _):
        return reference.run(part, feeds, modules, model.folder)

    def outputs(tensors):
        return [known["output"] for known in tensors]

    row["plants"] = model.notice(planted.concerning(model.name, workers))
    wholes, (row["whole b1"], row["b2"]) = model.whole()
    chains = []
    for parts in CUTS:
        with model.exported(model.config(parts)) as files:
            chains.append(model.chain(files, model.local))
            if parts == RUNTIME_PARTS:
                theirs = model.chain(files, by_runtime)

    names = {origin(name) for chain in chains for name in chain[0]}
    values = reference.values(model.path, names, model.inputs, modules)
    largest(model.outputs, outputs(values), "ONNX Runtime", TORCH_BOUND)
    row["boundary"] = at_boundaries(model, chains, values)
    row["runtime"] = largest(
        outputs(values), outputs(theirs), "parts in ONNX Runtime",
        TORCH_BOUND if ZOO[model.name].norms else ROUTES_BOUND)

    runs = {"chain": [outputs(chain) for chain in chains],
            "fleet": [model.served(parts) for parts in CUTS]}
    for what, answers in runs.items():
        row[what] = max(largest(wholes, answer, f"{what} of {parts}",
                                WHOLE_BOUND)
                        for parts, answer in zip(CUTS, answers))
    row["bits"] = "differ" if row["chain"] + row["fleet"] else "same"
    if ZOO[model.name].save:
        row[".pth"] = largest(wholes, model.from_checkpoint(), ".pth",
                              ROUTES_BOUND)


def report(zoo, name, modules, workers):
    """Print a model's row; whether it passes."""
    started = time.monotonic()
    row, verdict = {}, "ok"
    with tempfile.TemporaryDirectory(prefix="check-", dir=zoo) as folder:
        try:
            check(Model(zoo, name, Fleet(folder)), modules, workers, row)
        except (Failed, AssertionError,
                subprocess.SubprocessError) as failure:
            verdict = f"FAILED {failure}"
    cells = [row.get(title, "") for title in TITLES]
    print(f"{name:20}" + "".join(
        f"{cell:9.1e}" if isinstance(cell, float) else f"{cell:>9}"
        for cell in cells) +
        f"{time.monotonic() - started:7.1f}  {verdict}", flush=True)
    return verdict == "ok"


def main():
    zoo, modules = (pathlib.Path(folder).resolve() for folder in sys.argv[1:3])
    names = sys.argv[3:] or list(ZOO)
    workers = planted.workers(zoo / "planted")
    print(f"{'model':20}" + "".join(f"{title:>9}" for title in TITLES) +
          f"{'s':>7}", flush=True)
    passed = sum(report(zoo, name, modules, workers) for name in names)
    print(f"zoo: {passed} of {len(names)} models pass")
    return 0 if passed == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
