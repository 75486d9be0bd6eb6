"""What is asked of every server: one row each."""

from __future__ import annotations

import dataclasses
import enum


class Interface(enum.Enum):
    ASGI = "asgi"
    WSGI = "wsgi"
    WEBSOCKET = "websocket"


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    module: str  # of apps/, which has `application`
    function: str  # of apps/bimodal_app.py, which serves that
    interface: Interface = Interface.ASGI
    path: str = "/"
    method: str = "GET"
    headers: tuple[str, ...] = ()
    body: bytes = b""
    expected: bytes = b""  # the answer
    message_bytes: int = 0  # of a WebSocket
    deflate: bool = False
    connections: int = 32
    offered_per_s: float = 0  # for latency: well below what any peer can do

    @property
    def header_fields(self) -> dict[str, str]:
        return dict(header.split(": ", 1) for header in self.headers)

    @property
    def probe_path(self) -> str:
        """Where the application answers plain HTTP, which shows that it is there."""
        return "/10k" if self.interface is Interface.WEBSOCKET else self.path


JSON = ("Content-Type: application/json",)
ITEM = b'{"name":"screw","price":0.25,"tags":["small","steel"]}'
TEN_KB = b"0123456789" * 1024
MIB = b"0123456789abcdef" * 65536


def paths(name: str, path: str, **fields) -> Workload:
    return Workload(name, "asgi_paths", "paths", path=path, **fields)


def websocket(name: str, message_bytes: int, **fields) -> Workload:
    return Workload(name, "asgi_paths", "paths", Interface.WEBSOCKET, message_bytes=message_bytes, **fields)


RAW = Workload("raw ASGI, 13 B", "raw_asgi", "raw", expected=b"Hello, world!", offered_per_s=8000)
FASTAPI = Workload(
    "FastAPI, async def", "fastapi_app", "fastapi", expected=b'{"message":"Hello, world!"}', offered_per_s=2000
)
FLASK = Workload("Flask hello", "flask_app", "flask", Interface.WSGI, expected=b"Hello, world!", offered_per_s=1500)
WEBSOCKET = websocket("WebSocket echo, 20 B", 20, offered_per_s=8000)

ALL = (
    RAW,
    paths("raw ASGI, 10 KB", "/10k", expected=TEN_KB),
    paths("POST echo, 10 KB", "/echo", method="POST", body=TEN_KB, expected=TEN_KB),
    paths("POST echo, 1 MiB", "/echo", method="POST", body=MIB, expected=MIB, connections=4),
    FASTAPI,
    dataclasses.replace(FASTAPI, name="FastAPI, def", path="/def", offered_per_s=1000),
    Workload(
        "FastAPI + pydantic, POST",
        "fastapi_app",
        "fastapi",
        path="/items",
        method="POST",
        headers=JSON,
        body=ITEM,
        expected=ITEM,
    ),
    FLASK,
    Workload("Flask JSON echo", "flask_app", "flask", Interface.WSGI, "/json", "POST", JSON, ITEM, ITEM + b"\n"),
    paths("SSE, 20 events", "/events", expected=(b"data: " + b"x" * 100 + b"\n\n") * 20),
    WEBSOCKET,
    websocket("WebSocket echo, 4 KB", 4096),
    websocket("WebSocket echo, 4 KB, deflate", 4096, deflate=True),
    paths("sleep 5 ms", "/sleep-5-ms", expected=b"slept", connections=64),
    paths("sleep 100 ms", "/sleep-100-ms", expected=b"slept", connections=256),
    paths("spin 1 ms", "/spin-1-ms", expected=b"span"),
)
