"""The peer of a cold start: bubblewrap around uvicorn with the same application, from `exec` to the first byte.

It does what a start from zero has to: a sandbox of its own namespaces, a Python, the framework, the application, a server
that listens. Its caller tries every millisecond, as soon as the socket's file is there.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.paths import PYTHON

APP = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello():
    return "hello"
"""

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE = 60.0  # seconds


def is_installed() -> bool:
    return shutil.which("bwrap") is not None


def start_once() -> float:
    """Milliseconds."""
    with tempfile.TemporaryDirectory(prefix="bm-peer-") as folder:
        Path(folder, "hello.py").write_text(APP)
        place = os.path.join(folder, "web.sock")
        command = [
            "bwrap",
            "--unshare-all",
            "--die-with-parent",
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
        ]
        command += ["--bind", folder, folder, "--chdir", folder]
        command += [
            str(PYTHON),
            "-m",
            "uvicorn",
            "--no-access-log",
            "--log-level",
            "warning",
            "--uds",
            place,
            "hello:app",
        ]
        began = time.perf_counter()
        process = subprocess.Popen(command, start_new_session=True)
        try:
            wait_for_first_byte(place, process)
            return (time.perf_counter() - began) * 1000
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for_first_byte(place: str, process: subprocess.Popen):
    end = time.monotonic() + PATIENCE
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
