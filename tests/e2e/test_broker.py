#!/usr/bin/env python3
"""The broker alone: its commands, its signals, peers made of bare frames."""
import hashlib
import json
import os
import resource
import signal
import struct
import subprocess
import time

import msgpack
import zmq

from fleet import BIN, ETC, TERM, run_tests

HELLO, WELCOME, REHELLO, CREDIT, JOB, RESULT, ERROR = 1, 2, 4, 6, 16, 17, 18
SUBMIT, BUSY, DRAIN, BYE, FETCH, CHUNK, STATUS, REPLY = (19, 20, 22, 23, 24,
                                                         25, 26, 27)
SAMPLE = bytes(3 * 32 * 32 * 4)


class Peer:
    """A DEALER that speaks the protocol's frames and nothing by itself."""

    def __init__(self, endpoint, **hello):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvtimeo = 20000
        self.socket.connect(endpoint)
        self.id = os.urandom(16)
        keys = {16: self.id, 29: 2 if "part" in hello else 1}
        if "part" in hello:
            keys.update({28: hello["name"], 5: [hello["part"], 0]})
        self.send(HELLO, keys)
        self.welcome, self.frames = self.take(WELCOME)
        self.session = self.welcome[1]

    def send(self, kind, keys, *frames):
        body = msgpack.packb(dict(sorted(keys.items())))
        prefix = b"CV\x01" + struct.pack("<BHBB", kind, len(body),
                                         len(frames), 0)
        self.socket.send_multipart([prefix + body, *frames])

    def take(self, kind):
        """The next message of a kind: its map and its frames."""
        while True:
            header, *frames = self.socket.recv_multipart()
            if header[3] == kind:
                return msgpack.unpackb(header[8:], strict_map_key=False), frames

    def submit(self, number, deadline_ms=30000):
        self.send(SUBMIT, {1: self.session,
                           2: self.id[:8] + struct.pack(">Q", number),
                           7: deadline_ms,
                           8: [[1, [1, 3, 32, 32], len(SAMPLE), 0]]}, SAMPLE)

    def status(self):
        self.send(STATUS, {1: self.session})
        return msgpack.unpackb(self.take(REPLY)[1][0])

    def fetch(self, offsets):
        """Chunks of this worker's part, asked for a few at a time."""
        found, waiting = {}, list(offsets)
        asked = 0
        while waiting or asked:
            while waiting and asked < 4:
                self.send(FETCH, {1: self.session, 6: self.welcome[6],
                                  26: waiting.pop(0)})
                asked += 1
            keys, frames = self.take(CHUNK)
            assert keys[6] == self.welcome[6]
            assert keys[27] == self.welcome[27]
            found[keys[26]] = frames[0]
            asked -= 1
        return found


def broker(fleet, *options):
    return fleet.run(BIN / "broker", "-c", fleet.config(), *options)


