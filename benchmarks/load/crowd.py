"""Many connections that are idle: each has been served once, as a keep-alive request or as a WebSocket with an echo."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable

from idle.processes import tree
from support.forks import unshared_bytes
from support.websocket import handshake

from load.measure import BROWSER_HEADERS
from load.peers import Target
from load.workloads import Interface, Workload

PATIENCE_S = 60
ECHO = b"\x81\x82\x00\x00\x00\x00hi"  # masked with zeros, as a client has to
ECHOED = b"\x81\x02hi"


class Crowd:
    """Closes its connections when the context ends."""

    def __init__(self, target: Target, workload: Workload):
        self._target, self._is_websocket = target, workload.interface is Interface.WEBSOCKET
        headers = "".join(f"{name}: {value}\r\n" for name, value in BROWSER_HEADERS.items())
        self._request = f"GET {workload.path} HTTP/1.1\r\nHost: {target.host}\r\n{headers}\r\n".encode()
        self._body = workload.expected
        self._handshake = handshake(f"http://{target.host}", workload.path)
        self._members: list[socket.socket] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self._members:
            one.close()

    def grow(self, count: int) -> None:
        """By connections that have had their answer when this returns."""
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", self._target.port), timeout=PATIENCE_S)
            self._members.append(one)
            if self._is_websocket:
                one.sendall(self._handshake)
                told = self._read_until(one, b"\r\n\r\n")
                if not told.startswith(b"HTTP/1.1 101"):
                    raise RuntimeError(f"no WebSocket: {told!r}")
                one.sendall(ECHO)
                self._read_until(one, ECHOED)
            else:
                one.sendall(self._request)
                self._read_until(one, self._body)

    def is_whole(self) -> bool:
        """Whether the server has closed none of them."""
        for one in self._members:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                if one.recv(1, socket.MSG_PEEK) == b"":
                    return False
        return True

    @staticmethod
    def _read_until(one: socket.socket, end: bytes) -> bytes:
        told = b""
        while not told.endswith(end):
            more = one.recv(1 << 16)
            if not more:
                raise RuntimeError(f"closed after {told!r}")
            told += more
        return told


def bytes_of(pids: Iterable[int]) -> int:
    """Memory that these processes have for themselves, the kernel's for their sockets not counted."""
    return sum(unshared_bytes(pid) for pid in pids)


def bytes_each(
    target: Target, workload: Workload, base: int, count: int, batches: int, root: int, alone: bool
) -> list[float]:
    """Of `batches` batches of `count` connections each, beyond the `base` first ones, how much each connection costs the process
    `root`, with those below it unless `alone`."""
    pids = [root] if alone else tree(root)
    found = []
    with Crowd(target, workload) as crowd:
        crowd.grow(base)
        for _ in range(batches):
            before = bytes_of(pids)
            crowd.grow(count)
            time.sleep(0.5)  # what servers do a moment after the last answer
            found.append((bytes_of(pids) - before) / count)
        if not crowd.is_whole():
            raise RuntimeError(f"{target.command} has closed idle connections")
    return found
