"""Request to first byte from zero containers, FastAPI: parked, with a memory snapshot, and from the beginning, beside
uvicorn in bubblewrap (if that is installed), in one run; also of several requests at once, each of which needs a container
of its own; and the memory of containers in reserve.

    python benchmarks/cold/start.py [--starts 20] [--at-once 1 10 100]

Needs what the outer tests need (tests/requirements.txt, BIMODAL_TEST_LAYERS). Each start begins when no container is left
and, for the first kind, one is parked; the request goes over a connection that exists already. The load of the
machine is printed with the figures: on a busy one they tell little.
"""

import argparse
import os
import socket
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import peer  # noqa: E402
from support.apps import write, write_hello  # noqa: E402
from support.command import run  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.forks import unshared_bytes, zygote_processes  # noqa: E402
from support.paths import PYTHON  # noqa: E402
from support.waiting import eventually  # noqa: E402

SNAPPED = """
import modal
from fastapi import FastAPI

app = modal.App("snapped")
web_app = FastAPI()


@web_app.get("/")
def hello():
    return "hello"


@app.function(enable_memory_snapshot=True)
@modal.asgi_app()
def cold():
    return web_app
"""

# Of several at once none is answered before each has its container: a container takes one input at a time.
SLOW = """
import time

import modal

app = modal.App("burst")


@app.function(max_containers=200, scaledown_window=2)
@modal.fastapi_endpoint()
def burst(seconds: float = 0.0):
    began = time.time()
    time.sleep(seconds)
    return began
"""


def stop_containers(daemon):
    for container in daemon.containers():
        run([PYTHON, "-m", "modal", "container", "stop", "-y", container["task_id"]], daemon.client_environment)
    eventually(lambda: not daemon.containers(), 30, "no container left")


def is_ready(daemon) -> bool:
    return any(standby["state"] == "parked" for standby in daemon.status()["standbys"])


class Caller:
    """A connection that exists already. It costs next to nothing itself, which a client library doesn't."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.create_connection(("127.0.0.1", parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ask("nobody." + self._host)

    def close(self):
        self._socket.close()

    def first_byte(self) -> float:
        """Milliseconds until the answer, which is a 200, begins."""
        began = time.perf_counter()
        answer = self._ask(self._host)
        taken = (time.perf_counter() - began) * 1000
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return taken

    def _ask(self, host: str) -> bytes:
        self._socket.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return self._socket.recv(1 << 16)  # these answers are small, and come whole


def measure(standbys: int, starts: int, snapshot: bool = False) -> list[float]:
    daemon = Daemon({"BIMODAL_STANDBY": str(standbys)}).start()
    times = []
    try:
        with tempfile.TemporaryDirectory(prefix="bm-app-") as folder:
            script = write(Path(folder), SNAPPED, "cold") if snapshot else write_hello(Path(folder), "cold")
            (url,) = daemon.deploy(script)
        caller = Caller(url)
        for _ in range(starts):
            stop_containers(daemon)
            if standbys:
                eventually(lambda: is_ready(daemon), 60, "one parked")
            times.append(caller.first_byte())
        caller.close()
    finally:
        daemon.close()
    return times


def burst(daemon, url: str, count: int) -> list[float]:
    """Until each application was called, in milliseconds."""

    def request(_) -> float:
        began = time.time()
        answer = daemon.get(url, params={"seconds": 0.2 * count})
        assert answer.status_code == 200, answer.text
        return (answer.json() - began) * 1000

    with ThreadPoolExecutor(count) as threads:
        return sorted(threads.map(request, range(count)))


def measure_bursts(counts: list[int], rounds: int):
    daemon = Daemon().start()
    try:
        with tempfile.TemporaryDirectory(prefix="bm-app-") as folder:
            (url,) = daemon.deploy(write(Path(folder), SLOW, "burst"))
        for count in counts:
            times = []
            for _ in range(rounds):
                eventually(lambda: not daemon.containers(), 120, "no container left")
                daemon.wait_for_reserve()
                times += burst(daemon, url, count)
            times.sort()
            print(
                f"{count:3} at once          p50 {statistics.median(times):7.1f} ms   min {times[0]:7.1f}   "
                f"max {times[-1]:7.1f}   {rounds} rounds, load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
        eventually(lambda: not daemon.containers(), 120, "no container left")
        daemon.wait_for_reserve()
        (zygote,) = zygote_processes(daemon, depth=2)
        sizes = [unshared_bytes(pid) / 2**20 for pid in zygote_processes(daemon, depth=3)]
        print(
            f"memory of its own: zygote {unshared_bytes(zygote) / 2**20:.1f} MiB, in reserve "
            + ", ".join(f"{size:.1f}" for size in sizes)
            + " MiB"
        )
    finally:
        daemon.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--slow-starts", type=int, default=20, help="of those that take a second")
    parser.add_argument("--at-once", type=int, nargs="*", default=[1, 10, 100])
    parser.add_argument("--rounds", type=int, default=3, help="of each burst")
    arguments = parser.parse_args()
    starts = arguments.starts
    kinds = {
        "parked": lambda: measure(16, starts),
        "with a snapshot": lambda: measure(16, starts, snapshot=True),
        "from the beginning": lambda: measure(0, arguments.slow_starts),
    }
    if peer.is_installed():
        kinds["bwrap + uvicorn"] = lambda: [peer.start_once() for _ in range(arguments.slow_starts)]
    for name, measured in kinds.items():
        times = sorted(measured())
        late = times[min(len(times) - 1, len(times) * 99 // 100)]
        print(
            f"{name:20} p50 {statistics.median(times):7.1f} ms   p99 {late:7.1f}   min {times[0]:7.1f}   max {times[-1]:7.1f}   "
            f"{len(times)} starts, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs",
            flush=True,
        )
    if arguments.at_once:
        measure_bursts(arguments.at_once, arguments.rounds)


if __name__ == "__main__":
    main()