def the_plan_keeps_the_contract(fleet):
    code, out, err = broker(fleet, "--plan", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert set(plan) >= {"model", "parts", "requests_per_s", "latency_ms",
                         "single_machine", "warning"}, plan
    assert set(plan["single_machine"]) >= {"requests_per_s", "latency_ms"}
    assert [part["part"] for part in plan["parts"]] == [0, 1]
    for part in plan["parts"]:
        assert set(part) >= {"nodes", "parameters", "mflop", "share", "inputs",
                             "outputs", "seconds"}, part
        for tensor in part["inputs"] + part["outputs"]:
            assert set(tensor) >= {"name", "dtype", "shape", "bytes"}, tensor
    assert abs(sum(part["share"] for part in plan["parts"]) - 1) < 1e-6
    first, last = plan["parts"]
    assert first["inputs"][0]["shape"] == ["N", 3, 32, 32]
    assert first["inputs"][0]["bytes"] == len(SAMPLE)
    assert first["outputs"] == last["inputs"]
    assert last["parameters"] == 4096 * 512 + 512 + 512 * 10 + 10
    code, out, err = broker(fleet, "--plan")
    assert code == 0 and "emoji10 in 2 parts" in out, err


def demo(**keys):
    """The demo's model with further keys."""
    text = (ETC / "pipeline.cfg").read_text()
    text = text.replace('"emoji10.', f'"{ETC}/emoji10.')
    extra = "".join(f" {k} = {v};" for k, v in keys.items())
    return text[:text.index("broker:")].replace("model: {", "model: {" + extra)


def the_plan_draws_a_bar_a_part(fleet):
    config = fleet.config(link_mbps=1)
    code, out, err = fleet.run(BIN / "broker", "-c", config, "--plan")
    assert code == 0, err
    bars = [line for line in out.splitlines()
            if line.startswith(("part 0 ", "part 1 ", "broker "))]
    assert len(bars) == 3 and all("=" in bar for bar in bars), out
    assert "the link, 1 Mbit/s" in out
    assert "warning: cutting only loses here" in out
    assert "note: the broker's link is the slowest of all" in out


def halves_cross_and_the_answer_stays(fleet):
    whole = json.loads(broker(fleet, "--plan", "--json")[1])
    config = fleet.config(demo(boundary_dtype='"float16"'))
    code, out, err = fleet.run(BIN / "broker", "-c", config, "--plan",
                               "--json")
    assert code == 0, err
    plan = json.loads(out)
    first, last = plan["parts"]
    assert [t["dtype"] for t in first["outputs"]] == ["float16"]
    assert first["outputs"] == last["inputs"]
    assert first["inputs"] == whole["parts"][0]["inputs"]
    assert last["outputs"] == whole["parts"][1]["outputs"]
    assert (2 * first["outputs"][0]["bytes"] ==
            whole["parts"][0]["outputs"][0]["bytes"])
    answers = []
    for keys in ({}, {"boundary_dtype": '"float16"'}):
        processes = [fleet.broker(fleet.config(demo(**keys))),
                     fleet.worker(0), fleet.worker(1)]
        code, out, err = fleet.client("--image", ETC / "demo/cat.png",
                                      "--json")
        assert code == 0, err
        answers.append(json.loads(out))
        for process in reversed(processes):
            process.stop()
    exact, near = answers
    assert near["label"] == exact["label"] == "cat"
    difference = abs(near["probability"] - exact["probability"])
    assert 0 < difference < 2e-3 * exact["probability"], answers


def shares_are_those_of_the_parts(fleet):
    config = fleet.config(demo(shares="[1, 4]"))
    code, out, err = fleet.run(BIN / "broker", "-c", config, "--plan",
                               "--json")
    assert code == 0, err
    plan = json.loads(out)
    whole = json.loads(broker(fleet, "--plan", "--json")[1])
    assert [part["machine"] for part in plan["parts"]] == [1, 4]
    computing = [[part["seconds"] - part["link_seconds"]
                  for part in cut["parts"]] for cut in (plan, whole)]
    assert abs(computing[0][1] * 4 / computing[1][1] - 1) < 1e-6
    assert abs(computing[0][0] / computing[1][0] - 1) < 1e-6
    config = fleet.config(demo(shares="[1, 4, 1]"))
    code, out, err = fleet.run(BIN / "broker", "-c", config, "--plan")
    assert code == 78 and not out, (code, out)
    assert "model.shares names 3 machines, but there are 2 parts" in err


def what_is_checked_is_what_is_served(fleet):
    code, out, err = broker(fleet, "--check")
    assert code == 0, err
    process = fleet.broker()
    assert process.words["model"] == "emoji10"
    assert len(process.words["digest"]) == 12
    assert f"digest {process.words['digest']}" in out, out


def exported_parts_are_the_parts(fleet):
    code, out, err = broker(fleet, "--export", "out/parts")
    assert code == 0, err
    plan = json.loads(broker(fleet, "--plan", "--json")[1])
    for index, part in enumerate(plan["parts"]):
        path = fleet.folder / f"out/parts/part-{index}.onnx"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert digest == part["digest"], (digest, part)
        assert f"out/parts/part-{index}.onnx" in out
    (fleet.folder / "file").write_text("x")
    code, _, err = broker(fleet, "--export", "file")
    assert code != 0 and "file" in err, err


def what_contradicts_itself_is_usage(fleet):
    for options, word in ((("--check", "--plan"), "--check"),
                          (("--json",), "--json"),
                          (("--keygen", "keys"), "encryption"),
                          (("--name", "x"), "--name")):
        code, out, err = broker(fleet, *options)
        assert code == 64 and word in err and not out, (options, err)


def the_reference_is_the_committed_one(fleet):
    code, out, err = fleet.run(BIN / "broker", "--reference")
    assert code == 0, err
    assert out == (ETC / "reference.cfg").read_text()


def parts_are_served_by_bytes_and_leave_no_file(fleet):
    fleet.broker()
    cache = fleet.folder / "cache/convoy"
    assert not list(cache.iterdir())
    worker = Peer(fleet.workers, part=1, name="by-hand")
    total = worker.welcome[27]
    assert total > 4 << 20
    offsets = list(range(0, total, 1 << 20))
    found = worker.fetch(reversed(offsets))
    whole = b"".join(found[offset] for offset in offsets)
    assert hashlib.sha256(whole).digest() == worker.welcome[6]
    assert worker.fetch(offsets[-1:])[offsets[-1]] == whole[offsets[-1]:]
    for offset in (total - 1, offsets[-1] + (1 << 20)):
        worker.send(FETCH, {1: worker.session, 6: worker.welcome[6],
                            26: offset})
        assert worker.take(ERROR)[0][9] == 203


def jobs_go_on_while_parts_are_fetched(fleet):
    fleet.broker(fleet.config(drain_ms=0))
    loading = Peer(fleet.workers, part=1, name="loading")
    worker = Peer(fleet.workers, part=0, name="working")
    worker.send(CREDIT, {1: worker.session, 6: worker.welcome[6], 11: 1000})
    client = Peer(fleet.clients)
    total = loading.welcome[27]
    for number in range(20):
        for index in range(8):
            loading.send(FETCH, {1: loading.session, 6: loading.welcome[6],
                                 26: (index << 20) % total})
        started = time.monotonic()
        client.submit(number)
        worker.take(JOB)
        assert time.monotonic() - started < 5
        for _ in range(8):
            loading.take(CHUNK)


def an_asking_client_gets_its_status(fleet):
    fleet.broker()
    client = Peer(fleet.clients)
    status = client.status()
    assert set(status) >= {"model", "digest", "boot_id", "uptime_s", "queued",
                           "leased", "bytes_held", "counters", "parts",
                           "workers"}, status
    assert status["model"] == "emoji10" and len(status["digest"]) == 64
    for part in status["parts"]:
        assert set(part) >= {"part", "digest", "queued", "oldest_ms",
                             "workers", "requests_per_s", "queue_ms",
                             "compute_ms"}, part
    worker = Peer(fleet.workers, part=0, name="one")
    fleet.until(lambda: [w["name"] for w in client.status()["workers"]] ==
                ["one"], "the worker shows")
    row = client.status()["workers"][0]
    assert set(row) >= {"name", "part", "state", "credit", "leased", "done",
                        "failed", "rss_mib", "cpu"}, row
    for _ in range(500):
        client.send(STATUS, {1: client.session})
    other = Peer(fleet.clients)
    assert other.status()["model"] == "emoji10"
    del worker


def odd_peers_disturb_nobody(fleet):
    fleet.broker()
    context = zmq.Context.instance()
    for endpoint in (fleet.clients, fleet.workers):
        for identity in (b"", b"x" * 200, b"mine"):
            peer = context.socket(zmq.DEALER)
            peer.linger = 5000
            if identity:
                peer.setsockopt(zmq.IDENTITY, identity)
            peer.connect(endpoint)
            peer.send_multipart([b""] * 100)
            peer.send_multipart([b"CV\x01\x01\x01\0\x10\0\x80"] +
                                [b"x"] * 16)
            peer.close()
    client = Peer(fleet.clients)
    fleet.until(lambda: client.status()["counters"]["malformed"] >= 2,
                "the malformed ones are counted")
    large = Peer(fleet.clients)
    large.socket.send(b"C" * (2 << 20))  # ends this connection
    large.socket.rcvtimeo = 200

    def forgotten():  # what is on its way when a connection ends is lost
        large.send(STATUS, {1: large.session})
        try:
            return large.take(REHELLO)
        except zmq.Again:
            return None

    fleet.until(forgotten, "the connection has ended")
    assert client.status()["queued"] == 0


def both_sides_may_be_files(fleet):
    text = fleet.config().read_text()
    for side in ("clients", "workers"):
        text = text.replace(f'{side} = "tcp://127.0.0.1:0"',
                            f'{side} = "ipc://{fleet.folder}/{side}"')
    config = fleet.folder / "pipeline.cfg"
    config.write_text(text)
    process = fleet.broker(config)
    assert process.words["clients"] == f"ipc://{fleet.folder}/clients"
    assert Peer(fleet.clients).status()["model"] == "emoji10"
    code, _, err = fleet.run(BIN / "broker", "-c", config)
    assert code == 78 and "already in use" in err, err
    assert Peer(fleet.workers, part=0, name="one").welcome[27] > 0


def an_idle_broker_ends_at_once(fleet):
    process = fleet.broker()
    client = Peer(fleet.clients)
    worker = Peer(fleet.workers, part=0, name="one")
    started = time.monotonic()
    process.signal(TERM)
    assert process.end() == 0
    assert time.monotonic() - started < 5
    for peer in (client, worker):
        peer.take(BYE)


def work_that_is_not_done_in_time_is_status_75(fleet):
    process = fleet.broker(fleet.config(drain_ms=300))
    client = Peer(fleet.clients)
    client.submit(1)
    fleet.until(lambda: client.status()["queued"] == 1, "the job is queued")
    process.signal(TERM)
    client.take(DRAIN)
    client.submit(2)
    assert client.take(BUSY)[0][9] == 505
    assert client.take(ERROR)[0][9] == 306
    assert process.end() == 75
    assert any("drain_ms" in line for line in process.err), process.err


def a_second_signal_ends_it_at_once(fleet):
    process = fleet.broker(fleet.config(drain_ms=60000))
    client = Peer(fleet.clients)
    client.submit(1)
    fleet.until(lambda: client.status()["queued"] == 1, "the job is queued")
    process.signal(TERM)
    client.take(DRAIN)
    assert process.popen.poll() is None
    started = time.monotonic()
    process.signal(TERM)
    assert process.end() == 75
    assert time.monotonic() - started < 5


def a_hangup_is_ignored(fleet):
    process = fleet.broker()
    process.signal(signal.SIGHUP)
    assert Peer(fleet.clients).status()["model"] == "emoji10"
    assert process.popen.poll() is None


def a_cache_is_found_without_a_home(fleet):
    for name in ("HOME", "XDG_CACHE_HOME"):
        fleet.env.pop(name, None)
    fleet.env["TMPDIR"] = str(fleet.folder)
    code, _, err = broker(fleet, "--check")
    assert code == 0, err
    assert (fleet.folder / f"convoy-{os.geteuid()}").is_dir()


def too_few_files_are_said_at_start(fleet):
    done = subprocess.run(
        [BIN / "broker", "-c", fleet.config(sessions_workers=5000)],
        env=fleet.env, cwd=fleet.folder, capture_output=True, text=True,
        check=False, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (500, 500)))
    assert done.returncode == 78 and "sessions_workers" in done.stderr, done
    assert not done.stdout


