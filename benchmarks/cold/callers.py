"""Callers whose connections exist already. They cost next to nothing themselves, which a client library doesn't."""

import select
import socket
import time
from urllib.parse import urlsplit

PATIENCE_S = 120.0


class Caller:
    """One connection to the gateway, for requests to one URL."""

    def __init__(self, url: str, query: str = ""):
        parts = urlsplit(url)
        self._host = parts.netloc
        self.request = f"GET /{query} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode()
        self.socket = socket.create_connection(("127.0.0.1", parts.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(f"GET / HTTP/1.1\r\nHost: nobody.{self._host}\r\n\r\n".encode())
        self.socket.recv(1 << 16)  # a 404: the gateway knows the connection now

    def close(self) -> None:
        self.socket.close()

    def first_byte(self) -> tuple[float, bytes]:
        """Milliseconds until the answer, which is a 200, begins; and the answer."""
        began = time.perf_counter()
        self.socket.sendall(self.request)
        answer = self.socket.recv(1 << 16)
        taken = (time.perf_counter() - began) * 1000
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return taken, answer


def is_whole(answer: bytes) -> bool:
    """Of an HTTP answer with a content-length."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    assert head.startswith(b"HTTP/1.1 200"), answer
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.split(b":")[1])


def all_at_once(sockets: list[socket.socket], requests: list[bytes], is_done) -> tuple[float, list[bytes]]:
    """Sends each its request; milliseconds until the last byte of the last answer came, and the answers.

    `is_done(bytes)` tells whether an answer is whole. TimeoutError after PATIENCE_S.
    """
    answers = {connection.fileno(): b"" for connection in sockets}
    waiting = {connection.fileno(): connection for connection in sockets}
    poll = select.epoll()
    for number in waiting:
        poll.register(number, select.EPOLLIN)
    began = time.perf_counter()
    for connection, request in zip(sockets, requests, strict=True):
        connection.sendall(request)
    while waiting:
        for number, _ in poll.poll(PATIENCE_S) or fail(len(waiting)):
            received = waiting[number].recv(1 << 16)
            assert received, "a connection was closed"
            answers[number] += received
            if is_done(answers[number]):
                del waiting[number]
                poll.unregister(number)
    taken = (time.perf_counter() - began) * 1000
    poll.close()
    return taken, list(answers.values())


def fail(count: int):
    raise TimeoutError(f"{count} requests had no answer within {PATIENCE_S:.0f} s")
