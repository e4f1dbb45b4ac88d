#!/usr/bin/env python3
"""Convoy's engine beside ONNX Runtime and PyTorch on the same networks.

Each peer is a process of its own that loads the network from the same
weights; then they take turns for a while each, round after round, so that
whatever else the machine does falls on all of them. A figure is the median of
the rounds' medians, a ratio theirs over Convoy's: above 1, Convoy is faster.
What the peers computed is compared too. docs/performance.md says more.
"""
import argparse
import contextlib
import datetime
import fcntl
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench/peers"
RESULTS = ROOT / "bench/results/engine.jsonl"

# What ONNX Runtime's time over ours has to be, on one thread at batch 1.
MEAN = {
    "emoji10": 1.2, "vgg16": 1.8, "resnet18": 1.4, "resnet50": 1.15,
    "squeezenet1_1": 1.1, "googlenet": 1.1, "mobilenet_v2": 1.1,
    "efficientnet_b0": 1.1, "densenet121": 1.0, "shufflenet_v2_x1_0": 1.0,
    "mobilenet_v3_small": 1.0,
}
APART = {"vit_b_16": 0.9, "convnext_tiny": 0.9}  # not in the geometric mean
BOUNDS = MEAN | APART
SINGLE = (1, 1)  # the setting of these bounds
MEAN_BOUND = {SINGLE: 1.3}
MEAN_BOUND_ELSEWHERE = 1.2
PYTORCH_MEAN_BOUND = 1.6
MEMORY_MEAN_BOUND = 1.0
MEMORY_BOUND = 1.5
GAIN_MODEL, GAIN_BOUND = "resnet18", 1.7  # of a second thread
ERROR_BOUND = 1e-4

OURS, ORT, TORCH, BEFORE = "convoy", "onnxruntime", "pytorch", "before"


class Peer:
    """A process that has a network loaded and runs it when told to."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            [str(word) for word in command], text=True, cwd=ROOT,
            env={**os.environ, **environment}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.loaded = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"status {self.process.returncode}")
        return json.loads(line)

    def run(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def commands(options, model, setting, given):
    """The command and environment of each peer."""
    threads, batch = setting
    folder = options.models_dir if model == "emoji10" else options.zoo
    onnx = (folder / f"{model}.onnx", given, threads, batch)
    script = (options.models_dir / f"{model}.pt", *onnx[1:])
    waiting = "passive" if options.passive else "spin"
    peers = {
        OURS: ([options.build / "bench/engine", *onnx], {}),
        ORT: (["node", PEERS / "onnxruntime.js", *onnx, waiting],
              {"NODE_PATH": str(options.onnxruntime / "node_modules")}),
        TORCH: (["/usr/bin/python3", PEERS / "pytorch.py", *script],
                {"OMP_NUM_THREADS": str(threads)} |
                ({"OMP_WAIT_POLICY": "passive"} if options.passive else {})),
    }
    chosen = {name: peers[name] for name in options.peers}
    if options.before:
        chosen[BEFORE] = ([options.before, *onnx], {})
    return chosen


def pictures(options, model, count):
    """The two that the network's norms saw the like of, again and again."""
    if model == "emoji10":
        pair = np.random.default_rng(1).standard_normal((2, 3, 32, 32), "f4")
    else:
        pair = np.load(options.zoo / f"{model}.in.b2.npy")
    return np.resize(pair, (count, *pair.shape[1:]))


@contextlib.contextmanager
def locked(paths):
    """Hold these files' locks, taken in their order."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            file = stack.enter_context(open(path, "a"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def distance(ours, theirs):
    a, b = np.asarray(ours), np.asarray(theirs)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def combine(peer, rounds):
    """One peer's figures over all rounds."""
    ms = statistics.median(r["median_ms"] for r in rounds)
    return {"ms": ms, "min_ms": min(r["min_ms"] for r in rounds),
            "runs": sum(r["runs"] for r in rounds),
            "mib": rounds[-1]["peak_mib"]}


