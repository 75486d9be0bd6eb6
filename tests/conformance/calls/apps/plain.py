"""Plain functions, called with .remote() and the like."""

import asyncio
import os

import modal

app = modal.App("plain")


@app.function(max_containers=2)
def add(a, b=1):
    return a + b


@app.function(max_containers=1)
def fail(text):
    raise ValueError(text)


@app.function()
def echo(value):
    return value


@app.function()
def where():
    return modal.current_input_id(), modal.current_function_call_id(), os.environ["MODAL_TASK_ID"]


@app.function()
async def nap(seconds):
    await asyncio.sleep(seconds)
    return seconds


@app.function()
def nested(n):
    return sum(add.remote(i) for i in range(n)) + sum(modal.Function.from_name("plain", "add").map(range(n)))


@app.function()
def big(size):
    return b"x" * size
