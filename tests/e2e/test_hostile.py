#!/usr/bin/env python3
"""Wrong images, files, options, endpoints and frames: one sentence each that
names the thing, the contract's exit code, no prediction, nobody disturbed."""
import json
import os
import pickle
import random
import struct
import zipfile
import zlib

import zmq

from fleet import BIN, ETC, png, run_tests

CAT = ETC / "demo/cat.png"


def refused(answer, status, *words):
    """One sentence on stderr naming the thing; nothing that looks like an
    answer on stdout."""
    code, out, err = answer
    assert code == status, (code, out, err)
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    for word in words:
        assert str(word) in lines[0], (word, lines)
    assert "probability" not in out and "0." not in out, out


def serve(fleet):
    fleet.broker()
    fleet.worker(0)
    fleet.worker(1)


def still_served(fleet):
    code, out, err = fleet.client("--image", CAT)
    assert code == 0 and "cat.png: cat " in out, err


def bad_images_get_a_sentence(fleet):
    serve(fleet)
    folder = fleet.folder
    (folder / "empty").mkdir()
    (folder / "none.png").write_bytes(b"")
    (folder / "text.png").write_text("not a picture at all")
    whole = CAT.read_bytes()
    (folder / "cut.png").write_bytes(whole[:len(whole) // 2])
    png(folder / "bomb.png", 1, 1)
    bomb = (folder / "bomb.png").read_bytes()
    (folder / "huge.png").write_bytes(
        bomb[:16] + struct.pack(">II", 60000, 60000) + bomb[24:])
    body = b"IDAT" + zlib.compress(bytes(256 << 20), 9)
    (folder / "bomb.png").write_bytes(
        bomb[:33] + struct.pack(">I", len(body) - 4) + body +
        struct.pack(">I", zlib.crc32(body)) + bomb[-12:])
    for name in ("missing.png", "none.png", "text.png", "cut.png", "huge.png",
                 "bomb.png", "empty"):
        refused(fleet.client("--image", folder / name), 65, name)
    code, out, err = fleet.run(BIN / "client", "--broker", fleet.clients,
                               "--image", "-", stdin=b"garbage")
    refused((code, out, err), 65)
    still_served(fleet)


def a_bad_image_among_good_ones_stops_nobody(fleet):
    serve(fleet)
    (fleet.folder / "bad.png").write_text("no")
    code, out, err = fleet.client("--json", "--image", CAT,
                                  fleet.folder / "bad.png", CAT)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 65 and len(lines) == 3, (code, out, err)
    assert [line.get("label") for line in lines] == ["cat", None, "cat"]
    assert lines[1]["error"]["code"] == "INPUT", lines[1]


def nobody_there_and_nowhere_to_go(fleet):
    nobody = "tcp://127.0.0.1:9"
    refused(fleet.client("--connect-timeout", "300", "--image", CAT,
                         broker=nobody), 69, nobody)
    refused(fleet.client("--image", CAT, broker="tcp://192.0.2.1:5570"), 78,
            "192.0.2.1")
    refused(fleet.client("--image", CAT, broker="carrier-pigeon"), 78,
            "carrier-pigeon")
    refused(fleet.run(BIN / "worker", "--part", "0", "--broker",
                      "tcp://192.0.2.1:5571"), 78, "192.0.2.1")


def usage_errors_exit_64(fleet):
    for command, word in (
            (("client", "--imagine", "x"), "--imagine"),
            (("client",), "--image"),
            (("client", "--image", CAT, "--top", "0"), "--top"),
            (("client", "--top", "many", "--image", CAT), "--top"),
            (("worker",), "--part"),
            (("worker", "--part", "-1"), "--part"),
            (("worker", "--part", "0", "--batch", "x"), "--batch"),
            (("worker", "--part", "0", "--cpu", "sse9"), "baseline"),
            (("broker",), "-c"),
            (("broker", "--colour"), "--colour")):
        refused(fleet.run(BIN / command[0], *command[1:]), 64, word)
    for program in ("broker", "worker", "client"):
        code, out, _ = fleet.run(BIN / program, "--help")
        assert code == 0 and program in out
        code, out, _ = fleet.run(BIN / program, "--version")
        assert code == 0 and program in out


def bad_configs_exit_78(fleet):
    good = fleet.config().read_text()
    for old, new, word in (
            ('name    = "emoji10"', 'nome    = "emoji10"', "nome"),
            ('name    = "emoji10"', "name    = 10", "name"),
            ("padding = 1;", "padding = 4294967297;", "4294967297"),
            ("broker: {", "broker: { queue_jobs = 99999999999;",
             "99999999999"),
            ("broker: {", "broker: { memory_mib = -1;", "memory_mib"),
            ("broker: {", 'broker: { frame_mib = "big";', "frame_mib"),
            ('op = "ReLU"', 'op = "RoLU"', "RoLU"),
            ("kernel_size = 2", "kernel_sise = 2", "kernel_sise"),
            ('clients = "tcp://127.0.0.1:0"', 'clients = "tcp://0.0.0.0:0"',
             "0.0.0.0"),
            ("model: {", "model: { {", "pipeline.cfg"),
            ("model: {", '@include "other.cfg"\nmodel: {', "@include")):
        assert old in good, old
        config = fleet.config()
        config.write_text(good.replace(old, new, 1))
        for options in (("--check",), ()):
            refused(fleet.run(BIN / "broker", "-c", config, *options), 78,
                    word, "pipeline.cfg")
    config.write_text(good)
    config.chmod(0o666)
    refused(fleet.run(BIN / "broker", "-c", config), 78, "pipeline.cfg")
    refused(fleet.run(BIN / "broker", "-c", fleet.folder / "no.cfg"), 78,
            "no.cfg")
    code, out, err = fleet.run(BIN / "broker", "-c", ETC / "pipeline.cfg",
                               "--check")
    assert code == 0 and "emoji10" in out, err


def a_port_in_use_exits_78(fleet):
    fleet.broker()
    text = fleet.config().read_text().replace(
        'clients = "tcp://127.0.0.1:0"', f'clients = "{fleet.clients}"')
    config = fleet.folder / "second.cfg"
    config.write_text(text)
    config.chmod(0o600)
    refused(fleet.run(BIN / "broker", "-c", config), 78, fleet.clients)


class Foreign:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def bad_checkpoints_exit_65(fleet):
    good = fleet.config().read_text()
    weights = fleet.folder / "weights.pth"
    whole = (ETC / "emoji10.pth").read_bytes()

    def broker():
        config = fleet.config()
        config.write_text(good.replace(f'"{ETC}/emoji10.pth"',
                                       '"weights.pth"'))
        return fleet.run(BIN / "broker", "-c", config, "--check")

    refused(broker(), 65, "weights.pth")
    for content in (b"", b"hello", os.urandom(4096), whole[:100],
                    whole[:len(whole) // 2], whole[:-1], whole[1:]):
        weights.write_bytes(content)
        refused(broker(), 65, "weights.pth")
    with zipfile.ZipFile(weights, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(Foreign(), 2))
        archive.writestr("a/version", "3")
    refused(broker(), 65, "weights.pth", "system")
    assert not (fleet.folder / "pwned").exists()
    weights.write_bytes(whole)
    code, _, err = broker()
    assert code == 0, err
    config = fleet.config()
    config.write_text(good.replace("out_features", "x").replace(
        'weights = "fc1"', 'weights = "fc9"'))
    refused(fleet.run(BIN / "broker", "-c", config, "--check"), 65, "fc9")


def a_part_that_does_not_exist_exits_65(fleet):
    fleet.broker()
    refused(fleet.run(BIN / "worker", "--log-level", "error", "--part", "7",
                      "--broker", fleet.workers), 65, "7")


def a_corrupted_cache_file_is_fetched_again(fleet):
    fleet.broker()
    cache = fleet.folder / "cache of workers"
    first = [fleet.worker(part, "--cache", cache) for part in (0, 1)]
    still_served(fleet)
    for process in first:
        assert process.stop() == 0
    files = [f for f in cache.iterdir() if f.is_file()]
    assert len(files) == 2, files
    whole = {}
    for file in files:
        content = bytearray(file.read_bytes())
        whole[file] = bytes(content)
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    second = [fleet.worker(part, "--cache", cache) for part in (0, 1)]
    still_served(fleet)
    for process in second:
        assert process.stop() == 0
        assert any("warning" in line for line in process.err), process.err
    assert {f: f.read_bytes() for f in files} == whole


def malformed_frames_disturb_nobody(fleet):
    serve(fleet)
    rng = random.Random(5)
    context = zmq.Context()
    hello = b"CV\x01\x01"
    crafted = [
        [b""], [b"C"], [b"XY\x01\x01\0\0\0\0"], [hello + b"\xff\xff\0\0"],
        [hello + b"\x05\0\0\0\xdd\0\xff\xff\xff"],
        [hello + b"\x05\0\0\0\xdf\0\xff\xff\xff"],
        [hello + b"\x01\0\0\0\x80"] + [b"x"] * 40,
        [hello + b"\x01\0\x10\0\x80"], [b"CV\x63\x01\x01\0\0\0\x80"],
        [hello + b"\x05\x10\0\0" + b"\x91" * 4101],
    ]
    for endpoint in (fleet.clients, fleet.workers):
        for kind in range(256):
            crafted.append([b"CV\x01" + bytes([kind]) + b"\x01\0\0\0\x80"])
        peer = context.socket(zmq.DEALER)
        peer.setsockopt(zmq.LINGER, 10000)
        peer.connect(endpoint)
        for frames in crafted:
            peer.send_multipart(frames)
        for _ in range(300):
            size = rng.randrange(60)
            peer.send_multipart([
                hello[:rng.randrange(5)] + rng.randbytes(size)])
        peer.close()
        still_served(fleet)
    # The broker lives and has counted them.
    fleet.until(lambda: fleet.status()["counters"]["strikes"] > 3,
                "strikes against the strangers")
    context.term()


if __name__ == "__main__":
    run_tests(bad_images_get_a_sentence,
              a_bad_image_among_good_ones_stops_nobody,
              nobody_there_and_nowhere_to_go,
              usage_errors_exit_64,
              bad_configs_exit_78,
              a_port_in_use_exits_78,
              bad_checkpoints_exit_65,
              a_part_that_does_not_exist_exits_65,
              a_corrupted_cache_file_is_fetched_again,
              malformed_frames_disturb_nobody)