def a_full_disk_is_a_sentence(fleet):
    def tight():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    done = subprocess.run(
        [BIN / "broker", "-c", fleet.config()], env=fleet.env,
        cwd=fleet.folder, capture_output=True, text=True, check=False,
        preexec_fn=tight)
    lines = done.stderr.splitlines()
    assert done.returncode != 0 and not done.stdout, done
    assert len(lines) == 1 and "File too large" in lines[0], lines
    assert not list((fleet.folder / "cache/convoy").iterdir())


if __name__ == "__main__":
    run_tests(the_plan_keeps_the_contract,
              the_plan_draws_a_bar_a_part,
              halves_cross_and_the_answer_stays,
              shares_are_those_of_the_parts,
              what_is_checked_is_what_is_served,
              exported_parts_are_the_parts,
              what_contradicts_itself_is_usage,
              the_reference_is_the_committed_one,
              parts_are_served_by_bytes_and_leave_no_file,
              jobs_go_on_while_parts_are_fetched,
              an_asking_client_gets_its_status,
              odd_peers_disturb_nobody,
              both_sides_may_be_files,
              an_idle_broker_ends_at_once,
              work_that_is_not_done_in_time_is_status_75,
              a_second_signal_ends_it_at_once,
              a_hangup_is_ignored,
              a_cache_is_found_without_a_home,
              too_few_files_are_said_at_start,
              a_full_disk_is_a_sentence)
