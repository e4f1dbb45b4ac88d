#!/usr/bin/env python3
"""worker --local and --bench on models of tests/data/make_local.py, with .npy
files that NumPy writes and reads."""
import json
import os
from xml.etree import ElementTree

import numpy as np
from fleet import BIN, ROOT, run_tests

MODELS = ROOT / "tests/data/local"
TYPES = {"f32": "f4", "f16": "f2", "f64": "f8", "i64": "i8", "i32": "i4",
         "i16": "i2", "i8": "i1", "u8": "u1", "b": "?"}


def run_local(fleet, model, inputs, outputs, *options):
    """Save arrays (or take files that are there), run; what it said."""
    files = []
    for name, array in inputs.items():
        path = fleet.folder / f"{name}.in.npy"
        if isinstance(array, np.ndarray):
            np.save(path, array)
        files.append(f"{name}={path}")
    given = ["--tensor", *files] if files else []
    return fleet.run(BIN / "worker", "--model", MODELS / f"{model}.onnx",
                     "--local", *given, "--output",
                     *(f"{name}={name}.npy" for name in outputs), *options)


def local(fleet, model, inputs, outputs, *options):
    """The arrays of the outputs."""
    code, out, err = run_local(fleet, model, inputs, outputs, *options)
    assert code == 0 and out == "", err
    return [np.load(fleet.folder / f"{name}.npy") for name in outputs]


def refused(fleet, model, inputs, outputs, status, *words):
    code, out, err = run_local(fleet, model, inputs, outputs)
    assert code == status and out == "", (code, out, err)
    assert all(word in err for word in words), err
    for name in outputs:
        assert not (fleet.folder / f"{name}.npy").exists()


def examples(rows):
    rng = np.random.default_rng(rows)
    arrays = {name: rng.integers(-9, 9, (rows, 3)).astype(code)
              for name, code in TYPES.items()}
    arrays["f64"] += 0.1
    arrays["i64"] += 2 ** 53 + 1  # which no double holds
    return arrays


def every_type_goes_in_and_out(fleet):
    arrays = examples(11)
    names = [name + "_out" for name in TYPES]
    for wanted, got in zip(arrays.values(),
                           local(fleet, "types", arrays, names)):
        assert got.dtype == wanted.dtype and np.array_equal(got, wanted), got
        assert got.flags.c_contiguous
    total, turned = local(fleet, "types", arrays, ["sum", "not"])
    wanted = sum(a.astype("f4").astype("f8") for a in arrays.values())
    assert total.dtype == np.float32
    assert np.allclose(total, wanted, rtol=1e-6)
    assert turned.dtype == bool and np.array_equal(turned, ~arrays["b"])


def every_layout_of_a_file_is_read(fleet):
    plain = examples(4)
    names = [name + "_out" for name in TYPES]
    layouts = {
        "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
        "Fortran": np.asfortranarray,
        "a view": lambda x: np.repeat(x, 2, axis=0)[::2],
    }
    for name, change in layouts.items():
        arrays = {key: change(array) for key, array in plain.items()}
        for wanted, got in zip(plain.values(),
                               local(fleet, "types", arrays, names)):
            assert np.array_equal(got, wanted), name
    for version in ((1, 0), (2, 0), (3, 0)):
        for key, array in plain.items():
            with open(fleet.folder / f"{key}.in.npy", "wb") as file:
                np.lib.format.write_array(file, array, version)
        for wanted, got in zip(plain.values(), local(
                fleet, "types", dict.fromkeys(plain), names)):
            assert np.array_equal(got, wanted), version


def one_kind_stands_for_itself(fleet):
    arrays = examples(2)
    others = dict(arrays, f32=arrays["f32"].astype("f8"),
                  f64=arrays["f64"].astype("f4"),
                  f16=arrays["f16"].astype(">f4"),
                  i32=arrays["i32"].astype("i8"),
                  i8=arrays["i8"].astype("i2"),
                  u8=np.abs(arrays["i32"]).astype("i8"))
    names = ["f32_out", "f64_out", "f16_out", "i32_out", "i8_out", "u8_out"]
    got = dict(zip(names, local(fleet, "types", others, names)))
    for key in ("f32", "f16", "i32", "i8"):
        assert got[key + "_out"].dtype == arrays[key].dtype
        assert np.array_equal(got[key + "_out"], arrays[key])
    assert np.array_equal(got["f64_out"], others["f64"].astype("f8"))
    assert np.array_equal(got["u8_out"], others["u8"])
    for key, wrong, word in (
            ("f32", arrays["i64"], "astype('float32')"),
            ("f32", arrays["u8"], "astype('float32')"),
            ("b", arrays["u8"], "astype('bool')"),
            ("u8", arrays["b"], "astype('uint8')"),
            ("i64", arrays["f64"], "astype('int64')"),
            ("i32", arrays["i64"], "is no int32"),
            ("u8", np.full((2, 3), -1), "-1 is no uint8"),
            ("f16", np.full((2, 3), 1e5), "too large for float16"),
            ("f32", arrays["f32"].astype("c8"), "complex"),
            ("f32", arrays["f32"].astype("u4"), "<u4"),
            ("f32", np.full((2, 3), "a"), "<U1")):
        for name in names:
            (fleet.folder / f"{name}.npy").unlink(missing_ok=True)
        word = "<c8" if word == "complex" else word
        refused(fleet, "types", dict(arrays, **{key: wrong}), names, 65,
                f"{key}.in.npy", word)


