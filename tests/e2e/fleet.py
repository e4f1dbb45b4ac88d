"""Real Convoy processes for the end-to-end tests.

A Fleet starts brokers, workers and clients on free loopback ports, waits for
their readiness lines (never for a time), and ends every process by its id.
run_tests(...) runs functions as TAP, each with a fresh fleet and folder.
"""
import json
import os
import pathlib
import queue
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib

ROOT = pathlib.Path(os.environ.get(
    "CONVOY_ROOT", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("CONVOY_BIN", ROOT / "bin")).resolve()
ETC = ROOT / "etc"
SANITIZED = any(word in str(BIN) for word in ("asan", "tsan"))
WAIT_S = 120 if SANITIZED else 30
KILL, STOP, CONT, TERM = (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT,
                          signal.SIGTERM)


class Process:
    """A started program whose standard output is read line by line."""

    def __init__(self, command, env, cwd):
        self.popen = subprocess.Popen(
            [str(c) for c in command], env=env, cwd=cwd, text=True,
            errors="replace", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.popen.pid
        self.lines = queue.Queue()
        self.out, self.err = [], []
        self.readers = [
            threading.Thread(target=self._read, daemon=True, args=a)
            for a in ((self.popen.stdout, self.out, self.lines),
                      (self.popen.stderr, self.err, None))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _read(pipe, kept, lines):
        for line in pipe:
            kept.append(line.rstrip("\n"))
            if lines:
                lines.put(line.rstrip("\n"))
        if lines:
            lines.put(None)

    def expect(self, word, seconds=WAIT_S):
        """The next line that starts with a word."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"no line {word!r}; stderr: {self.err}") from None
            assert line is not None, f"ended early; stderr: {self.err}"
            if line.startswith(word):
                return line

    def signal(self, number):
        self.popen.send_signal(number)

    def end(self, seconds=WAIT_S):
        """Wait for the end; the exit status."""
        status = self.popen.wait(seconds)
        for reader in self.readers:
            reader.join(seconds)
        return status

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(CONT)
            self.popen.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.end()


class Fleet:
    """What one test started, and where it lives."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith("CONVOY_")}
        self.env["XDG_CACHE_HOME"] = str(self.folder / "cache")
        self.clients = self.workers = None

    def start(self, *command):
        process = Process(command, self.env, self.folder)
        self.processes.append(process)
        return process

    def config(self, text=None, **broker):
        """A pipeline.cfg on free ports; the demo's unless text is given."""
        if text is None:
            text = (ETC / "pipeline.cfg").read_text()
            text = text.replace('"emoji10.', f'"{ETC}/emoji10.')
            text = text[:text.index("broker:")]
        extra = "".join(f" {k} = {v};" for k, v in broker.items())
        text += ('\nbroker: { clients = "tcp://127.0.0.1:0"; '
                 f'workers = "tcp://127.0.0.1:0";{extra} }};\n')
        path = self.folder / "pipeline.cfg"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def broker(self, config=None, *options):
        process = self.start(BIN / "broker", "-c", config or self.config(),
                             *options)
        words = dict(w.split("=", 1) for w in
                     process.expect("ready").split()[1:])
        self.clients, self.workers = words["clients"], words["workers"]
        process.words = words
        return process

    def worker(self, part, *options, wait=True, name=None):
        command = [BIN / "worker", "--part", part]
        if self.workers:
            command += ["--broker", self.workers]
        if name:
            command += ["--name", name]
        process = self.start(*command, *options)
        if wait:
            process.expect("ready")
        return process

    def client(self, *options, timeout=WAIT_S, broker=None):
        """Run a client to its end: (status, stdout, stderr)."""
        return self.run(BIN / "client", "--broker", broker or self.clients,
                        *options, timeout=timeout)

    def run(self, *command, timeout=WAIT_S, stdin=b""):
        done = subprocess.run(
            [str(c) for c in command], env=self.env, cwd=self.folder,
            timeout=timeout, capture_output=True, input=stdin, check=False)
        return (done.returncode, done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"))

    def status(self):
        code, out, err = self.client("--status", "--json")
        assert code == 0, err
        return json.loads(out)

    def until(self, true, what, seconds=WAIT_S):
        """Poll a condition within a bound; its first true value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = true()
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s: {what}")

    def close(self):
        for process in reversed(self.processes):
            process.stop()


def png(path, width=8, height=8, pixel=(200, 30, 30)):
    """A plain picture, written without any library."""
    row = b"\0" + bytes(pixel) * width

    def chunk(kind, data):
        body = kind + data
        return (struct.pack(">I", len(data)) + body +
                struct.pack(">I", zlib.crc32(body)))

    pathlib.Path(path).write_bytes(
        b"\x89PNG\r\n\x1a\n" +
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
        chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))


def run_one(function):
    """Run a test in its own fleet and folder; the report's text, if bad."""
    folder = tempfile.mkdtemp(prefix="convoy-e2e-")
    fleet = Fleet(folder)
    try:
        try:
            function(fleet)
        finally:
            fleet.close()
        for process in fleet.processes:
            text = "\n".join(process.err)
            assert "Sanitizer" not in text, text
            assert "runtime error" not in text, text
    except Exception:  # a test may fail in any way; the report says how
        lines = traceback.format_exc().splitlines()
        for process in fleet.processes:
            name = pathlib.Path(process.popen.args[0]).name
            lines += [f"[{name} {process.pid}] {line}"
                      for line in process.err[-8:]]
        return lines
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def run_tests(*functions):
    wanted = sys.argv[1:]
    functions = [f for f in functions
                 if not wanted or any(w in f.__name__ for w in wanted)]
    print(f"1..{len(functions)}", flush=True)
    failed = 0
    for number, function in enumerate(functions, 1):
        started = time.monotonic()
        report = run_one(function)
        for line in report or []:
            print(f"# {line}")
        failed += report is not None
        print(f"{'not ok' if report else 'ok'} {number} - "
              f"{function.__name__} # {time.monotonic() - started:.1f} s",
              flush=True)
    sys.exit(1 if failed else 0)
