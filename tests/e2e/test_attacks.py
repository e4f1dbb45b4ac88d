#!/usr/bin/env python3
"""Peers that lie: workers and clients against a broker, a broker against
workers and clients. Nobody crashes, hangs, or keeps others from being
served."""
import os
import struct
import threading

import msgpack
import zmq

from fleet import BIN, ETC, run_tests

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


if __name__ == "__main__":
    run_tests(a_long_sentence_in_utf8_reaches_the_client)
