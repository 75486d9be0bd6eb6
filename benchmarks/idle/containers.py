"""Containers that wait: an app that keeps a number of them, which of the daemon's processes they are, and their memory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cold.callers import Caller, all_at_once, is_whole
from daemons import folder, has_full_reserve, started
from goals.rows import Context
from support.apps import write
from support.forks import unshared_bytes, zygote_processes
from support.waiting import eventually

from idle.processes import tree

CALLED = "bench-called"  # what the process of a container calls itself once it has served a request

APP = """
import time

import modal

app = modal.App("idle")


@app.function(max_containers={count}, scaledown_window=1200)
@modal.fastapi_endpoint()
def idle(seconds: float = 0.0):
    with open("/proc/self/comm", "w") as name:
        name.write("{called}")
    time.sleep(seconds)
    return "idle"
"""


@contextlib.contextmanager
def idle_containers(context: Context, count: int) -> Iterator[tuple]:
    """(daemon, URL) with that many containers that requests have started, that served one each, and wait."""
    settings = {"BIMODAL_IDLE_TIMEOUT": "1h", "BIMODAL_HOST_MEMORY": "100GiB"}
    with started(context, **settings) as daemon, folder() as scripts:
        (url,) = daemon.deploy(write(scripts, APP.format(count=count, called=CALLED), "idle"))
        eventually(lambda: has_full_reserve(daemon), 60, "a full reserve")
        eventually(lambda: call_each(daemon, url, count), 120, "a request to each container")
        eventually(lambda: has_full_reserve(daemon), 60, "a full reserve")
        yield daemon, url


def call_each(daemon, url: str, count: int) -> bool:
    """A container takes one request at a time, so that as many at once reach all, if the first ends after the last begins."""
    callers = [Caller(url, "?seconds=0.5") for _ in range(count)]
    all_at_once([one.socket for one in callers], [one.request for one in callers], is_whole)
    for one in callers:
        one.close()
    return len(served(daemon)) == count


def served(daemon) -> list[int]:
    """Pythons of containers that have served a request."""
    return [pid for pid in tree(daemon.info["pid"]) if read(pid, "comm").strip() == CALLED]


def memory_of_each(daemon) -> list[int]:
    """Bytes that the end of each such container would give back: its Python and its init, which have cgroups in common."""
    return memory_with_cgroup(daemon, served(daemon))


def memory_in_reserve(daemon) -> list[int]:
    """The same for those that wait in reserve, the smallest first."""
    waiting = set(zygote_processes(daemon, depth=3)) - set(served(daemon))
    return sorted(memory_with_cgroup(daemon, list(waiting)))


def memory_with_cgroup(daemon, pids: list[int]) -> list[int]:
    groups: dict[str, list[int]] = {}
    for pid in tree(daemon.info["pid"]):
        groups.setdefault(read(pid, "cgroup"), []).append(pid)
    return [sum(unshared_bytes(one) for one in groups[read(pid, "cgroup")]) for pid in pids]


def read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it ended
        return ""
