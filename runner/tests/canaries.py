"""One application with what FastAPI's and Starlette's own suites care about. It runs under uvicorn and under the runner,
and notes what happens inside it: GET /events gives the notes and forgets them.
"""

import asyncio
import contextlib
import contextvars
import tempfile
from pathlib import Path

from fastapi import BackgroundTasks, Depends, FastAPI, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

events: list[str] = []
variable = contextvars.ContextVar("variable", default="unset")

FOLDER = Path(tempfile.gettempdir()) / "bimodal-canaries"
FOLDER.mkdir(exist_ok=True)
FILE = FOLDER / "letters.txt"
if not FILE.exists():
    FILE.write_bytes(b"abcdefghijklmnopqrstuvwxyz" * 4000)

canary_app = FastAPI()


@canary_app.get("/events")
async def take_events():
    taken = list(events)
    events.clear()
    return taken


# Handlers, parameters, errors.


@canary_app.get("/async/{word}")
async def handler(word: str, count: int = 1):
    return {"word": word * count}


@canary_app.get("/threaded")
def threaded():
    return {"variable": variable.get()}


@canary_app.get("/scope")
async def scope(request: Request):
    known = ("type", "http_version", "method", "path", "root_path")
    shown = {name: request.scope[name] for name in known}
    return {**shown, "raw_path": request.scope["raw_path"].decode(), "query": request.scope["query_string"].decode()}


class Teapot(Exception):
    pass


@canary_app.exception_handler(Teapot)
async def on_teapot(request, error):
    return JSONResponse({"why": str(error)}, 418)


@canary_app.get("/teapot")
async def teapot():
    raise Teapot("short and stout")


@canary_app.get("/http-exception")
async def http_exception():
    raise HTTPException(409, "conflict", headers={"x-why": "because"})


@canary_app.get("/unhandled")
async def unhandled():
    raise RuntimeError("nobody handles this")


class Item(BaseModel):
    name: str
    price: float = 1.5


@canary_app.post("/item")
async def item(item: Item):
    return item


@canary_app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type=request.headers.get("content-type"))


@canary_app.get("/no-content", status_code=204)
async def no_content():
    pass


@canary_app.get("/cookies")
async def cookies():
    response = PlainTextResponse("crumbs")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return response


@canary_app.get("/redirect")
async def redirect():
    return RedirectResponse("/async/there")


@canary_app.get("/large")
async def large():
    return PlainTextResponse("x" * 300_000)


# Dependencies and background work: what runs when.


async def resource():
    events.append("opened")
    try:
        yield "resource"
    finally:
        events.append("closed")


@canary_app.get("/dependency")
async def dependency(tasks: BackgroundTasks, got: str = Depends(resource)):
    tasks.add_task(note_later, "in the background")
    events.append("handled")
    return got


async def note_later(text):
    await asyncio.sleep(0.01)
    events.append(text)


def note_in_thread(text):
    events.append(text)


@canary_app.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(note_later, "first")
    tasks.add_task(note_in_thread, "second")
    return "answered"


@canary_app.get("/failing-background")
async def failing_background(tasks: BackgroundTasks):
    def fail():
        events.append("failing")
        raise RuntimeError("in the background")

    tasks.add_task(fail)
    tasks.add_task(note_later, "never")
    return "answered"


# Streams.


async def letters():
    for letter in "abc":
        yield letter
        await asyncio.sleep(0)


def threaded_letters():
    yield from "abc"


async def broken_letters():
    yield "a"
    raise RuntimeError("in the stream")


@canary_app.get("/stream/{kind}")
async def stream(kind: str):
    generators = {"async": letters, "threaded": threaded_letters, "broken": broken_letters}
    return StreamingResponse(generators[kind](), media_type="text/event-stream")


@canary_app.get("/stream-with-background")
async def stream_with_background(tasks: BackgroundTasks):
    tasks.add_task(note_later, "behind the stream")
    return StreamingResponse(letters(), background=tasks)


# Files and forms.


@canary_app.get("/file")
@canary_app.head("/file")
async def file():
    return FileResponse(FILE, filename="letters.txt")


canary_app.mount("/static", StaticFiles(directory=FOLDER))


@canary_app.post("/form")
async def form(name: str = Form(), age: int = Form(7)):
    return {"name": name, "age": age}


@canary_app.post("/upload")
async def upload(kept: UploadFile = File(), note: str = Form("")):
    content = await kept.read()
    return {"name": kept.filename, "type": kept.content_type, "size": len(content), "note": note}


# Callers that leave. Each notes how it ends, and "over" last.


@contextlib.contextmanager
def noting(name):
    events.append(f"{name} began")
    try:
        yield
        events.append(f"{name} ended")
    except BaseException as error:
        events.append(f"{name}: {type(error).__name__}")
        raise
    finally:
        events.append("over")


@canary_app.get("/leave/polling")
async def polling(request: Request):
    with noting("polling"):
        while not await request.is_disconnected():
            await asyncio.sleep(0.005)
        events.append("noticed")
    return "nobody hears"


async def for_ever(name):
    with noting(name):
        while True:
            yield b"data: tick\n\n"
            await asyncio.sleep(0.005)


@canary_app.get("/leave/stream")
async def endless():
    return StreamingResponse(for_ever("stream"), media_type="text/event-stream")


@canary_app.get("/leave/background")
async def endless_with_background(tasks: BackgroundTasks):
    tasks.add_task(note_later, "in the background though the caller left")
    return StreamingResponse(for_ever("stream"), background=tasks)


@canary_app.get("/leave/deaf")
async def deaf():
    with noting("deaf"):
        await asyncio.sleep(0.2)
    return "nobody hears"


@canary_app.post("/leave/upload")
async def interrupted(request: Request):
    with noting("upload"):
        try:
            async for chunk in request.stream():
                pass
        except ClientDisconnect:
            events.append("disconnected")
            raise


# Middleware, each on an application of its own.


class Tag(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        variable.set("by the middleware")
        if request.url.path.endswith("/refused"):
            return PlainTextResponse("refused", 403)
        response = await call_next(request)
        response.headers["x-tag"] = "tagged"
        return response


class Shout:
    """Plain ASGI middleware."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def louder(message):
            if message["type"] == "http.response.body":
                message = {**message, "body": message.get("body", b"").upper()}
            await send(message)

        await self.app(scope, receive, louder)


def wrapped(middleware, **options):
    inner = FastAPI()
    inner.add_middleware(middleware, **options)
    inner.get("/hello")(lambda: "hello " * 200)
    inner.get("/stream")(lambda: StreamingResponse(letters()))
    inner.get("/variable")(threaded)
    inner.get("/unhandled")(unhandled)
    inner.post("/echo")(echo)
    inner.get("/leave")(lambda: StreamingResponse(for_ever("wrapped")))
    inner.get("/background")(background)
    return inner


canary_app.mount("/tagged", wrapped(Tag))
canary_app.mount("/shouted", wrapped(Shout))
canary_app.mount("/zipped", wrapped(GZipMiddleware, minimum_size=100))
