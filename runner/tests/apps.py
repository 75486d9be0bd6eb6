"""Applications that the runner's tests serve."""

import asyncio
import contextvars
import gc
import json
import os
import resource
import sys
import threading
from pathlib import Path

input_id = contextvars.ContextVar("input_id")
function_call_id = contextvars.ContextVar("function_call_id")


async def respond(send, body=b"Hello, world!", status=200, headers=((b"content-type", b"text/plain"),), **extra):
    await send({"type": "http.response.start", "status": status, "headers": list(headers), **extra})
    await send({"type": "http.response.body", "body": body})


HELLO_HEADERS = ((b"content-type", b"text/plain"), (b"content-length", b"13"))


async def hello(scope, receive, send):
    await respond(send, headers=HELLO_HEADERS)


def plain(value):
    """`value` as JSON can hold it, with types visible."""
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, tuple):
        return {"tuple": [plain(item) for item in value]}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


async def show_scope(scope, receive, send):
    await respond(send, json.dumps(plain(scope)).encode())


async def change_scope(scope, receive, send):
    """Shows what an earlier request could have left behind, and tries to leave something."""
    shared = [scope["state"], scope["extensions"], scope]
    seen = [sorted(map(str, one)) for one in shared]
    for one in shared:
        one["left behind"] = True
    await respond(send, json.dumps(seen).encode())


async def show_ids(scope, receive, send):
    before = [input_id.get(), function_call_id.get()]
    await asyncio.sleep(0)
    child = await asyncio.create_task(_ids())
    await respond(send, json.dumps([before, [input_id.get(), function_call_id.get()], child]).encode())


async def _ids():
    return [input_id.get(), function_call_id.get()]


async def echo(scope, receive, send):
    """Answers with the body, chunk by chunk."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        assert message["type"] == "http.request", message
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})


async def count_body(scope, receive, send):
    size, messages, more = 0, 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        messages += 1
        more = message["more_body"]
    await respond(send, json.dumps([size, messages]).encode())


async def download(scope, receive, send):
    """As many bytes as the query says, in chunks of 1 MiB."""
    size = int(scope["query_string"])
    chunk = bytes(1024 * 1024)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while size > 0:
        part = chunk[: min(size, len(chunk))]
        size -= len(part)
        await send({"type": "http.response.body", "body": part, "more_body": size > 0})


async def one_large_body(scope, receive, send):
    await respond(send, b"x" * int(scope["query_string"]))


async def early(scope, receive, send):
    """Answers without reading the body, and says afterwards what receive() gives."""
    await respond(send, b"no need", 413)
    message = await receive()
    print("after the response:", message["type"], flush=True)


async def other_body_types(scope, receive, send):
    await send(
        {"type": "http.response.start", "status": 200, "headers": (pair for pair in [[b"a", b"1"], (b"b", b"2")])}
    )
    await send({"type": "http.response.body", "body": bytearray(b"one"), "more_body": True})
    await send({"type": "http.response.body", "body": memoryview(b"two"), "more_body": True})
    await send({"type": "http.response.body", "more_body": True})
    await send({"type": "http.response.body"})


async def head_first(scope, receive, send):
    """An empty chunk sends the head at once."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    await receive()
    await receive()


async def trailers(scope, receive, send):
    await respond(send, b"with trailers", trailers=True)
    await send({"type": "http.response.trailers", "headers": [(b"checksum", b"1")], "more_trailers": True})
    await send({"type": "http.response.trailers", "headers": [(b"rows", b"2")]})


async def fail_before(scope, receive, send):
    raise ValueError("before\nthe start")


async def fail_after(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"part", "more_body": True})
    raise ValueError("after the start")


async def fail_complete(scope, receive, send):
    await respond(send, b"complete", 500)
    raise ValueError("after the response")


async def no_response(scope, receive, send):
    pass


