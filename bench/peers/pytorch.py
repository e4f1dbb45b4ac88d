#!/usr/bin/python3
"""PyTorch as one of the peers of bench/engine.py.

    pytorch.py MODEL.pt INPUT.f32 THREADS BATCH

MODEL.pt is a frozen TorchScript module, as bench/models.py writes it; after
loading it is optimised for inference, if that is said to keep its result. What
this program says and is told is what bench/engine.c describes.
"""
import json
import pathlib
import re
import sys
import time

import numpy as np
import torch


def memory_mib(key):
    text = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{key}:\s+(\d+)", text)[1]) / 1024


def read_pictures(path, batch):
    """A batch of square pictures."""
    data = np.fromfile(path, "float32")
    size = round((data.size / batch / 3) ** 0.5)
    return torch.from_numpy(data.reshape(batch, 3, size, size))


def load(path):
    extra = {"optimize": ""}
    model = torch.jit.load(path, _extra_files=extra)
    return (torch.jit.optimize_for_inference(model)
            if extra["optimize"] == b"yes" else model)


def timed(run):
    begin = time.perf_counter()
    run()
    return (time.perf_counter() - begin) * 1e3


def measure(run, seconds):
    spent, times = timed(run), []
    while spent < seconds * 100:
        spent += timed(run)
    spent = 0
    while spent < seconds * 1000 or len(times) < 3:
        times.append(timed(run))
        spent += times[-1]
    times.sort()
    return {"median_ms": times[len(times) // 2], "min_ms": times[0],
            "runs": len(times)}


def main():
    path, source, threads, batch = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    pictures = read_pictures(source, int(batch))
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    base = memory_mib("VmRSS")
    model = load(path)

    def run():
        return model(pictures)

    run()  # the first runs are profiled, then the graph is compiled
    run()
    print(json.dumps({"output": run().flatten().tolist()}), flush=True)
    for line in sys.stdin:
        answer = measure(run, float(line))
        answer["peak_mib"] = memory_mib("VmHWM") - base
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
