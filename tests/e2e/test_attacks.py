#!/usr/bin/env python3
"""Peers that lie: workers and clients against a broker, a broker against
workers and clients. Nobody crashes, hangs, or keeps others from being
served."""
import hashlib
import os
import struct
import threading

import msgpack
import zmq

from fleet import BIN, ETC, SANITIZED, run_tests

CAT = ETC / "demo/cat.png"
HELLO, WELCOME, REJECT, CREDIT = 0x01, 0x02, 0x03, 0x06
JOB, RESULT, ERROR, SUBMIT, BYE = 0x10, 0x11, 0x12, 0x13, 0x17
FETCH, CHUNK = 0x18, 0x19


def header(kind, fields, frames):
    body = msgpack.packb(fields)
    return (b"CV\x01" + bytes([kind]) + len(body).to_bytes(2, "little") +
            bytes([frames, 0]) + body)


class Peer:
    """A client or worker that says what it likes."""

    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self.peer_id = os.urandom(16)
        self.session = None

    def send(self, kind, fields, *frames):
        self.socket.send_multipart([header(kind, fields, len(frames)),
                                    *frames])

    def receive(self, kind, seconds=20):
        """The next message of a kind: its fields and frames."""
        while self.socket.poll(1000 * seconds):
            head, *frames = self.socket.recv_multipart()
            if head[3] == kind:
                return msgpack.unpackb(head[8:], strict_map_key=False), frames
        raise AssertionError(f"no message 0x{kind:02x}")

    def stop_reading(self):
        """From the next connection on, take nothing out of the kernel that
        is not read here."""
        endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.close()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        for option, value in ((zmq.LINGER, 0), (zmq.RCVHWM, 1),
                              (zmq.RCVBUF, 4096)):
            self.socket.setsockopt(option, value)
        self.socket.connect(endpoint)

    def join(self, part, name):
        self.send(HELLO, {5: [part, 0], 16: self.peer_id, 28: name, 29: 2})
        welcome, _ = self.receive(WELCOME)
        self.session = welcome[1]
        return welcome

    def close(self):
        self.socket.close()


class Broker:
    """A broker whose answers are a function (kind, fields) -> messages."""

    def __init__(self, answer):
        self.answer = answer
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        while not self.over.is_set():
            if not self.socket.poll(50):
                continue
            peer, head, *_ = self.socket.recv_multipart()
            fields = msgpack.unpackb(head[8:], strict_map_key=False)
            for kind, answer, *frames in self.answer(head[3], fields):
                self.socket.send_multipart(
                    [peer, header(kind, answer, len(frames)), *frames])
        self.socket.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def a_long_sentence_in_utf8_reaches_the_client(fleet):
    fleet.broker()
    worker = Peer(fleet.workers)
    welcome = worker.join(0, "sorry")
    client = fleet.start(BIN / "client", "--broker", fleet.clients, "--image",
                         CAT)
    worker.send(CREDIT, {1: worker.session, 6: welcome[6], 11: 9})
    for _ in range(3):
        job, _ = worker.receive(JOB)
        worker.send(ERROR, {1: worker.session, 2: job[2], 3: job[3], 9: 105,
                            10: "\u00e9" * 128})
    assert client.end() == 1
    assert "3 attempts" in client.err[-1], client.err
    worker.close()


