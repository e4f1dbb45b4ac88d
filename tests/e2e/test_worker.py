#!/usr/bin/env python3
"""The worker as a process: options, signals, its cache, its readiness."""
import time

from fleet import BIN, TERM, run_tests

NOBODY = "tcp://127.0.0.1:1"


def refused(result, status, word):
    code, out, err = result
    assert code == status, (code, err)
    assert word in err and out == "", (out, err)


def one_sentence(result, status, word):
    refused(result, status, word)
    assert len(result[2].strip().splitlines()) == 1, result[2]


def wrong_options_are_named(fleet):
    for options, status, word in (
            ((), 64, "--part"),
            (("--part", "x"), 64, "--part"),
            (("--part", "99999"), 64, "0 to 65534"),
            (("--part", "0", "--model", "m.onnx"), 64, "exclude each other"),
            (("--part", "0", "--bench"), 64, "--bench needs --model"),
            (("--part", "0", "--seconds", "3"), 64, "belongs to --bench"),
            (("--model", "m.onnx", "--bench", "--local"), 64,
             "--local and --bench exclude each other"),
            (("--model", "m.onnx", "--bench", "--tensor", "x"), 64,
             "--tensor belongs to --local, not to --bench"),
            (("--model", "m.onnx"), 64, "--local"),
            (("--part", "0", "--batch", "0"), 64, "--batch"),
            (("--part", "0", "--threads", "0"), 64, "--threads"),
            (("--part", "0", "--name", "a b"), 64, "--name"),
            (("--part", "0", "--name", "n" * 41), 64, "--name"),
            (("--part", "0", "--broker", "tcp://10.0.0.5"), 78, "10.0.0.5"),
            (("--part", "0", "--broker", "nonsense"), 78, "nonsense"),
            (("--part", "0", "--key", "k"), 78, "--key"),
            (("--model", "none.onnx", "--bench"), 65, "none.onnx")):
        one_sentence(fleet.run(BIN / "worker", *options), status, word)


def help_and_version_answer_on_stdout(fleet):
    for option, word in (("--help", "--part"), ("--version", "worker")):
        code, out, err = fleet.run(BIN / "worker", option)
        assert code == 0 and word in out and err == "", (code, out, err)


def a_worker_waits_for_a_broker_and_leaves_when_told(fleet):
    worker = fleet.start(BIN / "worker", "--part", "0", "--broker", NOBODY)
    fleet.until(lambda: any(NOBODY in line for line in worker.err),
                "a word about what it waits for")
    worker.signal(TERM)
    assert worker.end(5) == 0
    assert worker.out == []


def the_environment_names_broker_and_cache(fleet):
    fleet.broker()
    fleet.env["CONVOY_BROKER"] = fleet.workers
    fleet.env["CONVOY_CACHE"] = str(fleet.folder / "elsewhere")
    worker = fleet.start(BIN / "worker", "--part", "1", "--name", "from-env")
    assert worker.expect("ready") == "ready part=1 name=from-env"
    assert len(list((fleet.folder / "elsewhere").iterdir())) == 1
    del fleet.env["CONVOY_BROKER"]


def a_part_of_many_chunks_is_fetched_once_a_folder(fleet):
    fleet.broker()
    cache = fleet.folder / "shared"
    several = [fleet.worker(1, "--cache", cache, wait=False, name=f"w{i}")
               for i in range(3)]
    for worker in several:
        worker.expect("ready")
    files = list(cache.iterdir())
    assert len(files) == 1 and files[0].stat().st_size > 4 << 20, files
    before = files[0].stat().st_mtime_ns
    fleet.worker(1, "--cache", cache)
    assert files[0].stat().st_mtime_ns == before


def without_any_folder_the_part_is_kept_in_memory(fleet):
    fleet.broker()
    (fleet.folder / "file").write_text("in the way")
    worker = fleet.worker(0, "--cache", fleet.folder / "file/cache")
    fleet.until(lambda: any("file/cache" in line for line in worker.err),
                "a warning")
    for name in ("HOME", "XDG_CACHE_HOME"):
        fleet.env.pop(name, None)
    fleet.env["TMPDIR"] = str(fleet.folder)
    fleet.worker(1)
    assert len(list(fleet.folder.glob("convoy-*/*"))) >= 1


def a_worker_comes_back_under_its_name_after_a_crash(fleet):
    fleet.broker()
    first = fleet.worker(0, name="phoenix")
    first.popen.kill()
    first.end()
    started = time.monotonic()
    second = fleet.worker(0, name="phoenix")
    assert time.monotonic() - started < 10
    assert second.stop() == 0


def leaving_is_quick_and_known_to_the_broker(fleet):
    fleet.broker()
    worker = fleet.worker(0, name="short")
    started = time.monotonic()
    worker.signal(TERM)
    assert worker.end() == 0
    assert time.monotonic() - started < 3
    fleet.until(lambda: fleet.status()["workers"] == [], "it is gone", 2)
    assert fleet.status()["counters"]["sessions_lost"] == 0


if __name__ == "__main__":
    run_tests(wrong_options_are_named, help_and_version_answer_on_stdout,
              a_worker_waits_for_a_broker_and_leaves_when_told,
              the_environment_names_broker_and_cache,
              a_part_of_many_chunks_is_fetched_once_a_folder,
              without_any_folder_the_part_is_kept_in_memory,
              a_worker_comes_back_under_its_name_after_a_crash,
              leaving_is_quick_and_known_to_the_broker)
