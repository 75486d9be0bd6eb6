"""FastAPI and Starlette applications that the runner's tests serve."""

import asyncio

from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

fastapi_app = FastAPI()
fastapi_app.add_middleware(CORSMiddleware, allow_origins=["*"])


class Item(BaseModel):
    name: str
    qty: int = 42


@fastapi_app.get("/")
async def hello(name: str = "World"):
    return {"hello": name}


@fastapi_app.get("/sync")
def in_a_thread(request: Request):
    return {"client": request.client.host, "state": request.state.from_lifespan, "url": str(request.url)}


@fastapi_app.post("/item")
async def item(item: Item):
    return item


@fastapi_app.post("/upload")
async def upload(request: Request):
    return {"size": sum([len(chunk) async for chunk in request.stream()])}


@fastapi_app.get("/fail")
async def fail():
    raise RuntimeError("in the handler")


@fastapi_app.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(lambda: print("background task ran", flush=True))
    return "ok"


async def _numbers():
    for number in range(5):
        yield f"data: {number}\n\n"
        await asyncio.sleep(0)


@fastapi_app.get("/stream")
async def stream():
    return StreamingResponse(_numbers(), media_type="text/event-stream")


async def _for_ever():
    while True:
        yield b"x" * 1024
        await asyncio.sleep(0.001)


@fastapi_app.get("/for-ever")
async def for_ever():
    return StreamingResponse(_for_ever())


class Tag(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-tag"] = "tagged"
        return response


async def _echo(request):
    return PlainTextResponse(await request.body())


starlette_app = Starlette(
    routes=[Route("/echo", _echo, methods=["POST"]), Route("/stream", lambda r: StreamingResponse(_numbers()))]
)
starlette_app.add_middleware(Tag)
