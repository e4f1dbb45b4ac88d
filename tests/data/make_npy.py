#!/usr/bin/env python3
"""Write the goldens of tests/unit/test_npy.c with NumPy, into npy/.

Each array holds 0, 1, 2, ... unless its name says otherwise.
"""
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parent / "npy"


def write(name, array, version=None):
    with open(OUT / f"{name}.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for code in ("<f4", "<f8", "<f2", "<i8", "<i4", "<i2", "|i1", "|u1",
                 ">f4", ">f8", ">f2", ">i8", ">i4", ">i2"):
        name = code.replace("<", "").replace("|", "").replace(">", "big_")
        write(name, np.arange(6).astype(code).reshape(2, 3))
    write("b1", np.array([False, True, True]))
    write("scalar", np.array(7, "<f4"))
    write("empty", np.zeros((0, 3), "<f4"))
    write("axes8", np.arange(4, dtype="<f4").reshape(1, 1, 2, 1, 1, 2, 1, 1))
    write("version2", np.arange(6, dtype="<f4").reshape(2, 3), (2, 0))
    write("version3", np.arange(6, dtype="<f4").reshape(2, 3), (3, 0))
    write("fortran", np.asfortranarray(
        np.arange(6, dtype="<f4").reshape(2, 3)))
    write("big_fortran", np.asfortranarray(
        np.arange(120, dtype=">i2").reshape(2, 3, 4, 5)))
    write("transposed", np.arange(6, dtype="<i8").reshape(3, 2).T)
    write("empty_inner", np.zeros((4, 0, 3), "<i8"))
    write("complex", np.zeros(2, "<c8"))
    write("record", np.zeros(2, [("a", "<f4"), ("b", "<i4")]))
    write("axes9", np.zeros((1,) * 9, "<f4"))
