#!/usr/bin/python3
"""What a broker and the workers of vgg16, 528 MiB, hold in memory.

    check_memory.py FOLDER

FOLDER has vgg16.onnx and vgg16.pth, as make_zoo.py writes them. Each is
served in four parts while clients keep every worker busy. Peaks are VmHWM of
/proc. A broker has to be ready within 10 s, at a peak under three times the
file and with less than that afterwards; a worker may take 1.5 times its
part's weights and 64 MiB.
"""
import json
import pathlib
import re
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from fleet import BIN, ETC, Fleet  # noqa: E402  (the path comes first)

PARTS = 4
READY_S = 10
STARTS = 3
MIB = 2 ** 20


def held(process):
    """Peak and present memory of a process, in MiB."""
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return [int(re.search(rf"{key}:\s+(\d+) kB", text)[1]) / 1024
            for key in ("VmHWM", "VmRSS")]


def configs(zoo):
    """The same network from ONNX and from a layer list and a checkpoint."""
    yield (zoo / "vgg16.onnx",
           f'model: {{ name = "vgg16"; file = "{zoo}/vgg16.onnx"; '
           f'parts = {PARTS}; }};')
    text = (ETC / "models" / "vgg16.cfg").read_text()
    text, found = re.subn(r'weights = "[^"]*\.pth"',
                          f'weights = "{zoo}/vgg16.pth"', text, count=1)
    text, parts = re.subn(r"parts   = \d+", f"parts = {PARTS}", text)
    assert found and parts, "etc/models/vgg16.cfg has another form now"
    yield zoo / "vgg16.pth", text


def started(fleet, config):
    """A broker, and how soon it was ready; of a few starts, as others may
    keep the machine busy."""
    for attempt in range(STARTS):
        begin = time.monotonic()
        broker = fleet.broker(config)
        seconds = time.monotonic() - begin
        if seconds <= READY_S or attempt == STARTS - 1:
            return broker, seconds
        broker.stop()


def check(fleet, path, text):
    """The faults of one route; prints what was measured."""
    faults = []

    def judge(what, value, bound, unit):
        print(f"  {what:32} {value:8.1f} of {bound:7.1f} {unit}"
              f"{'' if value <= bound else '  TOO MUCH'}", flush=True)
        if value > bound:
            faults.append(what)

    config = fleet.config(text)
    size = path.stat().st_size / MIB
    print(f"{path.name}, {size:.0f} MiB", flush=True)
    code, out, err = fleet.run(BIN / "broker", "-c", config, "--plan",
                               "--json", timeout=120)
    assert code == 0, err
    parts = json.loads(out)["parts"]
    broker, seconds = started(fleet, config)
    judge("broker until ready", seconds, READY_S, "s")
    peak, present = held(broker)
    judge("broker at its peak", peak, 3 * size, "MiB")
    judge("broker when it is ready", present, peak, "MiB")
    workers = [fleet.worker(part["part"], wait=False) for part in parts]
    for worker in workers:
        worker.expect("ready", 120)
    code, _, err = fleet.client("--bench", "--concurrency", 12, "--requests",
                                48, "--timeout", 120000, timeout=240)
    assert code == 0, err
    for part, worker in zip(parts, workers):
        weights = part["weight_bytes"] / MIB
        judge(f"worker of part {part['part']}, {weights:.1f} MiB",
              held(worker)[0], 1.5 * weights + 64, "MiB")
    print(f"  broker after 48 requests: peak {held(broker)[0]:.1f}, now "
          f"{held(broker)[1]:.1f} MiB", flush=True)
    return faults


def main():
    zoo = pathlib.Path(sys.argv[1]).resolve()
    faults = []
    for path, text in configs(zoo):
        with tempfile.TemporaryDirectory(prefix="memory-", dir=zoo) as folder:
            fleet = Fleet(folder)
            try:
                faults += check(fleet, path, text)
            finally:
                fleet.close()
    print("memory: " + ("too much: " + ", ".join(faults) if faults
                        else "within all bounds"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
