"""Raw ASGI beyond the 13 bytes of raw_asgi: a path for each workload. Served by every peer from this very file."""

import asyncio
import time

from raw_asgi import respond_to_lifespan

TEXT = b"text/plain; charset=utf-8"
TEN_KB = b"0123456789" * 1024
EVENTS, EVENT = 20, b"data: " + b"x" * 100 + b"\n\n"


async def answer(send, body: bytes, kind: bytes = TEXT):
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def ten_kb(receive, send):
    await answer(send, TEN_KB)


async def echo(receive, send):
    parts = []
    while True:
        message = await receive()
        parts.append(message["body"])
        if not message.get("more_body"):
            break
    await answer(send, b"".join(parts))


async def events(receive, send):
    """Each event is a message of its own, as a server that streams them has it."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for _ in range(EVENTS):
        await send({"type": "http.response.body", "body": EVENT, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def sleep_5_ms(receive, send):
    await asyncio.sleep(0.005)
    await answer(send, b"slept")


async def sleep_100_ms(receive, send):
    await asyncio.sleep(0.1)
    await answer(send, b"slept")


async def spin_1_ms(receive, send):
    end = time.perf_counter() + 0.001
    while time.perf_counter() < end:
        pass
    await answer(send, b"span")


async def websocket_echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


PATHS = {
    "/10k": ten_kb,
    "/echo": echo,
    "/events": events,
    "/sleep-5-ms": sleep_5_ms,
    "/sleep-100-ms": sleep_100_ms,
    "/spin-1-ms": spin_1_ms,
}


async def application(scope, receive, send):
    if scope["type"] == "http":
        await PATHS[scope["path"]](receive, send)
    elif scope["type"] == "websocket":
        await websocket_echo(receive, send)
    else:
        await respond_to_lifespan(receive, send)
