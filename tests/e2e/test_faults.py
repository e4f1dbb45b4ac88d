#!/usr/bin/env python3
"""Workers come, go and die under load; nothing is lost."""
import json
import socket

from fleet import BIN, CONT, ETC, KILL, STOP, TERM, SANITIZED, run_tests

CAT = ETC / "demo/cat.png"
REDISPATCH_MS = 1500 * (3 if SANITIZED else 1)


def bench(fleet, *options):
    return fleet.start(BIN / "client", "--broker", fleet.clients, "--bench",
                       "--concurrency", "16", "--json", *options)


def result(process):
    status = process.end()
    assert process.out, (status, process.err)
    line = json.loads(process.out[-1])
    assert status == 0 and line["errors"] == 0, (line, process.err)
    assert line["ok"] == line["requests"] > 0, line
    return line


def leased(fleet, name):
    workers = {w["name"]: w for w in fleet.status()["workers"]}
    return name in workers and workers[name]["leased"] > 0


def two_a_part(fleet):
    fleet.broker()
    return {name: fleet.worker(part, name=name)
            for part, name in ((0, "a0"), (0, "b0"), (1, "a1"), (1, "b1"))}


def killing_adding_and_draining_workers_costs_no_request(fleet):
    workers = two_a_part(fleet)
    load = bench(fleet, "--seconds", "6")
    fleet.until(lambda: fleet.status()["counters"]["ok"] > 50, "load")
    victim = workers["a0"]
    victim.signal(STOP)  # so that it surely holds jobs when it dies
    fleet.until(lambda: leased(fleet, "a0"), "a job on the victim", 2)
    victim.signal(KILL)
    fleet.worker(0, name="c0")
    workers["a1"].signal(TERM)
    assert workers["a1"].end() == 0
    line = result(load)
    assert line["max_ms"] < REDISPATCH_MS, line
    status = fleet.status()
    assert status["queued"] == status["leased"] == status["bytes_held"] == 0
    assert status["counters"]["requeues"] > 0, status["counters"]
    assert sorted(w["name"] for w in status["workers"]) == ["b0", "b1", "c0"]


def a_frozen_worker_is_given_up_and_comes_back(fleet):
    workers = two_a_part(fleet)
    load = bench(fleet, "--seconds", "9")
    fleet.until(lambda: fleet.status()["counters"]["ok"] > 50, "load")
    workers["a0"].signal(STOP)
    fleet.until(lambda: leased(fleet, "a0"), "a job on the frozen worker", 2)
    fleet.until(lambda: "a0" not in [w["name"] for w in
                                     fleet.status()["workers"]],
                "the broker gives a silent worker up", 6)
    workers["a0"].signal(CONT)
    fleet.until(lambda: any(w["name"] == "a0" and w["done"] > 0
                            for w in fleet.status()["workers"]),
                "the worker is back")
    assert result(load)["max_ms"] < 6000


def a_part_without_worker_waits_for_one(fleet):
    fleet.broker()
    fleet.worker(0)
    client = fleet.start(BIN / "client", "--broker", fleet.clients,
                         "--image", CAT)
    fleet.until(lambda: fleet.status()["parts"][1]["queued"] == 1,
                "a job waits for part 1")
    fleet.worker(1)
    assert client.end() == 0 and "cat.png: cat " in client.out[0]


def a_deadline_ends_a_job_nobody_serves(fleet):
    fleet.broker()
    fleet.worker(0)
    code, out, err = fleet.client("--json", "--timeout", "700", "--image", CAT)
    assert code == 1, (code, err)
    assert json.loads(out)["error"]["code"] == "DEADLINE", out
    assert "label" not in json.loads(out)
    fleet.until(lambda: fleet.status()["bytes_held"] == 0, "room is returned")


def a_client_that_vanishes_leaves_nothing_behind(fleet):
    fleet.broker()
    fleet.worker(0)
    client = fleet.start(BIN / "client", "--broker", fleet.clients,
                         "--image", CAT)
    fleet.until(lambda: fleet.status()["queued"] == 1, "its job is accepted")
    client.signal(KILL)
    fleet.until(lambda: fleet.status()["bytes_held"] == 0, "orphans end", 20)


def a_broker_restart_is_survived_by_workers_and_client(fleet):
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], two.getsockname()[1]
    config = fleet.config()
    text = config.read_text()
    for role, port in zip(("clients", "workers"), ports):
        text = text.replace(f'{role} = "tcp://127.0.0.1:0"',
                            f'{role} = "tcp://127.0.0.1:{port}"')
    config.write_text(text)
    first = fleet.broker(config)
    fleet.worker(0)
    fleet.worker(1)
    load = bench(fleet, "--requests", "3000", "--timeout", "60000")
    fleet.until(lambda: fleet.status()["counters"]["ok"] > 50, "load")
    first.signal(KILL)
    first.end()
    fleet.broker(config)
    result(load)


if __name__ == "__main__":
    run_tests(killing_adding_and_draining_workers_costs_no_request,
              a_frozen_worker_is_given_up_and_comes_back,
              a_part_without_worker_waits_for_one,
              a_deadline_ends_a_job_nobody_serves,
              a_client_that_vanishes_leaves_nothing_behind,
              a_broker_restart_is_survived_by_workers_and_client)