def measure(options, model, setting):
    """{peer: figures} of one network."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "pictures.f32"
        pictures(options, model, setting[1]).tofile(path)
        peers = {}
        try:
            for name, command in commands(
                    options, model, setting, path).items():
                peers[name] = Peer(*command)
            rounds = {name: [] for name in peers}
            with locked(options.lock):
                for _ in range(options.rounds):
                    for name, peer in peers.items():
                        rounds[name].append(peer.run(options.seconds))
        finally:
            for peer in peers.values():
                peer.close()
    figures = {name: combine(peers[name], rounds[name]) for name in peers}
    ours = peers[OURS].loaded
    for name, peer in peers.items():
        figures[name]["error"] = distance(ours["output"],
                                          peer.loaded["output"])
        figures[name]["peak_share"] = (
            ours["gflop"] / figures[name]["ms"] * 1e3
            / (ours["peak_gflops"] * setting[0]))
    return figures, ours


def ratio(figures, peer, key="ms"):
    """Theirs over ours."""
    return figures[peer][key] / figures[OURS][key]


def geometric_mean(values):
    values = list(values)
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def mean(rows, peer, key="ms"):
    return geometric_mean(ratio(figures, peer, key)
                          for model, figures in rows.items()
                          if model in MEAN and peer in figures)


SHORT = {OURS: "convoy", ORT: "ort", TORCH: "torch", BEFORE: "before"}


def heading(peers):
    cells = [f"{SHORT[p]:>8} ms" for p in peers]
    cells += [f"{'x ' + SHORT[p]:>9}" for p in peers if p != OURS]
    cells += [f"{SHORT[p]:>8} %" for p in peers]
    cells += [f"{SHORT[p]:>8} MiB" for p in peers]
    return f"{'':20}" + "".join(cells)


def line(model, figures, peers):
    cells = [f"{figures[p]['ms']:11.3f}" for p in peers]
    cells += [f"{ratio(figures, p):9.2f}" for p in peers if p != OURS]
    cells += [f"{figures[p]['peak_share'] * 100:10.0f}" for p in peers]
    cells += [f"{figures[p]['mib']:12.1f}" for p in peers]
    return f"{model:20}" + "".join(cells)


def summary(rows, peers):
    others = [p for p in peers if p != OURS]
    for what, key in (("time", "ms"), ("memory", "mib")):
        means = ((p, mean(rows, p, key)) for p in others)
        yield f"geometric mean, {what}: " + ", ".join(
            f"{value:.3f} x {SHORT[p]}" for p, value in means if value)


def misses(results):
    """A sentence for each bound that was not met."""
    for setting, rows in results.items():
        name = "threads {}, batch {}".format(*setting)
        bounds = [(f"geometric mean of {len(MEAN)}", mean(rows, ORT),
                   MEAN_BOUND.get(setting, MEAN_BOUND_ELSEWHERE))]
        if setting == SINGLE:
            bounds += [(model, ratio(figures, ORT), BOUNDS[model])
                       for model, figures in rows.items()]
            bounds += [("geometric mean to PyTorch", mean(rows, TORCH),
                        PYTORCH_MEAN_BOUND),
                       ("memory, geometric mean", mean(rows, ORT, "mib"),
                        1 / MEMORY_MEAN_BOUND)]
            bounds += [(f"memory of {model}", ratio(figures, ORT, "mib"),
                        1 / MEMORY_BOUND) for model, figures in rows.items()]
        for what, got, bound in bounds:
            if got is not None and got < bound:
                yield f"{name}: {what}: {got:.3f}, at least {bound:.3f}"
        for model, figures in rows.items():
            for peer, its in figures.items():
                if not its["error"] <= ERROR_BOUND:
                    yield f"{name}: {model} differs from {peer}'s by " \
                          f"{its['error']:.1e}"
    one, two = (results.get((threads, 1), {}).get(GAIN_MODEL)
                for threads in (1, 2))
    if one and two and one[OURS]["ms"] / two[OURS]["ms"] < GAIN_BOUND:
        yield f"{GAIN_MODEL}: two threads gain " \
              f"{one[OURS]['ms'] / two[OURS]['ms']:.2f}, " \
              f"at least {GAIN_BOUND}"


def cpu_model():
    for text in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return os.uname().machine


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def append(options, results, machine):
    """One line of history a run."""
    def short(value):
        if isinstance(value, dict):
            return {key: short(entry) for key, entry in value.items()}
        return float(f"{value:.4g}") if isinstance(value, float) else value

    record = {
        "date": datetime.datetime.now(datetime.timezone.utc)
        .isoformat(timespec="seconds"),
        "commit": git("describe", "--always", "--dirty"),
        "cpu": cpu_model(), **machine, "passive": options.passive,
        "rounds": options.rounds, "seconds": options.seconds,
        "settings": [{"threads": threads, "batch": batch, "models": short(rows)}
                     for (threads, batch), rows in results.items()],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(record) + "\n")
    print(f"appended to {RESULTS.relative_to(ROOT)}")


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)

    def setting(text):
        threads, batch = text.split(":")
        return int(threads), int(batch)

    build = ROOT / "build"
    add = parser.add_argument
    add("--settings", nargs="+", type=setting, default=[SINGLE],
        metavar="THREADS:BATCH", help="1:1 where nothing is said")
    add("--models", nargs="+", choices=BOUNDS, default=list(BOUNDS),
        metavar="MODEL", help=", ".join(BOUNDS))
    add("--peers", nargs="+", choices=(OURS, ORT, TORCH),
        default=[OURS, ORT, TORCH])
    add("--before", type=pathlib.Path, metavar="ENGINE",
        help="bench/engine of another build of Convoy, as one peer more")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=1.0, help="of a peer's turn")
    add("--quick", action="store_true", help="3 rounds of 0.3 seconds")
    add("--passive", action="store_true",
        help="the others' idle threads sleep at once too")
    add("--json", action="store_true", help=f"append to {RESULTS.name}")
    add("--check", action="store_true", help="exit 1 where a bound is missed")
    add("--lock", nargs="+", default=[], metavar="FILE",
        help="hold these files' locks while a network runs")
    for name, folder in (("build", build / "release"), ("zoo", build / "zoo"),
                         ("models-dir", build / "bench"),
                         ("onnxruntime", build / "onnxruntime")):
        add(f"--{name}", type=pathlib.Path, default=folder,
            help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 3, 0.3
    if OURS not in options.peers:
        options.peers.insert(0, OURS)
    return options


def main():
    options = parse()
    peers = options.peers + ([BEFORE] if options.before else [])
    results = {}
    machine = {}
    for setting in options.settings:
        rows = results[setting] = {}
        print("threads {}, batch {}; {} rounds of {} s".format(
            *setting, options.rounds, options.seconds))
        print(heading(peers), flush=True)
        for model in options.models:
            try:
                rows[model], ours = measure(options, model, setting)
            except RuntimeError as error:
                sys.exit(f"{model}: a peer ended: {error}")
            machine = {key: ours[key] for key in ("level", "peak_gflops")}
            print(line(model, rows[model], peers), flush=True)
        for text in summary(rows, peers):
            print(text)
        print(flush=True)
    print(f"{cpu_model()}; {machine['level']}; peak {machine['peak_gflops']} "
          f"GFLOP/s a thread; idle threads of the others "
          f"{'sleep' if options.passive else 'spin'}")
    if options.json:
        append(options, results, machine)
    missed = list(misses(results)) if options.check else []
    for text in missed:
        print("missed:", text)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
