"""The script of a user, as a container imports it. What happens is printed."""

import asyncio
import json
import os
import time
from pathlib import Path

import modal

app = modal.App("runner-tests", image=modal.Image.debian_slim())


def say(*words):
    print(*words, flush=True)


async def ids_app(scope, receive, send):
    """Prints its lifespan, and answers with the ids that the client's functions give."""
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["started"] = "yes"
        say("startup")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        say("shutdown")
        await send({"type": "lifespan.shutdown.complete"})
        return
    gate = scope["query_string"].decode()
    while gate and not Path(gate).exists():
        await asyncio.sleep(0.01)
    body = [modal.current_input_id(), modal.current_function_call_id(), dict(scope["state"]), scope["path"]]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@app.function()
@modal.asgi_app()
def plain():
    return ids_app


@app.function()
@modal.fastapi_endpoint()
def endpoint(name: str = "World"):
    return f"Hello, {name}"


@app.function()
@modal.wsgi_app()
def wsgi():
    def answer(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("content-type", "text/plain")])
        return [b"wsgi ", environ["REQUEST_METHOD"].encode(), b" ", body]

    return answer


@app.function()
@modal.asgi_app()
def broken():
    raise RuntimeError("no application today")


@app.function()
def double(number):
    return 2 * number


@app.function()
def fail(word):
    raise ValueError(word)


@app.function()
def repeat(text, times):
    return text * times


@app.function()
def numbers(count):
    yield from range(count)


@app.function()
def nap(seconds):
    say("napping")
    time.sleep(seconds)
    return "rested"


@app.function()
async def double_later(number):
    return 2 * number


@app.function()
async def fail_later(word):
    raise ValueError(word)


@app.function()
async def numbers_later(count):
    for number in range(count):
        yield number


@app.function()
async def nap_later(seconds):
    say("napping")
    await asyncio.sleep(seconds)
    return "rested"


@app.cls()
class Web:
    @modal.enter()
    def load(self):
        self.model = "model"
        say("enter")

    @modal.exit()
    def unload(self):
        say("exit")

    @modal.asgi_app()
    def first(self):
        return ids_app

    @modal.fastapi_endpoint()
    async def second(self):
        return [self.model, modal.current_input_id(), os.environ["MODAL_TASK_ID"]]
