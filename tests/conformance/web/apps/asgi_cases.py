"""One ASGI application with a route for each thing that a server can get wrong, served on both paths."""

import asyncio
import hashlib
import json
import os

import modal
import modal.experimental

app = modal.App("asgi-cases")
own_path = modal.Secret.from_dict({"BIMODAL_RUNNER_TAKEOVER": "0"})

events = []  # what happened after a response, or instead of one


class Response:
    def __init__(self, send):
        self.send = send

    async def start(self, status=200, headers=(), **more):
        await self.send({"type": "http.response.start", "status": status, "headers": list(headers), **more})

    async def body(self, body=b"", more_body=False):
        await self.send({"type": "http.response.body", "body": body, "more_body": more_body})

    async def json(self, value):
        await self.start(headers=[(b"content-type", b"application/json")])
        await self.body(json.dumps(value).encode())


async def scope(scope, receive, response):
    def shown(value):
        if isinstance(value, dict):
            return {key: shown(one) for key, one in value.items()}
        if isinstance(value, list):
            return [shown(one) for one in value]
        if isinstance(value, tuple):
            return {"tuple": [shown(one) for one in value]}
        return {"bytes": value.decode("latin-1")} if isinstance(value, bytes) else value

    await response.json(shown({key: value for key, value in scope.items() if key != "state"}))


async def ids(scope, receive, response):
    await asyncio.sleep(0.01)
    await response.json([modal.current_input_id(), modal.current_function_call_id()])


async def state(scope, receive, response):
    scope["state"]["seen"] = scope["state"].get("seen", 0) + 1
    scope["state"]["list"].append(1)
    await response.json([scope["state"]["seen"], len(scope["state"]["list"]) > 0, scope["state"]["from"]])


async def digest(scope, receive, response):
    total, seen = 0, hashlib.sha256()
    while True:
        message = await receive()
        total += len(message.get("body", b""))
        seen.update(message.get("body", b""))
        if not message.get("more_body"):
            break
    await response.json([total, seen.hexdigest()])


async def chunks(scope, receive, response):
    count, size = map(int, scope["query_string"].split(b","))
    await response.start()
    for i in range(count):
        await response.body(bytes([i % 256]) * size, more_body=True)
    await response.body()


async def ticks(scope, receive, response):
    """One chunk for each that the caller asks for by another request."""
    await response.start(headers=[(b"content-type", b"text/event-stream")])
    for i in range(3):
        while events.count("tick") <= i:
            await asyncio.sleep(0.005)
        await response.body(b"data: %d\n\n" % i, more_body=True)
    await response.body()


async def one_body(scope, receive, response):
    await response.start()
    await response.body(bytes(int(scope["query_string"])))


async def status(scope, receive, response):
    await response.start(
        int(scope["query_string"]), [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-odd", b"\xe9")]
    )
    await response.body(b"" if scope["query_string"] in (b"204", b"304") else b"done")


async def trailers(scope, receive, response):
    await response.start(headers=[(b"trailer", b"x-sum")], trailers=True)
    await response.body(b"body")
    await response.send({"type": "http.response.trailers", "headers": [(b"x-sum", b"42")], "more_trailers": False})


async def fail(scope, receive, response):
    raise ValueError("no answer\nfor you")


async def fail_late(scope, receive, response):
    await response.start(headers=[(b"content-length", b"100")])
    await response.body(b"half", more_body=True)
    raise ValueError("too late")


async def nothing(scope, receive, response):
    pass


async def early(scope, receive, response):
    """Answers without having read the body."""
    await response.json("early")


async def after(scope, receive, response):
    await response.json("sent")
    await asyncio.sleep(0.05)
    events.append("background")


async def until_gone(scope, receive, response):
    await response.start()
    await response.body(b"first", more_body=True)
    while (await receive())["type"] != "http.disconnect":
        pass
    events.append("gone")


async def after_the_end(scope, receive, response):
    await receive()
    await response.json("over")
    events.append((await receive())["type"])


async def together(scope, receive, response):
    together.now += 1
    together.most = max(together.most, together.now)
    while together.most < int(scope["query_string"]):
        await asyncio.sleep(0.005)
    together.now -= 1
    await response.json(together.most)


together.now = together.most = 0


async def seen(scope, receive, response):
    await response.json(events)


async def tick(scope, receive, response):
    events.append("tick")
    await response.json(len(events))


async def stop(scope, receive, response):
    await modal.experimental.stop_fetching_inputs.aio()
    await response.json(os.environ["MODAL_TASK_ID"])


async def task(scope, receive, response):
    await response.json(os.environ["MODAL_TASK_ID"])


routes = {
    f"/{route.__name__}": route
    for route in (
        scope, ids, state, digest, chunks, ticks, one_body, status, trailers, fail, fail_late, nothing, early, after,
        until_gone, after_the_end, together, seen, tick, stop, task,
    )
}  # fmt: skip


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"].update({"from": "lifespan", "list": []})
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("lifespan: shutdown", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    route = routes.get(scope["path"], routes["/scope"])
    await route(scope, receive, Response(send))


@app.function(max_containers=1)
@modal.concurrent(max_inputs=20)
@modal.asgi_app(label="asgi-cases-takeover")
def takeover():
    return application


@app.function(secrets=[own_path], max_containers=1)
@modal.concurrent(max_inputs=20)
@modal.asgi_app(label="asgi-cases-client")
def client():
    return application


async def stubborn(scope, receive, send):
    """Answers only the path /ok; else waits until it is cancelled."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    if scope["path"] != "/ok":
        try:
            await asyncio.sleep(3600)
        finally:
            events.append("cancelled")
    await Response(send).json(events)


@app.function(timeout=2)
@modal.asgi_app(label="stubborn-takeover")
def stubborn_takeover():
    return stubborn


@app.function(secrets=[own_path], timeout=2)
@modal.asgi_app(label="stubborn-client")
def stubborn_client():
    return stubborn
