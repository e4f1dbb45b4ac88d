#!/usr/bin/env python3
"""Run every test program and count what they report.

Each program speaks TAP ("ok 1 - a name" / "not ok 2 - a name"), runs in its
own temporary directory and has a time limit; a program that dies, hangs or
reports fewer tests than it planned counts as a failure. Unit tests of the
kernels and the engine run again at each lower CPU level of this machine. The
last line is "N passed, M failed".
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT_S = {"unit": 60, "replay": 60, "sim": 240, "e2e": 240}
SLOWER = {"asan": 4, "tsan": 10, "arm64": 10}

# What a CPU needs for a level, the best level first (worker/engine/level.c).
LEVELS = {"avx512": {"avx512f", "avx512vl", "avx512dq", "avx512bw"},
          "avx2": {"avx2", "fma"}, "baseline": set()}


def lower_levels(path, cpu):
    """The levels of a program but the best that this CPU has: that one needs
    no naming. A program without kernels has none."""
    text = path.read_bytes()
    return [level for level, needs in LEVELS.items()
            if needs <= cpu and f"kernels_{level}".encode() in text][1:]


def programs(build, only):
    """(kind, name, command) of each program, the long ones first."""
    found = []
    cpu = set(pathlib.Path("/proc/cpuinfo").read_text().split())
    for path in sorted((ROOT / "tests/e2e").glob("test_*.py")):
        found.append(("e2e", path.name, [sys.executable, str(path)]))
    sim = build / "tests/sim/sim"
    if sim.exists():
        found.append(("sim", "sim", [str(sim)]))
        for path in sorted((ROOT / "tests/sim").glob("*.py")):
            found.append(("sim", path.name, [sys.executable, str(path)]))
    for path in sorted((build / "tests/unit").glob("test_*")):
        if (ROOT / "tests/unit" / (path.name + ".c")).exists():
            found.append(("unit", path.name, [str(path)]))
            found += [("unit", f"{path.name} {level}",
                       ["env", f"CONVOY_CPU={level}", str(path)])
                      for level in lower_levels(path, cpu)]
    for path in sorted((build / "tests/replay").glob("*")):
        if (ROOT / "tests/fuzz" / f"fuzz_{path.name}.c").exists():
            corpus = ROOT / "tests/fuzz/corpus" / path.name
            found.append(("replay", path.name, [str(path), str(corpus)]))
    return [p for p in found if not only or any(o in p[1] for o in only)]


def environment(build, binaries):
    env = dict(os.environ)
    for name in [n for n in env if n.startswith("CONVOY_")]:
        del env[name]
    env.update(CMOCKA_MESSAGE_OUTPUT="TAP", CONVOY_ROOT=str(ROOT),
               CONVOY_BUILD=str(build), CONVOY_BIN=str(binaries),
               PYTHONDONTWRITEBYTECODE="1",
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=1:"
                            "allocator_may_return_null=1",
               TSAN_OPTIONS="allocator_may_return_null=1:"
                            "ignore_noninstrumented_modules=1",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    return env


def run(kind, name, command, env, limit):
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="convoy-") as folder:
        with subprocess.Popen(command, cwd=folder, env=env, text=True,
                              errors="replace", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              start_new_session=True) as process:
            try:
                output, _ = process.communicate(timeout=limit)
                status = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                output, _ = process.communicate()
                status = f"no end after {limit} s"
    passed = re.findall(r"^ok \d+", output, re.M)
    failed = re.findall(r"^not ok \d+.*", output, re.M)
    plan = re.search(r"^1\.\.(\d+)", output, re.M)
    planned = int(plan.group(1)) if plan else -1
    if not failed and (status != 0 or planned != len(passed)):
        failed = [f"{name}: status {status}, "
                  f"{len(passed)} of {planned} planned tests passed"]
    return kind, name, len(passed), failed, output, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--under", default="", help="an emulator: run the "
                        "compiled tests, and these under it")
    parser.add_argument("only", nargs="*", help="parts of program names")
    arguments = parser.parse_args()
    build, binaries = ROOT / arguments.build, ROOT / arguments.bin
    env = environment(build, binaries)
    slower = SLOWER.get(build.name, 1)

    found = programs(build, arguments.only)
    if arguments.under:
        found = [(kind, name, arguments.under.split() + command)
                 for kind, name, command in found if name[-3:] != ".py"]
    passed = failed = 0
    # End-to-end tests measure reaction times, so they do not share the CPUs.
    groups = [[p for p in found if p[0] == "e2e"],
              [p for p in found if p[0] != "e2e"]]
    for group, jobs in zip(groups, (1, os.cpu_count() or 1)):
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            running = [pool.submit(run, *p, env, LIMIT_S[p[0]] * slower)
                       for p in group]
            for future in concurrent.futures.as_completed(running):
                kind, name, good, bad, output, seconds = future.result()
                passed += good
                failed += len(bad)
                print(f"{'FAIL' if bad else 'ok':4} {kind:6} {name:28} "
                      f"{good:4} tests {seconds:6.1f} s", flush=True)
                if bad:
                    print(output.rstrip())
                    print("\n".join(bad), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
