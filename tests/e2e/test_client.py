#!/usr/bin/env python3
"""What the client's commands say when something is not as it should be."""
import json
import re
import signal
import time

from fleet import BIN, ETC, TERM, run_tests

CAT = ETC / "demo/cat.png"


def options_of_other_commands_are_refused(fleet):
    for line, sentence in (
            ("--status --top 3", "--top belongs to --image, not to --status"),
            ("--image x --concurrency 3",
             "--concurrency belongs to --bench, not to --image"),
            ("--tensor x --output y --json",
             "--json belongs to --image, --status or --bench, not to "
             "--tensor"),
            ("--bench --output x", "--output belongs to --tensor, not to "
             "--bench"),
            ("--output x", "--output belongs to --tensor"),
            ("--bench --requests 1 --seconds 1",
             "--bench ends after --requests or after --seconds, both are "
             "given"),
            ("--broker tcp://127.0.0.1:1 --broker tcp://127.0.0.1:2 --status",
             "--broker: only 1 ENDPOINT is possible for now")):
        code, out, err = fleet.run(BIN / "client", *line.split())
        assert (code, out, err) == (64, "", f"client: error: {sentence}\n"), err
    code, _, err = fleet.run(BIN / "client", "--drain", "")
    assert code == 64 and "the name of the worker is empty" in err, err
    fleet.env["CONVOY_BROKER"] = "tcp://127.0.0.1:1,tcp://127.0.0.1:2"
    code, _, err = fleet.run(BIN / "client", "--status")
    assert code == 64 and "CONVOY_BROKER: only 1" in err, err


def the_path_of_a_job_is_told_at_level_info_however_it_is_set(fleet):
    fleet.broker()
    fleet.worker(0)
    fleet.worker(1)
    code, _, quiet = fleet.client("--image", CAT)
    assert code == 0 and quiet == "", quiet
    _, _, by_option = fleet.client("--image", CAT, "--log-level", "info")
    fleet.env["CONVOY_LOG_LEVEL"] = "info"
    _, _, by_environment = fleet.client("--image", CAT)
    for text in by_option, by_environment:
        assert "ms in all; part 0 by" in text, text


def bench(fleet, *options):
    load = fleet.start(BIN / "client", "--broker", fleet.clients, "--bench",
                       "--concurrency", "4", *options)
    fleet.until(lambda: fleet.status()["counters"]["ok"] > 20, "load")
    return load


def a_bench_ends_when_its_broker_is_gone(fleet):
    broker = fleet.broker()
    fleet.worker(0)
    fleet.worker(1)
    started = time.monotonic()
    load = bench(fleet, "--json", "--seconds", "2", "--connect-timeout", "500")
    broker.signal(TERM)
    assert load.end() == 1, load.err
    assert time.monotonic() - started < 10
    line = json.loads(load.out[0])
    assert line["errors"] == 4, line
    assert line["requests"] == line["ok"] + line["errors"], line
    assert "there has been no broker for" in load.err[-1], load.err


def an_interrupted_bench_prints_what_it_has(fleet):
    fleet.broker()
    fleet.worker(0)
    fleet.worker(1)
    load = bench(fleet, "--seconds", "60")
    load.signal(signal.SIGINT)
    assert load.end() == 130
    requests, ok, errors = (int(n) for n in re.findall(
        r"(\d+) (?:requests|ok|errors)", load.out[0]))
    assert requests == ok + errors and ok > 20 and errors == 0, load.out
    assert load.out[1].startswith("latency"), load.out


def a_bench_without_a_result_has_no_latency(fleet):
    fleet.broker()
    options = "--bench", "--requests", "2", "--timeout", "300"
    code, out, _ = fleet.client(*options)
    assert code == 1 and out.startswith("2 requests: 0 ok, 2 errors"), out
    assert out.count("\n") == 1, out
    code, out, _ = fleet.client(*options, "--json")
    line = json.loads(out)
    assert code == 1 and line["errors"] == 2, line
    for key in "p50_ms", "p90_ms", "p99_ms", "max_ms":
        assert line[key] is None, line


def every_image_has_its_object_without_a_broker(fleet):
    nobody = "tcp://127.0.0.1:1"
    code, out, err = fleet.client("--image", CAT, "none.jpg", "--json",
                                  "--connect-timeout", "100", broker=nobody)
    assert code == 69 and len(err.splitlines()) == 1, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["image"] for line in lines] == [str(CAT), "none.jpg"]
    for line in lines:
        assert line["error"] == {
            "code": "NO_BROKER", "part": None,
            "message": f"no broker answered at {nobody} within 100 ms"}, line


def a_message_does_not_repeat_the_image(fleet):
    fleet.broker()
    fleet.worker(0)
    (fleet.folder / "b\nd.png").write_text("no picture")
    code, out, err = fleet.client("--json", "--timeout", "300", "--image",
                                  "none.png", "b\nd.png", CAT)
    assert code == 65, err
    lines = [json.loads(line)["error"] for line in out.splitlines()]
    assert [line["code"] for line in lines] == ["INPUT", "INPUT", "DEADLINE"]
    assert lines[0]["message"] == "No such file or directory", lines
    assert lines[1]["message"] == "neither PNG nor JPEG", lines
    assert "cat.png" not in lines[2]["message"], lines
    for name, line, said in zip(("none.png", "b?d.png", CAT), lines,
                                err.splitlines()):
        assert said == f"client: error: {name}: {line['message']}", said


def tensors_are_named_or_refused(fleet):
    fleet.broker()
    fleet.worker(0)
    fleet.worker(1)
    path = fleet.folder / "in.npy"
    header = str({"descr": "<f4", "fortran_order": False,
                  "shape": (1, 3, 32, 32)}).encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") +
                     header + bytes(4 * 3 * 32 * 32))
    for given, written in (("in.npy", "foo=out.npy"),
                           ("foo=in.npy", "out.npy")):
        code, _, err = fleet.client("--tensor", given, "--output", written)
        assert code == 65 and "there is no tensor foo, the" in err, err
        assert list(fleet.folder.glob("*out.npy")) == []
    path.rename(fleet.folder / "foo=in.npy")
    code, _, err = fleet.client("--tensor", "foo=in.npy", "--output",
                                "./foo=out.npy")
    assert code == 0 and (fleet.folder / "foo=out.npy").exists(), err


if __name__ == "__main__":
    run_tests(options_of_other_commands_are_refused,
              every_image_has_its_object_without_a_broker,
              a_message_does_not_repeat_the_image,
              tensors_are_named_or_refused,
              a_bench_ends_when_its_broker_is_gone,
              an_interrupted_bench_prints_what_it_has,
              a_bench_without_a_result_has_no_latency,
              the_path_of_a_job_is_told_at_level_info_however_it_is_set)