def halves_and_doubles_are_computed(fleet):
    x = np.linspace(-2, 2, 20).astype("f2").reshape(5, 4)
    y, z = local(fleet, "half", {"x": x}, ["y", "z"])
    assert y.dtype == np.float16 and np.array_equal(y, np.maximum(x, 0))
    assert z.dtype == np.float64
    assert np.array_equal(z, np.maximum(x, 0).astype("f8") ** 2)


def indices_and_masks_choose(fleet):
    rng = np.random.default_rng(1)
    table = (np.arange(40).reshape(10, 4) % 7).astype("f8")
    weight = np.array([[1, -1, 0], [0, 1, -1], [1, 0, 1], [-1, 1, 1]])
    for rows in (1, 8, 19):
        ids = rng.integers(0, 10, (rows, 5))
        mask = rng.integers(0, 2, (rows, 5)).astype(bool)
        wanted = (table[ids] * mask[:, :, None]).sum(1) @ weight
        scores, best = local(fleet, "words", {"ids": ids, "mask": mask},
                             ["scores", "best"])
        assert np.array_equal(scores, wanted) and scores.dtype == np.float32
        assert np.array_equal(best, wanted.argmax(1)), (best, wanted)
        assert best.dtype == np.int64 and best.shape == (rows,)
    (fleet.folder / "best.npy").unlink()
    refused(fleet, "words", {"ids": np.full((2, 5), 10), "mask": mask[:2]},
            ["best"], 65, "(Gather): an index is out of range")


def a_fleet_says_the_same(fleet):
    """Integers and booleans through boundaries, and float64 files."""
    text = (f'model: {{ name = "words"; file = "{MODELS}/words.onnx"; '
            'parts = 2; };')
    fleet.broker(fleet.config(text))
    for part in (0, 1):
        fleet.worker(part)
    rng = np.random.default_rng(3)
    arrays = {"ids": rng.integers(0, 10, (19, 5)),
              "mask": rng.integers(0, 2, (19, 5)).astype(bool)}
    wanted = local(fleet, "words", arrays, ["scores", "best"])
    np.save(fleet.folder / "ids.in.npy", arrays["ids"].astype(">i4"))
    code, _, err = fleet.client(
        "--tensor", *(f"{name}={name}.in.npy" for name in arrays),
        "--output", "best=best.npy", "scores=scores.npy")
    assert code == 0, err
    for name, array in zip(("scores", "best"), wanted):
        got = np.load(fleet.folder / f"{name}.npy")
        assert got.dtype == array.dtype and np.array_equal(got, array), got
    bad = np.where(np.arange(19)[:, None] == 7, 10, arrays["ids"])
    np.save(fleet.folder / "ids.in.npy", bad)
    code, _, err = fleet.client(
        "--tensor", *(f"{name}={name}.in.npy" for name in arrays),
        "--output", "best=none.npy")
    assert code == 1 and not (fleet.folder / "none.npy").exists(), err
    assert "row 7: node" in err and "an index is out of range" in err, err
    np.save(fleet.folder / "mask.in.npy", arrays["mask"].astype("u1"))
    code, _, err = fleet.client(
        "--tensor", *(f"{name}={name}.in.npy" for name in arrays),
        "--output", "best=none.npy")
    assert code == 65 and "astype('bool')" in err, err


