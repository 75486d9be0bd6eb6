"""What every start does for the first time, done once before it counts: in a container in reserve.

The first connection of the client, its first call, the first app that is declared, and the first request of a FastAPI
application cost three times as much as the second ones (regular expressions are compiled, tables filled, classes made). They
are played here; the client's calls against a server that lives as long as that, in a folder that the container will never see.
Best effort: whatever fails is left for the start to find.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import threading

_PATIENCE = 5.0  # seconds for one scene

_APP = "bimodal-rehearsal"
_METHOD = "/modal.client.ModalClient/ClientHello"


def play():
    """Leaves nothing behind but the client's own thread, which a start would make anyway. Doesn't raise."""
    _play(_client, _app, _fastapi)


def play_start():
    """From the user's script to the first request. Doesn't raise."""
    _play(_app, _fastapi)


def _play(*scenes):
    for scene in scenes:
        with contextlib.suppress(Exception):
            scene()


def _client():
    from modal.client import Client
    from modal_proto import api_pb2

    with tempfile.TemporaryDirectory(prefix="bimodal-") as folder:
        path = os.path.join(folder, "api.sock")
        with _server(path), Client(f"unix://{path}", api_pb2.CLIENT_TYPE_CONTAINER, None) as client:
            client.hello()
            client.hello()


def _app():
    import modal
    from modal.app import _App

    try:
        app = modal.App(_APP, image=modal.Image.debian_slim().pip_install("fastapi[standard]"))

        def hello(name: str = "world"):
            return name

        app.function(serialized=True)(modal.fastapi_endpoint()(hello))
        app.function(serialized=True)(modal.asgi_app()(lambda: None))
    finally:
        _App._all_apps.pop(_APP, None)  # where the client looks for apps of one name


@contextlib.contextmanager
def _server(path):
    """Answers ClientHello there, on a thread of its own, while the context lasts."""
    listening, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(path, listening, over)), daemon=True)
    thread.start()
    try:
        if not listening.wait(_PATIENCE):
            raise TimeoutError
        yield
    finally:
        over.set()
        thread.join(_PATIENCE)


async def _serve(path, listening, over):
    from google.protobuf.empty_pb2 import Empty
    from grpclib.const import Cardinality, Handler
    from grpclib.server import Server
    from modal_proto import api_pb2

    class Hello:
        def __mapping__(self):
            async def answer(stream):
                await stream.recv_message()
                await stream.send_message(api_pb2.ClientHelloResponse())

            return {_METHOD: Handler(answer, Cardinality.UNARY_UNARY, Empty, api_pb2.ClientHelloResponse)}

    server = Server([Hello()])
    await server.start(path=path)
    listening.set()
    await asyncio.get_running_loop().run_in_executor(None, over.wait, 2 * _PATIENCE)
    server.close()
    await server.wait_closed()


def _fastapi():
    if "fastapi" not in sys.modules:  # not in this image
        return
    from fastapi import FastAPI
    from fastapi.middleware.cors import CORSMiddleware

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"])

    def hello(name: str = "world", count: int = 1):
        return {"hello": name, "count": count}

    app.add_api_route("/", hello, methods=["GET"])
    asyncio.run(asyncio.wait_for(_request(app), _PATIENCE))


async def _request(app):
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"name=rehearsal&count=2",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"user-agent", b"rehearsal")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        pass

    await app(scope, receive, send)
