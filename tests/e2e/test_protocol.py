#!/usr/bin/env python3
"""Strangers on the wire: a client written from docs/protocol.md alone, and
peers that know some of the rules and break others."""
import pathlib
import sys

import numpy as np

from fleet import BIN, ROOT, run_tests

PLAIN = ROOT / "tests/e2e/plain_client.py"


def serve(fleet):
    fleet.broker()
    fleet.worker(0)
    fleet.worker(1)


def samples(fleet, rows, seed=1):
    x = np.random.default_rng(seed).standard_normal((rows, 3, 32, 32))
    path = fleet.folder / f"in-{rows}.npy"
    np.save(path, x.astype(np.float32))
    return path


def through_convoy(fleet, path, *options):
    code, _, err = fleet.client("--tensor", path, "--output",
                                fleet.folder / "out.npy", *options)
    assert code == 0, err
    return np.load(fleet.folder / "out.npy")


def a_hundred_lines_of_python_are_a_client(fleet):
    assert len(PLAIN.read_text().splitlines()) <= 100
    serve(fleet)
    path = samples(fleet, 1)
    code, _, err = fleet.run(sys.executable, PLAIN, fleet.clients, path,
                             fleet.folder / "plain.npy")
    assert code == 0, err
    plain = np.load(fleet.folder / "plain.npy")
    assert plain.shape == (1, 10) and abs(plain.sum() - 1) < 1e-5
    assert np.array_equal(plain, through_convoy(fleet, path))


def rows_become_jobs_and_are_joined_again(fleet):
    serve(fleet)
    fleet.worker(0)
    many = through_convoy(fleet, samples(fleet, 37))
    assert many.shape == (37, 10)
    x = np.load(fleet.folder / "in-37.npy")
    for row in (0, 17, 36):
        path = fleet.folder / "row.npy"
        np.save(path, x[row])  # one row may omit the batch axis
        one = through_convoy(fleet, path)
        assert np.array_equal(one.ravel(), many[row]), row


def wrong_tensors_are_refused_with_the_tensors_name(fleet):
    serve(fleet)
    path = fleet.folder / "wrong.npy"
    for wrong in (np.zeros((1, 3, 32, 31), np.float32),
                  np.zeros((1, 3, 32, 32), np.int64),
                  np.zeros((3, 32), np.float32)):
        np.save(path, wrong)
        code, out, err = fleet.client("--tensor", path, "--output", "o.npy")
        assert code == 65 and "wrong.npy" in err, (code, out, err)
        assert not pathlib.Path(fleet.folder / "o.npy").exists()
    path.write_bytes(b"\x93NUMPY\x01\x00\xff\xff{")
    code, _, err = fleet.client("--tensor", path, "--output", "o.npy")
    assert code == 65 and "wrong.npy" in err, err


def a_second_worker_of_one_name_is_refused(fleet):
    serve(fleet)
    fleet.worker(0, name="twin")
    second = fleet.worker(0, name="twin", wait=False)
    assert second.end() != 0
    assert any("twin" in line for line in second.err), second.err


def the_same_bits_whatever_the_batch_and_threads(fleet):
    """Rows through one worker with batches and two threads, and one by one
    through another with one thread."""
    fleet.broker()
    batching = [fleet.worker(part, "--threads", "2", "--batch", "8")
                for part in (0, 1)]
    together = through_convoy(fleet, samples(fleet, 32))
    for worker in batching:
        assert worker.stop() == 0
    for part in (0, 1):
        fleet.worker(part, "--threads", "1", "--batch", "1")
    alone = through_convoy(fleet, samples(fleet, 32))
    assert np.array_equal(together, alone)


def a_part_file_runs_without_a_broker(fleet):
    serve(fleet)
    path = samples(fleet, 2)
    code, _, err = fleet.run(BIN / "broker", "-c", fleet.config(), "--export",
                             fleet.folder / "parts")
    assert code == 0, err
    source = path
    for part in (0, 1):
        code, _, err = fleet.run(
            BIN / "worker", "--model",
            fleet.folder / f"parts/part-{part}.onnx", "--local", "--tensor",
            source, "--output", f"local-{part}.npy")
        assert code == 0, err
        source = f"local-{part}.npy"
    local = np.load(fleet.folder / "local-1.npy")
    assert np.array_equal(local, through_convoy(fleet, path))


if __name__ == "__main__":
    run_tests(a_hundred_lines_of_python_are_a_client,
              rows_become_jobs_and_are_joined_again,
              wrong_tensors_are_refused_with_the_tensors_name,
              a_second_worker_of_one_name_is_refused,
              the_same_bits_whatever_the_batch_and_threads,
              a_part_file_runs_without_a_broker)
