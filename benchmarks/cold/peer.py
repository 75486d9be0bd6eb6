"""The peer of a cold start: bubblewrap around uvicorn with the same application, from `exec` to the first byte.

It does what a start from zero has to: a sandbox of its own namespaces, a Python, the framework, the application, a server
that listens. Its caller tries every millisecond, as soon as the socket's file is there.
"""

import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from idle.processes import tree
from support.forks import unshared_bytes
from support.paths import PYTHON

APP = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello():
    return "hello"
"""

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE_S = 60.0
SANDBOX = "bwrap --unshare-all --die-with-parent --ro-bind / / --proc /proc --dev /dev".split()
SERVER = "-m uvicorn --no-access-log --log-level warning".split()
COMMAND = " ".join([*SANDBOX, "--bind DIR DIR --chdir DIR python", *SERVER, "--uds DIR/web.sock hello:app"])


def is_installed() -> bool:
    return shutil.which("bwrap") is not None


@contextlib.contextmanager
def running() -> Iterator[tuple[int, float]]:
    """The pid of bwrap, and the milliseconds that passed until it answered."""
    with tempfile.TemporaryDirectory(prefix="bm-peer-") as folder:
        Path(folder, "hello.py").write_text(APP)
        place = os.path.join(folder, "web.sock")
        command = [*SANDBOX, "--bind", folder, folder, "--chdir", folder, PYTHON, *SERVER, "--uds", place, "hello:app"]
        began = time.perf_counter()
        process = subprocess.Popen(command, start_new_session=True)
        try:
            wait_for_first_byte(place, process)
            yield process.pid, (time.perf_counter() - began) * 1000
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def start_once() -> float:
    """Milliseconds."""
    with running() as (_, taken):
        return taken


def memory_of_several(count: int) -> float:
    """Bytes that the end of one would give back, while as many run: the median. Pages of files are shared among them."""
    with contextlib.ExitStack() as stack:
        pids = [stack.enter_context(running())[0] for _ in range(count)]
        return statistics.median(sum(unshared_bytes(pid) for pid in tree(root)) for root in pids)


def wait_for_first_byte(place: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(place)
            except OSError:
                assert process.poll() is None, "bwrap and uvicorn ended"
                time.sleep(0.001)
                continue
            connection.sendall(REQUEST)
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
            return
    raise TimeoutError("bwrap and uvicorn didn't answer")