async def half_response(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def cancel_itself(scope, receive, send):
    asyncio.current_task().cancel()
    await asyncio.sleep(10)


async def leave(scope, receive, send):
    if scope["query_string"] == b"later":
        await asyncio.sleep(0)
    raise SystemExit(3)


def not_a_coroutine(scope, receive, send):
    return 7


class Awaited:
    """An application that returns an awaitable that is no coroutine."""

    def __call__(self, scope, receive, send):
        self.send = send
        return self

    def __await__(self):
        return respond(self.send, b"awaited").__await__()


awaited = Awaited()


async def misuse(scope, receive, send):
    """What send() says about wrong messages, and that the request survives it."""
    errors = []
    for message in [
        7,
        {},
        {"type": "http.response.body", "body": b""},
        {"type": "http.response.start"},
        {"type": "http.response.start", "status": "200"},
        {"type": "http.response.start", "status": 200, "headers": [("a", "b")]},
        {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b", b"c")]},
        {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b" * 200000)]},
        {"type": "http.response.trailers", "headers": []},
        {"type": "http.unheard.of"},
    ]:
        try:
            await send(message)
            errors.append(None)
        except Exception as error:
            errors.append(type(error).__name__)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for message in [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": "text"},
    ]:
        try:
            await send(message)
            errors.append(None)
        except Exception as error:
            errors.append(type(error).__name__)
    await send({"type": "http.response.body", "body": json.dumps(errors).encode()})
    try:
        await send({"type": "http.response.body", "body": b"more"})
    except RuntimeError as error:
        print("after the end:", error, flush=True)


async def background(scope, receive, send):
    """Works on for a while after the response."""
    await respond(send)
    await asyncio.sleep(0.2)
    print("background done", flush=True)


async def wait_for_disconnect(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    assert (await receive())["type"] == "http.request"
    message = await receive()
    print("received", message["type"], flush=True)
    try:
        for _ in range(100):  # the first ones are ignored: another task may just be about to end this one
            await send({"type": "http.response.body", "body": b"second", "more_body": True})
    except OSError as error:
        print("send raised", type(error).__name__, flush=True)


async def listen_for_ever(scope, receive, send):
    """Has a task that asks for the next message whatever came before, beside the one that answers."""

    async def listen():
        while True:
            await receive()

    listener = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await respond(send)
    await asyncio.sleep(0.05)
    listener.cancel()


async def stream_for_ever(scope, receive, send):
    """Sends as fast as it may; ends by what send() raises when the caller is gone."""
    sent = 0
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        while True:
            await send({"type": "http.response.body", "body": bytes(16 * 1024), "more_body": True})
            sent += 16
    finally:
        print("sent KiB", sent, flush=True)


async def sleep(scope, receive, send):
    try:
        await asyncio.sleep(float(scope["query_string"] or b"60"))
    except asyncio.CancelledError:
        print("cancelled in the application", flush=True)
        raise
    await respond(send)


async def ignore_cancel(scope, receive, send):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        try:
            await respond(send, b"anyway")
        except OSError as error:
            print("send raised", type(error).__name__, flush=True)


async def two_receivers(scope, receive, send):
    """Two wait in receive(); the first, driven by hand, is woken by the message and then gives up."""
    first = receive()
    woken = first.send(None)
    second = asyncio.create_task(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ready;", "more_body": True})
    await asyncio.wait([woken])
    first.close()
    message = await second
    await send({"type": "http.response.body", "body": message["body"]})


async def timed_receive(scope, receive, send):
    """A receive() that timed out takes no message away."""
    try:
        await asyncio.wait_for(receive(), 0.02)
    except asyncio.TimeoutError:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"timed out;", "more_body": True})
    message = await receive()
    await send({"type": "http.response.body", "body": message["body"]})


async def from_threads(scope, receive, send):
    """receive() and send() called on another thread, as WSGI adapters do."""
    loop = asyncio.get_running_loop()

    def work():
        message = asyncio.run_coroutine_threadsafe(receive(), loop).result(5)
        for event in (
            {"type": "http.response.start", "status": 200, "headers": []},
            {
                "type": "http.response.body",
                "body": message["body"] + b" on " + threading.current_thread().name.encode(),
            },
        ):
            asyncio.run_coroutine_threadsafe(send(event), loop).result(5)

    thread = threading.Thread(target=work, name="a thread")
    thread.start()
    await asyncio.to_thread(thread.join)


async def unawaited_sends(scope, receive, send):
    """Sends in tasks that nobody waits for, more than there is credit for, and returns."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for last in (False, True):
        send({"type": "http.response.body", "body": bytes(300 * 1024), "more_body": not last})


async def inspect_task(scope, receive, send):
    import inspect

    task = asyncio.current_task()
    coroutine = task.get_coro()
    await asyncio.sleep(0)
    state = inspect.getcoroutinestate(coroutine)
    await respond(
        send, json.dumps([state, asyncio.iscoroutine(coroutine), "inspect_task" in repr(coroutine.cr_code)]).encode()
    )


async def usage(scope, receive, send):
    """What this process holds: memory blocks, objects, references to shared constants, and its peak in KiB."""
    gc.collect()
    held = {
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
        "references": sum(map(sys.getrefcount, (None, True, False, b"", "", "http", "GET", "http.request"))),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    await respond(send, json.dumps(held).encode())


async def touch_everything(scope, receive, send):
    """Every path that allocates: body, waiting receive(), streamed response, a disconnect."""
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": message["body"], "more_body": True})
    while message["more_body"]:
        message = await receive()
    await send({"type": "http.response.body"})
    await receive()
    if scope["query_string"] == b"fail":
        raise OSError("expected")


async def die(scope, receive, send):
    os._exit(0)


async def send_path(scope, receive, send):
    """Answers with the file that the query names; errors of that go into the body."""
    trailers = scope["path"] == "/trailers"
    await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": trailers})
    try:
        path = scope["query_string"].decode()
        await send({"type": "http.response.pathsend", "path": Path(path) if scope["path"] == "/object" else path})
    except (OSError, ValueError) as error:
        await send({"type": "http.response.body", "body": f"{type(error).__name__}: {error}".encode()})
    if trailers:
        await send({"type": "http.response.trailers", "headers": [(b"x-last", b"1")]})
    print("sent", flush=True)
