#!/usr/bin/env python3
"""Requests a second and latencies of the demo pipeline on this machine.

One broker, one or two workers a part, one client in a closed loop over
loopback; the settings take turns, and each figure is the median of the
rounds. Absolute figures are this machine's; compare them within one run.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("CONVOY_BIN", str(ROOT / "bin"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from fleet import BIN, Fleet  # noqa: E402  (the path comes first)

FIGURES = ("requests_per_s", "p50_ms", "p99_ms")


def measure(fleet, concurrency, seconds):
    code, out, err = fleet.client(
        "--bench", "--concurrency", concurrency, "--seconds", seconds,
        "--json", timeout=seconds + 60)
    if code != 0:
        sys.exit(f"client --bench failed: {err}")
    return json.loads(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {}
    for per_part in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            fleet = Fleet(folder)
            try:
                fleet.broker()
                for part in (0, 1):
                    for _ in range(per_part):
                        fleet.worker(part, "--threads", "1")
                measure(fleet, 4, 1)  # caches and pages are warm
                for _ in range(arguments.rounds):
                    for concurrency in (1, 16):
                        results.setdefault((per_part, concurrency), []).append(
                            measure(fleet, concurrency, arguments.seconds))
            finally:
                fleet.close()
    rows = [{"workers_per_part": workers, "concurrency": concurrency,
             **{f: statistics.median(r[f] for r in runs) for f in FIGURES}}
            for (workers, concurrency), runs in sorted(results.items())]
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"fleet: demo pipeline, {BIN.name}/broker and --threads 1 workers, "
          f"{os.cpu_count()} CPUs")
    print("  workers a part  concurrency  requests/s   p50 ms   p99 ms")
    for row in rows:
        print(f"  {row['workers_per_part']:14}  {row['concurrency']:11}  "
              f"{row['requests_per_s']:10.0f}  {row['p50_ms']:7.2f}  "
              f"{row['p99_ms']:7.2f}")


if __name__ == "__main__":
    main()
