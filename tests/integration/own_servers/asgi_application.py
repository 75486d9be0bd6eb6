import asyncio

going = asyncio.Event()


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await talk(receive, send)
    elif scope["type"] == "http":
        await answer(scope["path"], receive, send)


async def answer(path, receive, send):
    kind = b"text/event-stream" if path == "/stream" else b"text/plain"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    body = b"uvicorn"
    if path == "/stream":
        await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
        await going.wait()
        body = b"data: two\n\n"
    elif path == "/go":
        going.set()
    elif path == "/upload":
        body = str(await size_of_body(receive)).encode()
    await send({"type": "http.response.body", "body": body})


async def size_of_body(receive):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    return size


async def talk(receive, send):
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "chat"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text == "bye":
            return await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
        if text is not None:
            await send({"type": "websocket.send", "text": text.upper()})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"][::-1]})
