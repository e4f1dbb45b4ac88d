"""One model, run by `worker --local`, and what came of it."""
import dataclasses
import pathlib
import re
import subprocess

import numpy as np

SECONDS_MAX = 30  # a run takes milliseconds: longer is a hang


@dataclasses.dataclass
class Run:
    status: str    # "ran", "refused" (a sentence), "crashed" or "hung"
    sentence: str  # what the worker said, or which signal ended it
    outputs: dict  # name to array


def sentence_of(stderr):
    """A program's last word, without the time and the level before it and
    without the folders of the file it names."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    last = re.sub(r"^\S+ \w+: error: ", "", lines[-1] if lines else "")
    return re.sub(r"\S*/(?=[^/\s]+)", "", last)


def run(worker, model, inputs, outputs, folder):
    """Run a model file on arrays; `outputs` are the names wanted. Files go
    into a folder that exists."""
    folder = pathlib.Path(folder)
    command = [str(worker), "--model", str(model), "--local", "--threads", "2"]
    for i, (name, array) in enumerate(inputs.items()):
        np.save(folder / f"input-{i}.npy", array)
        command += ["--tensor", f"{name}={folder}/input-{i}.npy"]
    made = {name: folder / f"output-{i}.npy" for i, name in enumerate(outputs)}
    for name, path in made.items():
        path.unlink(missing_ok=True)
        command += ["--output", f"{name}={path}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              errors="replace", timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return Run("hung", f"no end after {SECONDS_MAX} s", {})
    if done.returncode < 0 or "Sanitizer" in done.stderr:
        return Run("crashed", f"signal {-done.returncode}: "
                   + sentence_of(done.stderr), {})
    if done.returncode != 0:
        return Run("refused", sentence_of(done.stderr), {})
    return Run("ran", "", {n: np.load(p) for n, p in made.items()})


def difference(got, want, rtol, atol):
    """Why two arrays are not the same, or None."""
    want = np.asarray(want)
    if got.dtype != want.dtype:
        return f"is {got.dtype}, not {want.dtype}"
    if got.shape != want.shape:
        return f"has the shape {got.shape}, not {want.shape}"
    try:
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
    except AssertionError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        return "; ".join(line for line in lines[2:] if line)[:300]
    return None
