"""A daemon as benchmarks start one: that of the outer tests, with the run's program, client and images."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from goals.rows import Context
from support.daemon import Daemon
from support.waiting import eventually


@contextlib.contextmanager
def started(context: Context, **settings: str) -> Iterator[Daemon]:
    """It answers; afterwards it is gone, and so is what it started, or AssertionError says what is left."""
    layers = {"BIMODAL_LAYERS": str(context.layers)} if context.layers else {}
    daemon = Daemon({**layers, **settings}, python=context.python, program=context.binary)
    try:
        yield daemon.start()
    finally:
        daemon.close()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A directory for the scripts of apps."""
    path = Path(tempfile.mkdtemp(prefix="bm-app-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


READY = 2  # of an app that is in use: scheduler.standby_ready


def reserve(daemon: Daemon) -> list[str]:
    """The states of its containers in reserve, sorted: loading, parked, ready."""
    return sorted(standby["state"] for standby in daemon.status()["standbys"])


def has_full_reserve(daemon: Daemon) -> bool:
    """None of it is being loaded, which takes time, or about to be."""
    states = reserve(daemon)
    return states.count("ready") >= READY and set(states) <= {"ready", "parked"}


# In the environment of the official client, whose command takes a second for each, most of it Python's start.
STOP = """
import asyncio, sys
from modal.client import _Client
from modal.exception import NotFoundError
from modal_proto import api_pb2

async def main():
    client = await _Client.from_env()
    for line in iter(sys.stdin.readline, ""):
        for task in line.split():
            try:
                await client._stub.ContainerStop(api_pb2.ContainerStopRequest(task_id=task))
            except NotFoundError:  # it ended by itself
                pass
        print("asked", flush=True)

asyncio.run(main())
"""


class Stopper:
    """Stops containers as `modal container stop` does, by a client that stays. Use it in `with`."""

    def __init__(self, daemon: Daemon, context: Context):
        self._daemon, self._python = daemon, context.python

    def __enter__(self) -> "Stopper":
        self._client = subprocess.Popen(
            [self._python, "-c", STOP],
            env=self._daemon.client_environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_) -> None:
        self._client.communicate(timeout=30)

    def stop_all(self) -> None:
        """Until no container is left."""
        tasks = [container["task_id"] for container in self._daemon.containers()]
        self._client.stdin.write(" ".join(tasks) + "\n")
        self._client.stdin.flush()
        assert self._client.stdout.readline() == "asked\n", "the client that stops containers ended"
        eventually(lambda: not self._daemon.containers(), 120, "no container left")
