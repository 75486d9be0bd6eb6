"""An open-loop load generator: so many requests per second over keep-alive connections, whatever becomes of earlier ones.

`OpenLoop` runs it as a process of its own, so that it and what a test does meanwhile don't hold each other up. A request
that fails is told with what is known of it. Only one that was written to a connection on which the server had closed
just before, without a byte of answer, is sent again on another, as HTTP clients do (RFC 9110 §9.3.1); these are counted.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_CONNECTIONS = 1000
MAX_TOLD = 1000  # failures that are told one by one
TIMEOUT_S = 60  # of one request


@dataclass
class Report:
    sent: int
    repeated: int
    connections: int  # opened
    longest_ms: float
    p50_ms: float
    p99_ms: float
    answers: dict[str, int]  # by body
    failed: int
    failures: list[dict] = field(default_factory=list)  # the first MAX_TOLD

    def __str__(self) -> str:
        return (
            f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, longest {self.longest_ms:.0f} ms, "
            f"{self.connections} connections, {self.repeated} requests sent again"
        )


class OpenLoop:
    """Load on `url` from `with` until finish(). The generator ends with its standard input, so with its parent too."""

    def __init__(self, port: int, url: str, rate: float):
        words = [sys.executable, __file__, str(port), url, str(rate)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._rate, self._began = rate, time.monotonic()

    def finish(self, at_least: int = 0) -> Report:
        """Ends the load once `at_least` requests were due, and waits for the last answers."""
        time.sleep(max(0.0, at_least / self._rate + 0.5 - (time.monotonic() - self._began)))
        out, _ = self._process.communicate(timeout=TIMEOUT_S + 30)
        return Report(**json.loads(out))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


# The generator's own process, from here on.


class ClosedIdle(Exception):
    """The server had closed the connection before it saw the request."""


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer, self.used = reader, writer, False

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        try:
            self.writer.write(request)
            line = await self.reader.readline()
        except ConnectionError:
            line = b""
        if not line:
            raise ClosedIdle if self.used else ConnectionError("closed without an answer")
        self.used = True
        status = int(line.split()[1])
        headers = {}
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if not line:
            raise ConnectionError("closed inside the head")
        body = await self.reader.readexactly(int(headers["content-length"]))
        return status, headers, body

    def close(self):
        self.writer.close()


class Generator:
    def __init__(self, port: int, url: str, rate: float):
        self.port, self.rate = port, rate
        self.host = urlsplit(url).netloc
        self.idle: list[Connection] = []  # used in turn, so that all stay in use
        self.open = self.opened = self.sent = self.repeated = self.failed = 0
        self.times: list[float] = []
        self.answers: dict[str, int] = {}
        self.failures: list[dict] = []
        self.running: set[asyncio.Task] = set()

    async def connection(self) -> Connection:
        if self.idle:
            return self.idle.pop(0)
        if self.open >= MAX_CONNECTIONS:
            raise ConnectionError(f"{self.open} requests wait already")
        self.open += 1
        self.opened += 1
        try:
            return Connection(*await asyncio.open_connection("127.0.0.1", self.port))
        except BaseException:
            self.open -= 1
            raise

    def discard(self, connection: Connection):
        connection.close()
        self.open -= 1

    async def attempt(self, request: bytes):
        connection = await self.connection()
        try:
            answer = await connection.exchange(request)
        except BaseException:
            self.discard(connection)
            raise
        if answer[1].get("connection") == "close":
            self.discard(connection)
        else:
            self.idle.append(connection)
        return answer

    def request(self, number: int) -> bytes:
        head = f"Host: {self.host}\r\nUser-Agent: openloop\r\nAccept: */*\r\n"
        if number % 10 == 0:  # with a body, and a container's time
            body = b"x" * 3000
            return f"POST /?wait=0.2 HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        return f"GET / HTTP/1.1\r\n{head}\r\n".encode()

    async def one(self, number: int):
        began = time.monotonic()
        told: dict = {"number": number, "at": time.time()}
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    try:
                        status, headers, body = await self.attempt(self.request(number))
                        break
                    except ClosedIdle:
                        self.repeated += 1
        except Exception as why:
            return self.fail({**told, "why": f"{type(why).__name__}: {why}"})
        self.times.append((time.monotonic() - began) * 1000)
        text = body.decode(errors="replace")
        if status == 200:
            self.answers[text] = self.answers.get(text, 0) + 1
            return None
        known = {name: headers.get(name, "") for name in ("bimodal-request-id", "bimodal-error")}
        return self.fail({**told, **known, "status": status, "why": text})

    def fail(self, failure: dict):
        self.failed += 1
        if len(self.failures) < MAX_TOLD:
            self.failures.append(failure)

    async def run(self) -> Report:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), stop.set)
        began = loop.time()
        while not stop.is_set():
            due = int((loop.time() - began) * self.rate)
            for _ in range(due - self.sent):
                task = asyncio.create_task(self.one(self.sent))
                self.sent += 1
                self.running.add(task)
                task.add_done_callback(self.running.discard)
            await asyncio.sleep(0.5 / self.rate)
        if self.running:
            await asyncio.wait(self.running)
        times = sorted(self.times) or [0.0]
        return Report(
            sent=self.sent,
            repeated=self.repeated,
            connections=self.opened,
            longest_ms=times[-1],
            p50_ms=times[len(times) // 2],
            p99_ms=times[int(len(times) * 0.99)],
            answers=self.answers,
            failed=self.failed,
            failures=self.failures,
        )


if __name__ == "__main__":
    port, url, rate = sys.argv[1:]
    print(json.dumps(asyncio.run(Generator(int(port), url, float(rate)).run()).__dict__))
