"""WebSockets and event streams outlive what takes their container away, for the drain time, and then end cleanly.

So does a WebSocket of a server of the user's own, whose bytes the daemon only passes on.
"""

import threading
import time

import httpx
from support.apps import write
from support.waiting import eventually
from support.websocket import open_websocket
from websockets.exceptions import ConnectionClosed

APP = """
import asyncio
import base64
import hashlib
import os
import socket
import threading
import time

import modal
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse

app = modal.App("lasting")
web = FastAPI()


@web.get("/")
async def answer():
    return "{version}"


@web.get("/events")
async def events():
    async def tell():
        while True:
            yield "data: {version}\\n\\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(tell(), media_type="text/event-stream")


@web.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


@app.function(scaledown_window=300)
@modal.concurrent(max_inputs=50)
@modal.asgi_app()
def serve():
    return web


def echo_frames(connection):
    with connection, connection.makefile("rb") as caller:
        key = b""
        for line in iter(caller.readline, b"\\r\\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"sec-websocket-key":
                key = value.strip()
        if not key:
            head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n"
            return connection.sendall(head + os.environ["MODAL_TASK_ID"].encode())
        proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        head = b"HTTP/1.1 101 Switching\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Accept: "
        connection.sendall(head + proof + b"\\r\\n\\r\\n")
        while frame := caller.read(2):
            mask, payload = caller.read(4), caller.read(frame[1] & 127)
            payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
            if frame[0] & 15 == 8:
                time.sleep(0.3)  # longer than a container without requests takes to end
                return print(os.environ["MODAL_TASK_ID"], "heard", int.from_bytes(payload[:2], "big"), flush=True)
            connection.sendall(bytes([frame[0], len(payload)]) + payload)


@app.function(scaledown_window=300)
@modal.concurrent(max_inputs=50)
@modal.web_server(8000)
def own():
    listener = socket.create_server(("0.0.0.0", 8000))

    def accept():
        while True:
            threading.Thread(target=echo_frames, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
"""

DRAIN_S = 2


class Held:
    """A WebSocket, one of a server's own and an event stream, and when and how each ended."""

    def __init__(self, daemon, url: str, own: str):
        self.began = self.over = 0.0  # of what takes the containers away
        self.ends: dict[str, tuple[float, object]] = {}
        sockets = {"socket": open_websocket(daemon, url + "/echo"), "tunnel": open_websocket(daemon, own)}
        for connection in sockets.values():
            connection.send("hello")
            assert connection.recv() == "hello"
        self._events = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._hold_socket, args=each) for each in sockets.items()),
            threading.Thread(target=self._hold_events, args=(daemon, url)),
        ]
        for thread in self._threads:
            thread.start()
        assert self._events.wait(30)

    def _hold_socket(self, name: str, connection):
        try:
            while True:
                connection.recv()
        except ConnectionClosed as closed:
            self.ends[name] = (time.monotonic(), closed.rcvd.code if closed.rcvd else None)

    def _hold_events(self, daemon, url: str):
        outcome: object = "complete"
        try:
            with daemon.web.stream("GET", url + "/events") as answer:
                for _ in answer.iter_lines():
                    self._events.set()
        except httpx.HTTPError as why:
            outcome = why
        self.ends["events"] = (time.monotonic(), outcome)

    def judge(self, what: str):
        for thread in self._threads:
            thread.join(60)
        ends = {name: how for name, (_, how) in self.ends.items()}
        assert ends == {"socket": 1012, "tunnel": 1012, "events": "complete"}, what
        for name, (at, _) in self.ends.items():
            assert at - self.began >= DRAIN_S - 0.1, f"{name} was cut {at - self.began:.2f} s after the {what} began"
            assert at - self.over < DRAIN_S + 15, f"{name} outlived the {what} by {at - self.over:.2f} s"


def test_none_is_cut_before_its_drain_time(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_DRAIN": f"{DRAIN_S}s"})
    version = 0
    url = own = ""

    def deploy(*words: str):
        nonlocal version, url, own
        version += 1
        urls = daemon.deploy(write(scripts, APP.replace("{version}", f"v{version}"), "lasting"), *words)
        own, url = sorted(urls, key=lambda each: "serve" in each)

    def client(*words: str):
        done = daemon.bimodal(*words)
        assert done.status == 0, done.output

    def stop(*words: str):
        for container in daemon.containers("lasting"):
            client("container", "stop", *words, "-y", container["task_id"])
        if not words:
            assert "ta-" not in daemon.bimodal("container", "list", "--json").output, "still listed"

    events = {
        "stop of the containers": stop,
        "graceful stop of the containers": lambda: stop("--graceful"),
        "rolling deploy": deploy,
        "deploy by recreate": lambda: deploy("--strategy", "recreate"),
        "rollback": lambda: client("app", "rollback", "lasting"),
        "rollover": lambda: client("app", "rollover", "lasting"),
        "stop of the app": lambda: client("app", "stop", "lasting", "-y"),
    }
    deploy()
    for what, event in events.items():
        eventually(lambda: daemon.get(url).status_code == 200, 30, "an answer")
        held = Held(daemon, url, own)
        server = daemon.get(own).text
        held.began = time.monotonic()
        event()
        held.over = time.monotonic()
        held.judge(what)
        heard = f"{server} heard 1012"
        eventually(lambda: heard in daemon.bimodal("app", "logs", "lasting").output, 20, f"{what}: {heard}")  # noqa: B023
    daemon.stop()
