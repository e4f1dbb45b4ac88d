#!/usr/bin/python3
"""Is there a better cut of resnet50 than the one --plan shows?

    check_plan.py FOLDER

FOLDER has resnet50.onnx, as make_zoo.py writes it. Here every closed set of
its nodes is enumerated, without any of Convoy's code, and for each boundary of
four equal parts the fewest bytes are found that cross within a tenth of a part
of its even place. No boundary of Convoy's may carry more, and no part may have
more than 1.10 of the mean to compute.
"""
import json
import math
import pathlib
import sys
import tempfile

import onnx

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from fleet import BIN, Fleet  # noqa: E402  (the path comes first)

PARTS = 4
ROOM = 0.10
FLOAT_BYTES = 4
SETS_MAX = 1_000_000


class Network:
    """An ONNX file as sets of node numbers, and what a set costs."""

    def __init__(self, path):
        model = onnx.load(path)
        for value in model.graph.input:
            value.type.tensor_type.shape.dim[0].dim_value = 1
        graph = onnx.shape_inference.infer_shapes(model).graph
        self.nodes = graph.node
        self.weights = {w.name: list(w.dims) for w in graph.initializer}
        self.shapes = {v.name: [d.dim_value
                                for d in v.type.tensor_type.shape.dim]
                       for v in [*graph.value_info, *graph.input,
                                 *graph.output]}
        self.maker = {name: n for n, node in enumerate(self.nodes)
                      for name in node.output}
        self.needs = [sum({1 << self.maker[name] for name in node.input
                           if name in self.maker}) for node in self.nodes]
        self.readers = {value.name: 0 for value in graph.input}
        for n, node in enumerate(self.nodes):
            for name in node.input:
                if name not in self.weights:
                    self.readers[name] = self.readers.get(name, 0) | 1 << n
        self.work = [self.multiply_adds(node) for node in self.nodes]

    def multiply_adds(self, node):
        if node.op_type == "Conv":
            return math.prod(self.shapes[node.output[0]]) * math.prod(
                self.weights[node.input[1]][1:])
        if node.op_type == "Gemm":
            return math.prod(self.weights[node.input[1]])
        return 0

    def closed_sets(self):
        """Every set of nodes that holds all its nodes depend on, as bits."""
        level, everything = {0}, [0]
        while level:
            level = {held | 1 << n for held in level
                     for n, needs in enumerate(self.needs)
                     if not held >> n & 1 and held & needs == needs}
            everything += level
            assert len(everything) < SETS_MAX, "too many to enumerate"
        return everything

    def computed(self, held):
        return sum(work for n, work in enumerate(self.work) if held >> n & 1)

    def crossing(self, held):
        """Bytes of one sample that are made in a set and read outside."""
        return FLOAT_BYTES * sum(
            math.prod(self.shapes[name])
            for name, readers in self.readers.items()
            if (name not in self.maker or held >> self.maker[name] & 1) and
            readers & ~held)


def fewest_bytes(path):
    """For each boundary: the fewest bytes near its even place, and where."""
    network = Network(path)
    sets = network.closed_sets()
    total = sum(network.work)
    places = [(network.crossing(held), network.computed(held))
              for held in sets]
    print(f"{len(network.nodes)} nodes, {len(sets)} closed sets, "
          f"{total / 1e6:.0f} million multiply-adds")
    mean = total / PARTS
    return [min(place for place in places
                if abs(place[1] - k * mean) <= ROOM * mean)
            for k in range(1, PARTS)]


def plan_of(path):
    with tempfile.TemporaryDirectory(prefix="convoy-plan-") as folder:
        fleet = Fleet(folder)
        config = fleet.config(f'model: {{ name = "zoo"; file = "{path}"; '
                              f'parts = {PARTS}; }};')
        code, out, err = fleet.run(BIN / "broker", "-c", config, "--plan",
                                   "--json", timeout=120)
        assert code == 0, err
        return json.loads(out)["parts"]


def main():
    path = pathlib.Path(sys.argv[1]).resolve() / "resnet50.onnx"
    parts, best = plan_of(path), fewest_bytes(path)
    passed = True
    before = 0
    for part, (bytes_min, work) in zip(parts, best):
        before += part["mflop"] / 2
        crossing = sum(tensor["bytes"] for tensor in part["outputs"])
        passed &= crossing <= bytes_min
        print(f"boundary {part['part']}: {crossing} bytes at {before:.0f}; "
              f"fewest: {bytes_min} at {work / 1e6:.0f}")
    mflop = [part["mflop"] for part in parts]
    uneven = max(mflop) / (sum(mflop) / PARTS)
    passed &= uneven <= 1 + ROOM
    print(f"the slowest part has {uneven:.3f} of the mean to compute")
    print("plan: " + ("as good as can be" if passed else "NOT the best"))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
