"""The applications whose starts are measured."""

HELLO = """
import modal

app = modal.App("cold")


@app.function()
@modal.fastapi_endpoint()
def hello():
    return "hello"
"""

SNAPPED = """
import modal
from fastapi import FastAPI

app = modal.App("snapped")
web_app = FastAPI()


@web_app.get("/")
def hello():
    return "hello"


@app.function(enable_memory_snapshot=True)
@modal.asgi_app()
def cold():
    return web_app
"""

# Of several at once none is answered before each has its container: a container takes one input at a time, and the
# answer tells which one it was.
BURST = """
import os
import time

import modal

app = modal.App("burst")


@app.function(max_containers=200)
@modal.fastapi_endpoint()
def burst(seconds: float = 0.0):
    time.sleep(seconds)
    return os.environ["MODAL_TASK_ID"]
"""
