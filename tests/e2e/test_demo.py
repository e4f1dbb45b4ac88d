#!/usr/bin/env python3
"""The README's promises, as a person types them."""
import itertools
import json
import pathlib
import subprocess

from fleet import BIN, ETC, ROOT, TERM, run_tests

LABELS = (ETC / "emoji10.txt").read_text().split()
CAT = ETC / "demo/cat.png"


def the_demo_prints_cat_first(fleet):
    code, out, err = fleet.run(ROOT / "etc/demo.sh", BIN)
    assert code == 0, err
    results = [line for line in out.splitlines() if "cat.png: " in line]
    assert results and results[0].split(": ")[1].startswith("cat "), out


def running_in(folder):
    """The command lines of processes that name a folder."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if f"{folder}/" in command:
            found.append(command)
    return found


def a_demo_whose_reader_leaves_stops_what_it_started(fleet):
    temp = fleet.folder / "demo"
    temp.mkdir()
    with subprocess.Popen([ROOT / "etc/demo.sh", BIN], text=True,
                          env={**fleet.env, "TMPDIR": str(temp)},
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as demo:
        assert demo.stdout.readline().startswith("$ broker")
        assert demo.stdout.readline().startswith("  ready")
        demo.stdout.close()
        assert demo.wait(30) != 0
    assert running_in(temp) == []
    assert list(temp.iterdir()) == []


def each_demo_picture_gets_its_label(fleet):
    fleet.broker()
    fleet.worker(0)
    fleet.worker(1)
    pictures = sorted((ETC / "demo").glob("*.png"))
    code, out, err = fleet.client("--image", *pictures)
    assert code == 0, err
    found = [line.rsplit(": ", 1)[1].split()[0] for line in out.splitlines()]
    assert found == [p.stem for p in pictures], out
    code, folder, err = fleet.client("--image", ETC / "demo")
    assert code == 0 and folder.splitlines() == out.splitlines(), err


def an_image_comes_on_standard_input(fleet):
    fleet.broker()
    fleet.worker(0)
    fleet.worker(1)
    code, out, err = fleet.run(BIN / "client", "--broker", fleet.clients,
                               "--image", "-", stdin=CAT.read_bytes())
    assert code == 0 and ": cat " in out, err


def json_output_keeps_the_contract(fleet):
    fleet.broker()
    fleet.worker(0, name="left")
    fleet.worker(1, name="right")
    code, out, err = fleet.client("--json", "--image", CAT,
                                  ETC / "demo/dog.png")
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["label"] for line in lines] == ["cat", "dog"]
    for line in lines:
        assert set(line) >= {"image", "id", "label", "index", "probability",
                             "top", "latency_ms", "parts"}, line
        assert len(line["id"]) == 32 and len(line["top"]) == 5
        assert LABELS[line["index"]] == line["label"]
        assert line["top"][0]["probability"] == line["probability"]
        assert [(p["part"], p["worker"]) for p in line["parts"]] == [
            (0, "left"), (1, "right")]
        assert all(p["queue_ms"] >= 0 and p["compute_ms"] > 0
                   for p in line["parts"])


def fixed_ports(fleet):
    """A config whose ports are free but known before the broker starts."""
    config = fleet.config()
    probe = fleet.broker(config)
    assert probe.stop() == 0
    text = config.read_text()
    for role in ("clients", "workers"):
        text = text.replace(f'{role} = "tcp://127.0.0.1:0"',
                            f'{role} = "{probe.words[role]}"')
    config.write_text(text)
    return config


def any_start_order_works(fleet):
    """Workers wait for a broker, a client for its connect timeout."""
    config = fixed_ports(fleet)
    programs = {
        "broker": lambda: fleet.start(BIN / "broker", "-c", config),
        "worker 0": lambda: fleet.worker(0, wait=False),
        "worker 1": lambda: fleet.worker(1, wait=False),
        "client": lambda: fleet.start(
            BIN / "client", "--broker", fleet.clients,
            "--connect-timeout", "20000", "--image", CAT),
    }
    for order in itertools.permutations(programs):
        running = {name: programs[name]() for name in order}
        assert running["client"].end() == 0, (order, running["client"].err)
        assert "cat.png: cat " in running["client"].out[0], order
        for name in ("worker 0", "worker 1", "broker"):
            running[name].signal(TERM)
            assert running[name].end() == 0, (order, name, running[name].err)


def a_worker_says_auto_and_gets_the_part_that_lacks_one(fleet):
    fleet.broker()
    fleet.worker(0)
    ready = fleet.worker("auto", wait=False).expect("ready")
    assert "part=1 " in ready, ready


def status_shows_the_fleet(fleet):
    fleet.broker()
    fleet.worker(0, name="left")
    fleet.worker(1, name="right")
    fleet.client("--image", CAT)
    status = fleet.status()
    assert status["model"] == "emoji10"
    assert [p["workers"] for p in status["parts"]] == [1, 1]
    assert sorted(w["name"] for w in status["workers"]) == ["left", "right"]
    assert status["queued"] == status["leased"] == status["bytes_held"] == 0
    code, out, _ = fleet.client("--status")
    assert code == 0 and "left" in out and "right" in out


def a_drained_worker_leaves_and_the_rest_serve(fleet):
    fleet.broker()
    fleet.worker(0, name="one")
    leaving = fleet.worker(0, name="two")
    fleet.worker(1)
    code, _, err = fleet.client("--drain", "two")
    assert code == 0, err
    assert leaving.end() == 0
    code, out, err = fleet.client("--image", CAT)
    assert code == 0 and ": cat " in out, err


if __name__ == "__main__":
    run_tests(the_demo_prints_cat_first,
              a_demo_whose_reader_leaves_stops_what_it_started,
              each_demo_picture_gets_its_label,
              an_image_comes_on_standard_input,
              json_output_keeps_the_contract,
              any_start_order_works,
              a_worker_says_auto_and_gets_the_part_that_lacks_one,
              status_shows_the_fleet,
              a_drained_worker_leaves_and_the_rest_serve)
