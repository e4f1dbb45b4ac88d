#!/usr/bin/env python3
"""Does the simulator find bugs? Plant some and see.

Each patch in bugs/ is applied to a copy of the broker's sources; the files it
touches are compiled and linked before the library that holds the good ones,
and the simulator must then fail. Speaks TAP.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("CONVOY_ROOT", pathlib.Path(
    __file__).resolve().parent.parent.parent))
BUILD = pathlib.Path(os.environ.get("CONVOY_BUILD", ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/support"))
from planting import plant  # noqa: E402  (the path comes first)

FLAGS = {"asan": ["-fsanitize=address,undefined"],
         "tsan": ["-fsanitize=thread"],
         "coverage": ["--coverage"]}.get(BUILD.name, [])
SEEDS = "1000"


def build(folder, changed):
    compiler = os.environ.get("CC", "gcc")
    objects = []
    for path in sorted(changed):
        objects.append(str(folder / path) + ".o")
        subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-w",
                        "-fPIE", *FLAGS, f"-I{folder}", f"-I{ROOT}", "-c",
                        str(folder / path), "-o", objects[-1]], check=True)
    objects += map(str, sorted((BUILD / "obj/tests/sim").glob("*.o")))
    program = folder / "sim"
    subprocess.run([compiler, "-pie", *FLAGS, "-o", str(program), *objects,
                    str(BUILD / "lib/libbroker.a"),
                    str(BUILD / "lib/libcommon.a"), "-lsodium", "-lmsgpackc",
                    "-lxxhash", "-lm"], check=True)
    return program


def find(patch):
    """What the simulator says about a planted bug; None if nothing."""
    with tempfile.TemporaryDirectory(prefix="convoy-") as name:
        folder = pathlib.Path(name)
        shutil.copytree(ROOT / "broker", folder / "broker")
        program = build(folder, plant(patch, folder))
        ran = subprocess.run([str(program), "--seeds", SEEDS, "--stop"],
                             text=True, capture_output=True, cwd=name)
    if ran.returncode == 0:
        return None
    found = re.search(r"seed \d+.*", ran.stdout)
    return found.group(0) if found else "it died"


def main():
    patches = sorted((ROOT / "tests/sim/bugs").glob("*.patch"))
    print(f"1..{len(patches)}", flush=True)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, (patch, found) in enumerate(
                zip(patches, pool.map(find, patches)), 1):
            bad += found is None
            print(f"{'not ok' if found is None else 'ok'} {number} - "
                  f"the simulator finds {patch.stem}", flush=True)
            print(f"# {found}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
