#!/usr/bin/env python3
"""Convoy against the ONNX project's own node tests.

    nodes.py [--bin DIR] [--build DIR] [--known FILE] [--verbose] [OPERATOR...]

Runs the tests of cases.py, each by a `worker --local` of its own, compares as
ONNX's runner does (rtol 1e-3, atol 1e-7, the same type and shape) and prints
passed, failed and refused by operator, apart for the tests in float32 and
those in types that Convoy does not promise. Fails if less than 97 % pass in
float32, if a worker crashes or hangs, or if what fails is not exactly what
known.txt lists with a reason. Under --build lies each test's model.onnx with
its inputs, for the next look.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import pathlib
import sys

import cases
import convoy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RTOL, ATOL = 1e-3, 1e-7  # of onnx.backend.test.runner
SHARE_MIN = 0.97


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "bin")
    parser.add_argument("--build", type=pathlib.Path,
                        default=ROOT / "build/onnx-tests")
    parser.add_argument("--known", type=pathlib.Path,
                        default=HERE / "known.txt")
    parser.add_argument("--verbose", action="store_true",
                        help="where each failed test's files lie")
    parser.add_argument("operators", nargs="*")
    return parser.parse_intermixed_args()


def judge(case, worker, build):
    """(status, why) of one test."""
    folder = build / case.name
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.onnx"
    model.write_bytes(case.model.SerializeToString())
    if any(not hasattr(v, "dtype") for v in case.inputs.values()):
        return "refused", "its input is a sequence or an optional"
    ran = convoy.run(worker, model, case.inputs, case.outputs, folder)
    if ran.status != "ran":
        return ran.status, ran.sentence
    for name, want in case.outputs.items():
        why = convoy.difference(ran.outputs[name], want, RTOL, ATOL)
        if why:
            return "failed", f"output '{name}' {why}"
    return "passed", ""


def read_known(path):
    """Patterns of tests that do not pass, each with its reason."""
    known = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, reason = line.split(None, 1)
            known[pattern] = reason
    return known


def pattern_of(name, known):
    """The pattern that lists a test, or None."""
    return next((p for p in known if fnmatch.fnmatchcase(name, p)), None)


def print_table(title, results):
    rows = collections.defaultdict(collections.Counter)
    for case, status, _ in results:
        rows[case.op][status] += 1
    print(f"\n{title:<28} passed  failed refused crashed    hung")
    total = collections.Counter()
    for op, counts in sorted(rows.items()):
        print_row(op, counts)
        total.update(counts)
    print_row("all", total)
    return total


def print_row(name, counts):
    print(f"{name:<28}" + "".join(
        f"{counts[status] or '.':>8}" for status in
        ("passed", "failed", "refused", "crashed", "hung")))


def surprises(results, known):
    """Sentences about what failed without being known, and the other way."""
    for case, status, why in results:
        pattern = pattern_of(case.name, known)
        if status == "passed" and pattern:
            yield f"{case.name} passes, but '{pattern}' is a known failure"
        if status != "passed" and not pattern:
            yield f"{case.name} is no known failure: {status}, {why}"


def report(results, known, verbose, build):
    for case, status, why in results:
        if status == "passed":
            continue
        print(f"{status} {case.name} ({case.op}): {why}")
        pattern = pattern_of(case.name, known)
        if pattern:
            print(f"    known: {known[pattern]}")
        if verbose:
            print(f"    {build / case.name}/model.onnx")
    promised = [r for r in results if r[0].promised]
    total = print_table("in float32", promised)
    print_table("in other types",
                [r for r in results if not r[0].promised])
    count = max(sum(total.values()), 1)
    share = total["passed"] / count
    print(f"\nin float32 {total['passed']} of {count} pass: {share:.1%} "
          f"(at least {SHARE_MIN:.0%} wanted)")
    return share


def main():
    wanted = options()
    chosen = [c for c in cases.collect()
              if not wanted.operators or c.op in wanted.operators]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        judged = pool.map(lambda c: judge(c, wanted.bin / "worker",
                                          wanted.build), chosen)
        results = [(c, *r) for c, r in zip(chosen, judged)]
    known = read_known(wanted.known)
    share = report(results, known, wanted.verbose, wanted.build)
    wrong = list(surprises(results, known))
    wrong += [f"{case.name} {status}" for case, status, _ in results
              if status in ("crashed", "hung")]
    for sentence in wrong:
        print(f"surprise: {sentence}")
    return 0 if share >= SHARE_MIN and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