def what_has_no_batch_runs_once(fleet):
    x = np.arange(6, dtype="f4").reshape(2, 3)
    y, = local(fleet, "fixed", {"x": x}, ["y"])
    assert np.allclose(y, np.exp(x) / np.exp(x).sum(1, keepdims=True), 1e-6)
    (fleet.folder / "y.npy").unlink()
    refused(fleet, "fixed", {"x": x[:1]}, ["y"], 65, "[1, 3]", "[2, 3]")
    x = np.arange(57, dtype="f4").reshape(19, 3)
    above, count = local(fleet, "threshold",
                         {"x": x, "limit": np.array(9.5, "f4")},
                         ["above", "count"])
    assert np.array_equal(above, x > 9.5) and above.dtype == bool
    assert count.shape == () and count == 47 and count.dtype == np.int32
    a, b = np.random.default_rng(2).standard_normal((2, 5, 4))
    products, = local(fleet, "pairs", {"a": a[:3], "b": b}, ["products"])
    assert np.allclose(products, a[:3] @ b.T, rtol=1e-5, atol=1e-6)
    y, = local(fleet, "nothing", {}, ["y"])
    assert y.tolist() == [2, 5, 8, 11] and y.dtype == np.int64


def no_rows_are_no_mistake(fleet):
    arrays = {name: array[:0] for name, array in examples(1).items()}
    for got in local(fleet, "types", arrays, ["f32_out", "sum", "not"]):
        assert got.shape == (0, 3)


def an_output_that_cannot_be_written_is_named(fleet):
    x = np.zeros((2, 3), "f4")
    np.save(fleet.folder / "x.npy", x)
    worker = (BIN / "worker", "--model", MODELS / "fixed.onnx", "--local")
    for out, status, word in (
            ("absent/y.npy", 1, "absent/y.npy: No such file or directory"),
            (".", 1, "Is a directory"), ("/dev/full", 1, "No space left"),
            ("z=y.npy", 65, "there is no tensor z")):
        code, _, err = fleet.run(*worker, "--tensor", "x.npy", "--output", out)
        assert code == status and word in err, (code, err)
    code, _, err = fleet.run(*worker, "--output", "y.npy")
    assert code == 64 and "'x' needs a --tensor" in err, err
    code, _, err = fleet.run(*worker, "--tensor", "x.npy")
    assert code == 64 and "--output" in err, err
    # The same file in and out is read before it is written.
    code, _, err = fleet.run(*worker, "--tensor", "x.npy", "--output", "x.npy")
    assert code == 0, err
    assert np.allclose(np.load(fleet.folder / "x.npy"), 1 / 3)


def a_bench_takes_any_inputs(fleet):
    for model in sorted(os.listdir(MODELS)):
        code, out, err = fleet.run(BIN / "worker", "--model", MODELS / model,
                                   "--bench", "--seconds", "1", "--json")
        assert code == 0, err
        got = json.loads(out)
        assert set(got) >= {"model", "batch", "threads", "median_ms", "min_ms",
                            "gflops", "peak_share", "rss_mib"}, got
        assert 0 < got["min_ms"] <= got["median_ms"], got
        assert got["gflops"] >= 0 and got["rss_mib"] > 0, got


def a_profile_is_shown_in_three_ways(fleet):
    bench = (BIN / "worker", "--model", MODELS / "types.onnx", "--bench",
             "--seconds", "1")
    code, out, err = fleet.run(*bench, "--json", "--svg", "bars.svg")
    assert code == 0, err
    rows = json.loads(out)["profile"]
    assert len(rows) > 5 and abs(sum(r["share"] for r in rows) - 1) < 1e-3
    code, text, err = fleet.run(*bench, "--profile")
    assert code == 0, err
    texts = [t.text or "" for t in
             ElementTree.parse(fleet.folder / "bars.svg").iter()
             if t.tag == "{http://www.w3.org/2000/svg}text"]
    for row in rows:
        assert row["ms"] >= 0 and row["gflops"] >= 0, row
        assert row["node"][-40:] in texts and row["node"][-40:] in text, row
    code, _, err = fleet.run(*bench, "--no-winograd")
    assert code == 0, err
    code, _, err = fleet.run(*bench, "--svg", "nowhere/bars.svg")
    assert code == 1 and "nowhere/bars.svg" in err, (code, err)


if __name__ == "__main__":
    run_tests(every_type_goes_in_and_out, every_layout_of_a_file_is_read,
              one_kind_stands_for_itself, halves_and_doubles_are_computed,
              indices_and_masks_choose, a_fleet_says_the_same,
              what_has_no_batch_runs_once, no_rows_are_no_mistake,
              an_output_that_cannot_be_written_is_named,
              a_bench_takes_any_inputs, a_profile_is_shown_in_three_ways)
