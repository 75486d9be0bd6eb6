"""Functions and classes that are called with options and arguments of their own."""

import os
import time
from pathlib import Path

import modal

app = modal.App("variants")
running = 0


@app.function()
def facts(nap=0):
    time.sleep(nap)
    data = Path("/data")
    return {
        "task": os.environ["MODAL_TASK_ID"],
        "word": os.environ.get("WORD"),
        "files": sorted(os.listdir(data)) if data.exists() else None,
    }


@app.function()
def fail():
    global running
    running += 1
    raise ValueError(f"try {running}")


@app.function()
async def together(n):
    import asyncio

    global running
    running += 1
    while running < n:
        await asyncio.sleep(0.01)
    return True


@app.function()
def sizes(values):
    return [len(values)] * len(values)


@app.function(single_use_containers=True)
def once(_):
    return os.environ["MODAL_TASK_ID"]


@app.cls()
class Counter:
    start: int = modal.parameter(default=0)

    @modal.enter()
    def enter(self):
        self.count = self.start

    @modal.method()
    def add(self, n):
        self.count += n
        return self.count, os.environ.get("WORD"), os.environ["MODAL_TASK_ID"]


@app.cls()
class Plain:
    @modal.method()
    def word(self):
        return os.environ.get("WORD")


@app.cls()
class Page:
    @modal.fastapi_endpoint()
    def page(self):
        return "page"
