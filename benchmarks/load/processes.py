"""Server processes of one run: pinned to their CPU, found ready by connecting, ended with it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

READY_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(address: tuple[str, int] | str, process: subprocess.Popen) -> None:
    """`address` is a TCP one or the path of a Unix socket. Polls for READY_S at most."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    deadline = time.monotonic() + READY_S
    while True:
        with socket.socket(family) as probe:
            if probe.connect_ex(address) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens at {address} after {READY_S} s")
        time.sleep(0.01)


def wait_for_an_answer(port: int, path: str, method: str, body: bytes, headers: dict[str, str]) -> None:
    """Some servers listen before they have loaded their application. Any answer will do; the load verifies them."""
    deadline = time.monotonic() + READY_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
        try:
            connection.request(method, path, body or None, headers)
            if connection.getresponse().status < 500:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer to {method} {path} within {READY_S} s")
        time.sleep(0.02)


@contextlib.contextmanager
def pinned(cpu: str, command: list, log: Path, environment: dict[str, str] | None = None):
    """The running process of `command`; its output goes to `log`, whose end is in the error if the context fails."""
    with log.open("wb") as output:
        words = ["taskset", "-c", cpu, *map(str, command)]
        process = subprocess.Popen(
            words, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            yield process
        except Exception as why:
            raise type(why)(f"{why}; {command[0]} said: {log.read_text(errors='replace')[-1000:]}") from why
        finally:
            stop(process)


def stop(process: subprocess.Popen) -> None:
    """And, if it leads a session, whatever it leaves behind there."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
