#!/usr/bin/env python3
"""Do the planted errors of the zoo still fit the kernels they change?

`make check-zoo` builds them, but it runs rarely; a kernel that changes should
take its patch along.
"""
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
from planting import plant  # noqa: E402  (the path comes first)


def main():
    for patch in sorted((ROOT / "tests/zoo/plants").glob("*.patch")):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "worker", pathlib.Path(folder) / "worker")
            try:
                plant(patch, pathlib.Path(folder))
            except (ValueError, OSError) as error:
                sys.exit(f"tests/zoo/plants: {error}")
    print("planted errors: all fit")


if __name__ == "__main__":
    main()
