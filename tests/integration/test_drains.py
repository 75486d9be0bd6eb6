"""WebSockets and event streams outlive what takes their container away, for the drain time, and then end cleanly."""

import threading
import time

import httpx
from support.apps import write
from support.waiting import eventually
from support.websocket import open_websocket
from websockets.exceptions import ConnectionClosed

APP = """
import asyncio

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
"""

DRAIN_S = 3


class Held:
    """A WebSocket and an event stream, and when and how each ended."""

    def __init__(self, daemon, url: str):
        self.began = 0.0
        self.ends: dict[str, tuple[float, object]] = {}
        self._socket = open_websocket(daemon, url + "/echo")
        self._socket.send("hello")
        assert self._socket.recv() == "hello"
        self._events = threading.Event()
        self._threads = [
            threading.Thread(target=self._hold_socket),
            threading.Thread(target=self._hold_events, args=(daemon, url)),
        ]
        for thread in self._threads:
            thread.start()
        assert self._events.wait(30)

    def _hold_socket(self):
        try:
            while True:
                self._socket.recv()
        except ConnectionClosed as closed:
            self.ends["socket"] = (time.monotonic(), closed.rcvd.code if closed.rcvd else None)

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
        assert {name: how for name, (_, how) in self.ends.items()} == {"socket": 1012, "events": "complete"}, what
        for name, (at, _) in self.ends.items():
            assert at - self.began >= DRAIN_S - 0.1, f"{name} was cut {at - self.began:.2f} s after the {what} began"


def test_none_is_cut_before_its_drain_time(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_DRAIN": f"{DRAIN_S}s"})
    version = 0
    url = ""

    def deploy(*words: str):
        nonlocal version, url
        version += 1
        (url,) = daemon.deploy(write(scripts, APP.replace("{version}", f"v{version}"), "lasting"), *words)

    def client(*words: str):
        done = daemon.bimodal(*words)
        assert done.status == 0, done.output

    events = {
        "rolling deploy": deploy,
        "deploy by recreate": lambda: deploy("--strategy", "recreate"),
        "rollback": lambda: client("app", "rollback", "lasting"),
        "rollover": lambda: client("app", "rollover", "lasting"),
        "stop of the app": lambda: client("app", "stop", "lasting", "-y"),
    }
    deploy()
    for what, event in events.items():
        eventually(lambda: daemon.get(url).status_code == 200, 30, "an answer")
        held = Held(daemon, url)
        held.began = time.monotonic()
        event()
        held.judge(what)
    daemon.stop()