def info(**changes):
    return msgpack.packb({
        "model": "lies", "digest": "ab" * 32, "parts": 1,
        "inputs": [{"name": "x", "dtype": "float32",
                    "shape": ["N", 3, 32, 32]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": ["N", 2]}],
        "image": {"size": [32, 32], "resize": "stretch", "shorter": 32,
                  "filter": "bilinear", "channels": "rgb", "layout": "NCHW",
                  "range": 1.0, "mean": [0.5] * 3, "std": [0.5] * 3},
        "labels": ["truth", "lie"], "scores": "probabilities",
        "limits": {"frame_bytes": 1 << 20, "window_jobs": 8,
                   "window_bytes": 1 << 26}, **changes})


WELCOME_CLIENT = {1: 7, 4: b"m" * 32, 11: 8, 13: 5, 14: [1000, 3],
                  15: [1 << 20, 1 << 20]}


def scores(*values):
    frame = struct.pack(f"<{len(values)}f", *values)
    return [[1, [1, len(values)], len(frame), 0]], frame


def a_lying_broker_gets_no_prediction_out_of_a_client(fleet):
    nan = float("nan")
    wide, narrow = scores(0.5, 0.2, 0.3), scores(0.25, 0.75)
    for answers, status, word in (
            ([(RESULT, {8: scores(nan, 1)[0]}, scores(nan, 1)[1])], 1,
             "finite"),
            ([(RESULT, {8: wide[0]}, wide[1])], 1, "output y"),
            ([(RESULT, {8: narrow[0]}, narrow[1][:4])], 1, "output y"),
            ([(RESULT, {8: narrow[0] * 2}, *narrow[1:] * 2)], 1, "2 tensors"),
            ([(RESULT, {8: [narrow[0][0][:3] + [9]]}, narrow[1])], 1,
             "damaged"),
            ([(ERROR, {9: 701, 10: "your command line"})], 1, "your command"),
            ([(ERROR, {9: 0, 10: ""})], 1, "the job failed"),
            ([(BYE, {9: 0})], 1, "no result"),
            ([(ERROR, {2: bytes(16), 9: 105, 10: "stranger"})] * 500 +
             [(RESULT, {2: bytes(16), 8: narrow[0]}, narrow[1])] * 500, 1,
             "no result")):
        def answer(kind, fields, answers=tuple(answers)):
            if kind == HELLO:
                return [(WELCOME, WELCOME_CLIENT, info())]
            return [(a, {1: 7, 2: fields[2], **keys}, *frames)
                    for a, keys, *frames in answers if kind == SUBMIT]
        with Broker(answer) as broker:
            code, out, err = fleet.client("--timeout", "1000", "--image", CAT,
                                          broker=broker.endpoint)
        assert code == status and word in err and not out, (code, out, err)


def complaints_about_nothing_do_not_fill_a_disk(fleet):
    def answer(kind, fields):
        if kind == HELLO:
            return [(WELCOME, WELCOME_CLIENT, info())]
        return [(ERROR, {9: 204, 10: "no"})] * (2000 * (kind == SUBMIT))
    with Broker(answer) as broker:
        code, out, err = fleet.client("--timeout", "1000", "--image", CAT,
                                      broker=broker.endpoint)
    assert code == 1 and not out, (code, out)
    assert len(err.splitlines()) < 20, err[:300]


def a_description_that_cannot_be_true_is_refused(fleet):
    tensor = {"name": "x", "dtype": "float32"}
    for changes, word in (
            ({"outputs": [{**tensor, "shape": ["N", 1 << 40]}],
              "labels": None}, "outputs"),
            ({"labels": ["truth", "\x1b[31mlie"]}, "printable"),
            ({"inputs": [{**tensor, "shape": ["N", 3, 32, 33]}]}, "input")):
        def answer(kind, fields, frame=info(**changes)):
            return [(WELCOME, WELCOME_CLIENT, frame)] * (kind == HELLO)
        with Broker(answer) as broker:
            code, out, err = fleet.client("--connect-timeout", "500",
                                          "--image", CAT,
                                          broker=broker.endpoint)
        assert code == 1 and word in err and not out, (code, out, err)


def jobs_without_credit_do_not_fill_a_disk(fleet):
    exported = fleet.folder / "parts"
    assert fleet.run(BIN / "broker", "-c", fleet.config(), "--export",
                     exported)[0] == 0
    part = (exported / "part-0.onnx").read_bytes()
    digest = hashlib.sha256(part).digest()
    tensors, frame = [[1, [1, 3, 32, 32], 12288, 0]], bytes(12288)
    started = threading.Event()

    def answer(kind, fields):
        if kind == HELLO:
            return [(WELCOME, {1: 7, 5: [0, 2], 6: digest, 13: 5,
                               14: [1000, 3], 15: [1 << 20, 1 << 20],
                               27: len(part)})]
        if kind == FETCH:
            return [(CHUNK, {1: 7, 6: digest, 26: 0, 27: len(part)}, part)]
        if kind != CREDIT or started.is_set():
            return []
        started.set()
        return [(JOB, {1: 7, 2: os.urandom(16), 3: 1, 5: [0, 2],
                       7: 60000, 8: tensors}, frame)] * 2000
    with Broker(answer) as broker:
        fleet.workers = broker.endpoint
        worker = fleet.worker(0)
        fleet.until(lambda: any("without credit" in line
                                for line in worker.err), "a complaint")
        assert worker.stop() == 0
    assert len(worker.err) < 30, worker.err[:20]


def too_few_open_files_are_a_sentence(fleet):
    for program in (("client", "--connect-timeout", "100", "--image", CAT),
                    ("worker", "--part", "0")):
        for files in (6, 8, 12):
            code, _, err = fleet.run(
                "prlimit", f"--nofile={files}", BIN / program[0],
                *program[1:], "--broker", "tcp://127.0.0.1:9")
            assert code == 1 and "ulimit -n" in err, (files, code, err)


def parts_for_those_who_never_read_cost_no_memory(fleet):
    fleet.broker()
    peers = [Peer(fleet.workers) for _ in range(32)]
    for number, peer in enumerate(peers):
        peer.stop_reading()
        welcome = peer.join(1, f"idle-{number}")
        for turn in range(16):
            peer.send(FETCH, {1: peer.session, 6: welcome[6],
                              26: (turn % 8) << 20})
            if turn == 7:
                fleet.status()
    assert fleet.status()["rss_mib"] < (600 if SANITIZED else 120)
    for part in (0, 1):
        fleet.worker(part)
    code, out, err = fleet.client("--image", CAT)
    assert code == 0 and "cat.png: cat " in out, err
    for peer in peers:
        peer.close()


def boundless_credit_is_shown_as_what_it_is(fleet):
    fleet.broker()
    worker = Peer(fleet.workers)
    welcome = worker.join(0, "greedy")
    worker.send(CREDIT, {1: worker.session, 6: welcome[6],
                         11: (1 << 64) - 1})
    shown = fleet.until(lambda: [w for w in fleet.status()["workers"]
                                 if w["state"] == "ready"], "it is ready")
    assert shown[0]["credit"] == (1 << 63) - 1, shown
    worker.close()


if __name__ == "__main__":
    run_tests(a_long_sentence_in_utf8_reaches_the_client,
              a_lying_broker_gets_no_prediction_out_of_a_client,
              complaints_about_nothing_do_not_fill_a_disk,
              a_description_that_cannot_be_true_is_refused,
              jobs_without_credit_do_not_fill_a_disk,
              too_few_open_files_are_a_sentence,
              parts_for_those_who_never_read_cost_no_memory,
              boundless_credit_is_shown_as_what_it_is)
