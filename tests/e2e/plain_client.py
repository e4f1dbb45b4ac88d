#!/usr/bin/env python3
"""A Convoy client written from docs/protocol.md alone.

usage: plain_client.py ENDPOINT IN.npy OUT.npy

IN.npy holds one sample of the model's only input, with or without its batch
axis; OUT.npy gets the first output.
"""
import os
import sys
import time

import msgpack
import numpy as np
import zmq

HELLO, WELCOME, REJECT, REHELLO, HEARTBEAT = 1, 2, 3, 4, 5
RESULT, ERROR, SUBMIT, BUSY, BYE = 0x11, 0x12, 0x13, 0x14, 0x17
DTYPES = {1: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?",
          10: "<f2", 11: "<f8"}
NUMBERS = {np.dtype(name): number for number, name in DTYPES.items()}
TIMEOUT_S = 30


class Client:
    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 500)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.connect(endpoint)
        self.peer_id = os.urandom(16)
        self.end = time.monotonic() + TIMEOUT_S
        self.welcome = self.info = None
        self.seq = 0

    def send(self, kind, fields, frames=()):
        body = msgpack.packb(fields)
        header = (b"CV\x01" + bytes([kind]) + len(body).to_bytes(2, "little") +
                  bytes([len(frames), 0]) + body)
        self.socket.send_multipart([header, *frames])

    def receive(self):
        """The next message; heartbeats go out while we wait."""
        while time.monotonic() < self.end:
            if self.socket.poll(900):
                header, *frames = self.socket.recv_multipart()
                if header[:3] != b"CV\x01":
                    sys.exit("another protocol is spoken here")
                fields = msgpack.unpackb(header[8:], strict_map_key=False)
                return header[3], fields, frames
            if self.welcome:
                self.seq += 1
                self.send(HEARTBEAT, {1: self.welcome[1], 12: self.seq})
        sys.exit("no answer in time")

    def greet(self):
        if not self.socket.poll(TIMEOUT_S * 1000, zmq.POLLOUT):
            sys.exit("no broker there")
        self.welcome = None
        self.send(HELLO, {16: self.peer_id, 24: "plain python", 29: 1})
        while not self.welcome:
            kind, fields, frames = self.receive()
            if kind == REJECT:
                sys.exit(f"refused: {fields[10]}")
            if kind == WELCOME:
                self.welcome = fields
                self.info = msgpack.unpackb(frames[0])

    def run(self, sample):
        job = self.peer_id[:8] + (1).to_bytes(8, "big")
        tensor = [NUMBERS[sample.dtype], list(sample.shape), sample.nbytes, 0]

        def submit():
            left_ms = int(1000 * (self.end - time.monotonic()))
            self.send(SUBMIT, {1: self.welcome[1], 2: job, 7: max(left_ms, 0),
                               8: [tensor]}, [sample.tobytes()])
        submit()
        while True:
            kind, fields, frames = self.receive()
            if kind == REHELLO:
                self.greet()
                submit()
            elif fields.get(2) == job and kind == BUSY:
                time.sleep(fields[20] / 1000)
                submit()
            elif fields.get(2) == job and kind == RESULT:
                dtype, shape = fields[8][0][:2]
                return np.frombuffer(frames[0], DTYPES[dtype]).reshape(shape)
            elif kind == ERROR:
                sys.exit(f"error {fields[9]}: {fields[10]}")


client = Client(sys.argv[1])
client.greet()
shape = [1 if dim == "N" else dim for dim in client.info["inputs"][0]["shape"]]
result = client.run(np.ascontiguousarray(np.load(sys.argv[2]).reshape(shape)))
client.send(BYE, {1: client.welcome[1]})
np.save(sys.argv[3], result)
print(result)
