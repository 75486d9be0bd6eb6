"""CPU per request of the runner beside uvicorn alone (uvloop, httptools), same applications, one run.

    python runner/benchmarks/cpu_per_request.py --runner build/release/runner [--rounds 5] [--seconds 3]

Both serve on a Unix socket on CPU 0, this process offers load from CPU 1: a closed loop of 1 and of 32 requests in
flight, with the dozen headers that a browser sends. For uvicorn that is as many connections, for the runner as many
streams on one connection, which is how the gateway does it. The figure is the server process's CPU time by
/proc/PID/task/*/schedstat, divided by the requests answered; median of the rounds (minimum, maximum). Needs uvicorn,
httptools, uvloop, and FastAPI for the second application.
"""

import argparse
import os
import selectors
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
sys.path.insert(0, str(TESTS))
from gateway import DONE, END, REQUEST, RESPONSE, encode_frame, encode_request  # noqa: E402

HEADERS = [
    (b"host", b"bench--hello.localhost:8080"),
    (b"connection", b"keep-alive"),
    (b"sec-ch-ua", b'"Chromium";v="130", "Not?A_Brand";v="99"'),
    (b"sec-ch-ua-mobile", b"?0"),
    (b"sec-ch-ua-platform", b'"Linux"'),
    (b"upgrade-insecure-requests", b"1"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    (b"sec-fetch-site", b"none"),
    (b"sec-fetch-mode", b"navigate"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"en-US,en;q=0.9"),
]


class HttpLoad:
    """`in_flight` keep-alive connections with one request each."""

    request = b"GET / HTTP/1.1\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in HEADERS) + b"\r\n"

    def __init__(self, path, in_flight):
        self.selector = selectors.DefaultSelector()
        for _ in range(in_flight):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            self.selector.register(connection, selectors.EVENT_READ, bytearray())
            connection.sendall(self.request)

    def answered(self):
        """Waits, sends a request for each that was answered, and returns how many."""
        count = 0
        for key, _ in self.selector.select(5):
            key.data.extend(key.fileobj.recv(65536))
            if key.data.endswith((b"Hello, world!", b'{"hello":"World"}')):
                assert key.data.startswith(b"HTTP/1.1 200"), key.data
                key.data.clear()
                key.fileobj.sendall(self.request)
                count += 1
        return count

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


class FrameLoad:
    """`in_flight` streams on one connection."""

    def __init__(self, path, in_flight):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(path)
        head = encode_request(headers=HEADERS)
        frame = encode_frame(REQUEST, 0, head, flags=END, extra=len(head))
        self.before, self.after = frame[:4], frame[8:]
        self.stream = 0
        self.rest = b""
        self.send(in_flight)

    def send(self, count):
        first = self.stream + 1
        self.stream += count
        numbers = (struct.pack("<I", n) for n in range(first, self.stream + 1))
        self.connection.sendall(b"".join([self.before + number + self.after for number in numbers]))

    def answered(self):
        data = self.rest + self.connection.recv(1 << 20)
        at, done = 0, 0
        while len(data) - at >= 16:
            (size,) = struct.unpack_from("<I", data, at)
            if len(data) - at < 16 + size:
                break
            kind = data[at + 8]
            if kind == RESPONSE:
                assert data[at + 9] == END and data[at + 16 + size - 1] in b"!}", data[at : at + 16 + size]
            done += kind == DONE
            at += 16 + size
        self.rest = data[at:]
        if done:
            self.send(done)
        return done

    def close(self):
        self.connection.close()


def cpu_ns(pid):
    return sum(int(Path(task, "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def run_server(kind, app, directory, options):
    """A Popen and the path of its socket."""
    path = str(directory / f"{kind}-{app}.sock")
    module = "apps" if app == "hello" else "frameworks"
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=f"{options.runner.resolve()}:{TESTS}")
    if kind == "uvicorn":
        command = ["-m", "uvicorn", f"{module}:{app}", "--uds", path, "--loop", "uvloop", "--http", "httptools",
                   "--no-access-log", "--log-level", "warning"]  # fmt: skip
        process = subprocess.Popen(["taskset", "-c", "0", sys.executable, *command], env=environment)
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        environment["BIMODAL_LISTEN_FD"] = str(listener.fileno())
        command = [str(TESTS / "host.py"), kind.removeprefix("runner-"), app]
        process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, *command], env=environment, pass_fds=[listener.fileno()]
        )
        listener.close()
    deadline = time.monotonic() + 30
    while not listens(path):
        assert time.monotonic() < deadline and process.poll() is None, f"{kind} does not start"
        time.sleep(0.01)
    return process, path


def listens(path):
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
    return True


def measure(kind, app, in_flight, directory, options):
    """Microseconds of CPU per request, and requests per second."""
    process, path = run_server(kind, app, directory, options)
    try:
        load = (HttpLoad if kind == "uvicorn" else FrameLoad)(path, in_flight)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            load.answered()
        count, before, started = 0, cpu_ns(process.pid), time.monotonic()
        while (elapsed := time.monotonic() - started) < options.seconds:
            count += load.answered()
        used = cpu_ns(process.pid) - before
        load.close()
        return used / count / 1000, count / elapsed
    finally:
        process.kill()
        process.wait()
        os.unlink(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", type=Path, required=True, help="the folder with _runner.abi3.so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--apps", nargs="+", default=["hello", "fastapi_app"], choices=["hello", "fastapi_app"])
    parser.add_argument("--kinds", nargs="+", default=["uvicorn", "runner-uvloop", "runner-asyncio"])
    parser.add_argument("--in-flight", nargs="+", type=int, default=[1, 32])
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as directory:
        for app in options.apps:
            for in_flight in options.in_flight:
                results = {kind: [] for kind in options.kinds}
                for turn in range(options.rounds):
                    for kind in options.kinds if turn % 2 == 0 else reversed(options.kinds):
                        results[kind].append(measure(kind, app, in_flight, Path(directory), options))
                for kind, figures in results.items():
                    cpu = [figure[0] for figure in figures]
                    rate = statistics.median(figure[1] for figure in figures)
                    print(
                        f"{app:12} {in_flight:3} in flight  {kind:15} {statistics.median(cpu):6.2f} µs/request"
                        f"  ({min(cpu):.2f}–{max(cpu):.2f})  {rate:8.0f}/s",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
