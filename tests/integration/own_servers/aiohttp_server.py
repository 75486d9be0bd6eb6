import asyncio

from aiohttp import WSMsgType, web

going = asyncio.Event()


async def index(request: web.Request) -> web.Response:
    return web.Response(text="aiohttp")


async def upload(request: web.Request) -> web.Response:
    size = 0
    async for part in request.content.iter_any():
        size += len(part)
    return web.Response(text=str(size))


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: one\n\n")
    await going.wait()
    await response.write(b"data: two\n\n")
    return response


async def go(request: web.Request) -> web.Response:
    going.set()
    return web.Response()


async def websocket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=["chat"])
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT and message.data == "bye":
            await socket.close(code=4001, message=b"as asked")
        elif message.type == WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
        else:
            await socket.send_bytes(message.data[::-1])
    return socket


application = web.Application()
application.add_routes(
    [
        web.get("/", index),
        web.post("/upload", upload),
        web.get("/stream", stream),
        web.get("/go", go),
        web.get("/ws", websocket),
    ]
)
web.run_app(application, host="0.0.0.0", port=8001, print=None)
