"""WebSocket applications that the runner's tests serve."""

import asyncio
import json

from apps import plain


async def socket(scope, receive, send):
    """Does with each text what it says; echoes anything else, and prints how it ended."""
    assert scope["type"] == "websocket" and (await receive()) == {"type": "websocket.connect"}
    await send({"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-mine", b"1")]})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text == "fail":
            raise ValueError("as asked")
        if text == "return":
            return
        if text == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "enough"})
        elif text == "misuse":
            await send({"type": "websocket.send", "text": json.dumps(await misuse_socket(send))})
        elif text == "deaf":
            await asyncio.sleep(60)
        else:
            await send({**message, "type": "websocket.send"})
    print(json.dumps(message), flush=True)
    try:
        await send({"type": "websocket.send", "text": "too late"})
    except (OSError, RuntimeError) as error:
        print("send raised", type(error).__name__, flush=True)
    await receive()


async def misuse_socket(send):
    """The names of what send() raises for messages that it can't send."""
    errors = []
    for message in [
        {"type": "websocket.accept"},
        {"type": "websocket.send"},
        {"type": "websocket.send", "text": b"bytes"},
        {"type": "websocket.send", "bytes": "text"},
        {"type": "websocket.send", "text": "\ud800"},
        {"type": "websocket.close", "code": 1006},
        {"type": "websocket.close", "reason": "r" * 124},
        {"type": "websocket.http.response.start", "status": 200},
        {"type": "http.response.start", "status": 200},
    ]:
        try:
            await send(message)
            errors.append(None)
        except Exception as error:
            errors.append(type(error).__name__)
    return errors


async def show_socket(scope, receive, send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": json.dumps(plain(scope))})
    await send({"type": "websocket.close"})


async def early_socket(scope, receive, send):
    """By its path: refuses, denies, fails or returns before it accepts, or waits to be told that the caller left."""
    path = scope["path"]
    if path == "/refuse":
        await send({"type": "websocket.close"})
    elif path == "/deny":
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"a", b"b")]})
        await send({"type": "websocket.http.response.body", "body": b"who?"})
    elif path == "/fail":
        raise ValueError("before it accepts")
    elif path == "/wait":
        await receive()
        print(json.dumps(await receive()), flush=True)


async def push_for_ever(scope, receive, send):
    """Sends as fast as it may; ends by what send() raises when the caller is gone."""
    sent = 0
    await send({"type": "websocket.accept"})
    try:
        while True:
            await send({"type": "websocket.send", "bytes": b""})
            sent += 1
    finally:
        print("sent", sent, flush=True)
