#!/usr/bin/env python3
"""The seeds of tests/fuzz/corpus/proto and .../info, from python3-msgpack:
what another implementation of the protocol sends."""
import pathlib

import msgpack

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "fuzz/corpus"
JOB = bytes(range(16))
TENSOR = [1, [1, 3, 32, 32], 12288, 77]


def header(kind, fields, frames=0):
    body = msgpack.packb(fields)
    return (b"CV\x01" + bytes([kind]) + len(body).to_bytes(2, "little") +
            bytes([frames, 0]) + body)


PROTO = {
    "hello-client": header(0x01, {16: JOB, 24: "seed", 29: 1}),
    "hello-worker": header(0x01, {
        5: [0, 0], 6: bytes(32), 14: [1000, 3], 15: [1 << 26, 1 << 27],
        16: JOB, 17: [[JOB, 1, 2]], 23: [1, 2], 24: "avx2", 28: "w", 29: 2}),
    "welcome": header(0x02, {1: 1 << 63, 4: bytes(32), 11: 32, 13: 5,
                             14: [1000, 3], 15: [1 << 26, 1 << 27],
                             25: ["tcp://127.0.0.1:5570"]}, 1),
    "reject": header(0x03, {9: 601, 10: "version"}),
    "rehello": header(0x04, {13: 5}),
    "heartbeat": header(0x05, {1: 2, 2: JOB, 3: 1, 12: 9, 18: 3,
                               19: [500, 64]}),
    "credit": header(0x06, {1: 2, 6: bytes(32), 11: 9}),
    "job": header(0x10, {1: 2, 2: JOB, 3: 1, 5: [0, 2], 7: 30000,
                         8: [TENSOR], 21: 1}, 1),
    "result": header(0x11, {1: 2, 2: JOB, 8: [TENSOR, [7, [], 8, 0]],
                            22: [1, 2],
                            30: [[0, "left", 1, 10, 20]]}, 2),
    "error": header(0x12, {1: 2, 2: JOB, 3: 1, 9: 301, 10: "too late"}),
    "submit": header(0x13, {1: 2, 2: JOB, 7: 30000, 8: [TENSOR], 21: 0}, 1),
    "busy": header(0x14, {2: JOB, 9: 503, 20: 100}),
    "chunk": header(0x19, {1: 2, 6: bytes(32), 26: 0, 27: 5}, 1),
    "drain": header(0x16, {1: 2, 28: "worker"}),
    "extension": header(0x05, {1: 2, 12: 1, 64: {"any": [1.5, None]}}),
}

SERVICE = {
    "model": "emoji10", "digest": "5c" * 32, "parts": 2,
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["N", 3, 4, 4]}],
    "outputs": [{"name": "y", "dtype": "float32", "shape": ["N", 2]}],
    "image": {"size": [4, 4], "resize": "stretch", "shorter": 256,
              "filter": "bilinear", "channels": "rgb", "layout": "NCHW",
              "range": 1.0, "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1]},
    "labels": ["cat", "dog"], "scores": "logits",
    "limits": {"frame_bytes": 1 << 26, "window_jobs": 32,
               "window_bytes": 1 << 26},
}

INFO = {
    "service": SERVICE,
    "plain": {**SERVICE, "image": None, "labels": None},
    "values": {"a": [1, -1, 0.5, True, None, "x", [], {}]},
    "deep": {"a": {"b": {"c": {"d": [1]}}}},
}

for name, content in PROTO.items():
    (CORPUS / "proto" / name).write_bytes(content)
for name, content in INFO.items():
    (CORPUS / "info" / name).write_bytes(msgpack.packb(content))
